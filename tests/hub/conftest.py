"""Tiny networks with random weights."""

import pytest

from anchordiff.nn.config import TransformerConfig
from anchordiff.pipeline import PipelineConfig, TwoStagePipeline
from anchordiff.states import StateSpace

BODY = TransformerConfig(width=32, depth=1, heads=2)
STATES = StateSpace(velocities=True, scale=(2.0, 1.5))


@pytest.fixture
def keypoints(tiny_keypoints, roughen):
    return roughen(
        tiny_keypoints(horizon=64, num_keypoints=5, schedule="cosine", states=STATES, transformer=BODY)
    )


@pytest.fixture
def pipe(keypoints, tiny_denoiser):
    denoiser = tiny_denoiser(horizon=64, num_keypoints=5, states=STATES, transformer=BODY)
    config = PipelineConfig(horizon=48, num_keypoints=5, sampler="heun", clamp="all_anchors")
    return TwoStagePipeline(keypoints, denoiser, config)
