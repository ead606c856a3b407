"""Everything is float32, whatever torch's default dtype is."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch

import anchordiff as ad
from anchordiff.training import PipelineRun, RunOptions, StageRun, TrainConfig


@pytest.fixture
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def plan() -> ad.Plan:
    pipe = ad.TwoStagePipeline.from_pretrained("particle-maze")
    generator = torch.Generator().manual_seed(0)
    return pipe.plan(ad.Maze.random(seed=4), (1.5, 1.5), (19.5, 19.5), candidates=2, generator=generator)


def test_bundled_weights_plan_the_same(request):
    expected = plan()
    request.getfixturevalue("double")
    found = plan()
    assert found.trajectory.dtype == torch.float32
    torch.testing.assert_close(found.trajectory, expected.trajectory, rtol=0, atol=1e-3)


def test_training_makes_float32(double, tmp_path):
    data = ad.TrajectoryDataset.from_arrays(np.random.default_rng(0).normal(size=(40, 16, 3)).cumsum(axis=1))
    options = StageRun(
        train=TrainConfig(steps=2, batch_size=4),
        run=RunOptions(progress=False, tensorboard=False),
        validate=2,
    )
    pipe = ad.train_pipeline(data, tmp_path, num_keypoints=4, run=PipelineRun(options=options))
    for network in pipe.components.values():
        assert {value.dtype for value in network.state_dict().values()} == {torch.float32}
    assert pipe.generate(ad.VectorCondition(start=torch.zeros(1, 3))).trajectory.dtype == torch.float32
