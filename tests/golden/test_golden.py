"""Plans of the bundled pipelines, and of pipelines that 0.1.0 saved, are those that 0.1.0 made."""

from pathlib import Path

import numpy as np
import pytest
import torch

from anchordiff import TwoStagePipeline
from anchordiff.domains.maze import ParticleMazeConfig, ParticleMazeDataset

HERE = Path(__file__).parent
SAVED = ["saved-by-0.1.0-positions", "saved-by-0.1.0-velocities"]
CALLS = {
    "batch": {"num_samples": 12},
    "alone": {"num_samples": 1},
    "uneven": {"num_samples": 1, "anchors": 5, "horizon": 40, "level": 2, "steps": 3},
    "walk": {"num_samples": 1, "walk": True, "sampler": "ddpm", "clamp": "all_anchors", "clamp_dims": "all"},
    "loose": {"num_samples": 1, "clamp": "none"},
}
TOLERANCE = 1e-4  # cells


def mazes():
    return (
        ParticleMazeDataset(ParticleMazeConfig(split="held_out", seed=11, horizon=64))
        .batch(range(3))
        .condition
    )


@pytest.fixture(scope="module", params=[(0, "particle-maze"), (1, "pointmaze"), (2, SAVED[0]), (0, SAVED[1])],
                ids=lambda param: param[1])  # fmt: skip
def case(request):
    number, name = request.param
    with np.load(HERE / f"{name}.npz") as file:
        golden = {key: torch.from_numpy(file[key]) for key in file}
    source = HERE / name if name in SAVED else name
    return TwoStagePipeline.from_pretrained(source), mazes(), number, golden


@pytest.mark.parametrize("name", CALLS)
def test_samples_are_those_of_0_1_0(case, name):
    pipeline, condition, number, golden = case
    part = condition if name == "batch" else condition[number : number + 1]
    out = pipeline.generate(part, generator=torch.Generator().manual_seed(5), **CALLS[name])
    for part in ("keypoints", "trajectory"):
        torch.testing.assert_close(getattr(out, part), golden[f"{name}.{part}"], rtol=0, atol=TOLERANCE)


def test_plans_are_those_of_0_1_0(case):
    pipeline, condition, _, golden = case
    plan = pipeline.plan(condition, candidates=4, generator=torch.Generator().manual_seed(6))
    assert plan.valid.tolist() == golden["plan.valid"].tolist()
    torch.testing.assert_close(plan.trajectory, golden["plan.trajectory"], rtol=0, atol=TOLERANCE)
