"""Write the plans that later versions of the causal weights are held to; run once, when the weights were made.

python tests/golden/make_golden_causal.py
"""

import golden_numbers
import numpy as np
import torch

from anchordiff import TwoStagePipeline
from anchordiff.domains.maze import MazeCondition, ParticleMazeConfig, ParticleMazeDataset

CALLS = {
    "default": {},
    "longer": {"anchors": 12, "horizon": 100, "steps": 4},
    "loose": {"clamp": "none", "sampler": "ddim"},
}


def mazes() -> MazeCondition:
    """Four held-out mazes."""
    return ParticleMazeDataset(ParticleMazeConfig(split="held_out", seed=11)).batch(range(4)).condition


def plans(pipeline: TwoStagePipeline, name: str) -> dict[str, np.ndarray]:
    """Keypoints and trajectories of one sample a maze."""
    out = pipeline.generate(mazes(), generator=torch.Generator().manual_seed(5), **CALLS[name])
    return {"keypoints": out.keypoints.numpy(), "trajectory": out.trajectory.numpy()}


if __name__ == "__main__":
    pipeline = TwoStagePipeline.from_pretrained("particle-maze-causal")
    golden_numbers.save("particle-maze-causal", {name: plans(pipeline, name) for name in CALLS})
