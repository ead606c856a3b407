"""Write the plans that later versions are held to; run once, with anchordiff 0.1.0 installed.

    python tests/golden/make_golden.py

Beside the plans of the bundled pipelines it saves two tiny random pipelines, as 0.1.0 wrote them, with theirs.
"""

from pathlib import Path

import numpy as np
import torch

from anchordiff import (
    InterpDenoiser,
    InterpDenoiserConfig,
    KeypointDiffusion,
    KeypointDiffusionConfig,
    MazeEncoderConfig,
    TransformerConfig,
    TwoStagePipeline,
)
from anchordiff.data import ParticleMazeConfig, ParticleMazeDataset

HERE = Path(__file__).parent


def tiny_pipelines() -> dict[str, TwoStagePipeline]:
    """Stages whose every weight is random: no head, gate or cost stays at its first zero."""
    made = {}
    for name, dim, prediction, shared in (("positions", 2, "x0", True), ("velocities", 4, "v", False)):
        torch.manual_seed(dim)
        first = MazeEncoderConfig(
            map_channels=4, convolution_blocks=1, cell_channels=8, attention_channels=8, attention_heads=2
        )
        second = (
            first
            if shared
            else MazeEncoderConfig(
                map_channels=4,
                convolution_blocks=0,
                cell_channels=8,
                attention_channels=0,
                value_iteration=False,
            )
        )
        keypoints = KeypointDiffusion(
            KeypointDiffusionConfig(
                horizon=32,
                num_keypoints=6,
                dim=dim,
                prediction=prediction,
                scale=1.5,
                transformer=TransformerConfig(width=16, depth=2, heads=2, expansion=2),
                encoder=first,
            )
        )
        denoiser = InterpDenoiser(
            InterpDenoiserConfig(
                horizon=32,
                num_anchors=6,
                dim=dim,
                scale=2.5,
                transformer=TransformerConfig(
                    width=16, depth=2, heads=2, expansion=2, cross_attention=shared
                ),
                encoder=second,
            )
        )
        for module in (keypoints, denoiser):
            for key, value in module.named_parameters():
                if "value_iteration" not in key:
                    torch.nn.init.normal_(value, std=0.05 if value.ndim > 1 else 0.02)
        if shared:
            denoiser.encoder.load_state_dict(keypoints.encoder.state_dict())
        made[name] = TwoStagePipeline(keypoints, denoiser)
    return made


def plans(pipeline: TwoStagePipeline, number: int) -> dict[str, np.ndarray]:
    """What is compared: three mazes, two samples each, alone (the compiled kernel) and in a batch."""
    horizon = pipeline.config.horizon
    batch = ParticleMazeDataset(ParticleMazeConfig(split="held_out", seed=11, horizon=64)).batch(range(3))
    found = {}
    for name, options in {
        "batch": {"num_samples": 12},
        "alone": {"num_samples": 1},
        "uneven": {"num_samples": 1, "anchors": 5, "horizon": 40, "level": 2, "steps": 3},
        "walk": {
            "num_samples": 1,
            "walk": True,
            "sampler": "ddpm",
            "clamp": "all_anchors",
            "clamp_dims": "all",
        },
        "loose": {"num_samples": 1, "clamp": "none"},
    }.items():
        condition = batch.condition if name == "batch" else batch.condition[number : number + 1]
        out = pipeline.generate(condition, generator=torch.Generator().manual_seed(5), **options)
        found[f"{name}.keypoints"] = out.keypoints.numpy()
        found[f"{name}.trajectory"] = out.trajectory.numpy()
    plan = pipeline.plan(batch.condition, candidates=4, generator=torch.Generator().manual_seed(6))
    found["plan.trajectory"] = plan.trajectory.numpy()
    found["plan.valid"] = plan.valid.numpy()
    assert horizon == found["plan.trajectory"].shape[1]
    return found


def main() -> None:
    """Write everything."""
    pipelines = {name: TwoStagePipeline.from_pretrained(name) for name in ("particle-maze", "pointmaze")}
    for name, pipeline in tiny_pipelines().items():
        pipeline.save_pretrained(HERE / f"saved-by-0.1.0-{name}")
        pipelines[f"saved-by-0.1.0-{name}"] = pipeline
    for number, (name, pipeline) in enumerate(pipelines.items()):
        np.savez_compressed(HERE / f"{name}.npz", **plans(pipeline, number % 3))


if __name__ == "__main__":
    main()
