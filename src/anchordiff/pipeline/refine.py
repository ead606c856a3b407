"""From keypoints to a trajectory: interpolation, stage 2 and the clamp.

Notation: D(x, s) = Interp(x | M_s) keeps x at the anchors of level s and fills the rest in.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from anchordiff.anchors import AnchorSet
from anchordiff.denoiser import InterpDenoiser
from anchordiff.interpolation import interpolate, with_velocity
from anchordiff.masks import Even, MaskSampler, Nested
from anchordiff.nn.maze_encoder import MazeEncoding
from anchordiff.pipeline.config import Clamp, ClampDims


def fill_in(
    keypoints: Float[Tensor, "batch K dim"], anchors: AnchorSet
) -> Float[Tensor, "batch horizon dim"]:
    """Interpolate positions; with velocities (`dim` 4), these follow from the interpolated positions."""
    if keypoints.shape[2] == 4:
        return with_velocity(interpolate(keypoints[:, :, :2], anchors))
    return interpolate(keypoints, anchors)


def refine(
    denoiser: InterpDenoiser,
    coarse: Float[Tensor, "batch horizon dim"],
    anchors: AnchorSet,
    encoding: MazeEncoding,
    *,
    level: int,
    walk: bool,
) -> Float[Tensor, "batch horizon dim"]:
    """Run stage 2: one pass at `level`, or a walk from `level` down to 0.

    The walk is the improved sampling of cold diffusion (Bansal et al. 2022, algorithm 2): with the
    estimate x̂_0 of x_s,

        x_{s−1} = x_s − D(x̂_0, s) + D(x̂_0, s−1)   for s = level, …, 1.

    It never moves the states at the anchors it starts from.
    """
    levels = torch.full((len(coarse),), level, device=coarse.device)
    if not walk:
        return denoiser(coarse, levels, anchors, encoding)  # type: ignore[no-any-return]
    growth = denoiser.config.growth
    masks = Nested(_Given(anchors.mask), level, growth, fill=Even).sample(len(coarse), anchors.horizon)
    x_s = coarse
    for s in range(level, 0, -1):
        here = AnchorSet.from_mask(masks[:, s])
        estimate = denoiser(x_s, torch.full_like(levels, s), here, encoding)
        there = estimate if s == 1 else _degrade(estimate, AnchorSet.from_mask(masks[:, s - 1]))
        x_s = x_s - _degrade(estimate, here) + there
    return x_s


def clamp_states(
    trajectory: Float[Tensor, "batch horizon dim"],
    keypoints: Float[Tensor, "batch K dim"],
    anchors: AnchorSet,
    *,
    clamp: Clamp,
    dims: ClampDims,
) -> Float[Tensor, "batch horizon dim"]:
    """Put keypoints back in place: none, those at both ends, or all; their positions or the whole state."""
    if clamp == "none":
        return trajectory
    width = 2 if dims == "position" else trajectory.shape[2]
    held = trajectory.clone()
    if clamp == "endpoints":
        held[:, 0, :width] = keypoints[:, 0, :width]
        held[:, -1, :width] = keypoints[:, -1, :width]
        return held
    index = anchors.index[:, :, None].expand(-1, -1, width)
    held[:, :, :width] = held[:, :, :width].scatter(1, index, keypoints[:, :, :width])
    return held


def _degrade(x: Float[Tensor, "batch horizon dim"], anchors: AnchorSet) -> Float[Tensor, "batch horizon dim"]:
    return fill_in(anchors.gather(x), anchors)


@dataclass(frozen=True)
class _Given(MaskSampler):
    """A mask that is known already, as the base of nested masks."""

    mask: Bool[Tensor, "batch horizon"]

    def sample(
        self,
        batch: int,
        horizon: int,
        *,
        taken: Bool[Tensor, "batch horizon"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Bool[Tensor, "batch horizon"]:
        """Return the mask."""
        return self.mask
