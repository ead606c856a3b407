"""anchordiff: plan trajectories with diffusion over sparse anchors and one denoising pass."""

__version__ = "0.1.0"
