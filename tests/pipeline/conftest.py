"""Tiny pipelines with random weights, and a few open mazes."""

import numpy as np
import pytest
import torch

from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.config import MazeEncoderConfig
from anchordiff.nn.config import TransformerConfig
from anchordiff.pipeline import PipelineConfig, TwoStagePipeline
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.states import StateSpace


def make_pipeline(*, velocities=False, seed=0, **config):
    """Networks start as the identity; random weights make every input matter."""
    fields = {
        "horizon": 32,
        "num_keypoints": 6,
        "states": StateSpace(velocities=velocities),
        "transformer": TransformerConfig(width=32, depth=1, heads=2),
        "encoder": MazeEncoderConfig(
            map_channels=4, convolution_blocks=1, cell_channels=8, attention_channels=8
        ),
    }
    keypoints = KeypointDiffusion(KeypointDiffusionConfig(**fields))
    denoiser = InterpDenoiser(InterpDenoiserConfig(**fields))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for network in (keypoints, denoiser):
            for weight in network.parameters():
                weight.add_(0.05 * torch.randn(weight.shape, generator=generator))
    defaults = {"horizon": 32, "num_keypoints": 6, "steps": 3}
    return TwoStagePipeline(keypoints, denoiser, PipelineConfig(**defaults | config))


def make_condition(batch, *, density=0.0, seed=0):
    random = np.random.default_rng(seed)
    walls = random.random((batch, 9, 11)) < density
    walls[:, [0, -1]] = walls[:, :, [0, -1]] = True
    walls[:, 1:3, 1:3] = walls[:, 6:8, 8:10] = False
    start = random.uniform(1.2, 2.8, (batch, 2)).astype(np.float32)
    goal = random.uniform((8.2, 6.2), (9.8, 7.8), (batch, 2)).astype(np.float32)
    return MazeCondition.from_arrays(walls, start, goal)


@pytest.fixture(scope="session")
def pipe():
    return make_pipeline()


@pytest.fixture
def condition():
    return make_condition(3, density=0.2)


@pytest.fixture(scope="session")
def new_pipeline():
    return make_pipeline


@pytest.fixture(scope="session")
def new_condition():
    return make_condition
