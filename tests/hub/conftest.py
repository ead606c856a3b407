"""Tiny networks with random weights."""

import pytest
import torch

from anchordiff.denoiser import InterpDenoiser, InterpDenoiserConfig
from anchordiff.keypoints import KeypointDiffusion, KeypointDiffusionConfig
from anchordiff.nn.transformer import TransformerConfig
from anchordiff.pipeline import PipelineConfig, TwoStagePipeline


@pytest.fixture
def keypoints():
    body = TransformerConfig(width=32, depth=1, heads=2)
    network = KeypointDiffusion(
        KeypointDiffusionConfig(num_keypoints=5, schedule="cosine", scale=2.0, transformer=body)
    )
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return network


@pytest.fixture
def pipe(keypoints):
    denoiser = InterpDenoiser(InterpDenoiserConfig(transformer=TransformerConfig(width=32, depth=1)))
    config = PipelineConfig(horizon=48, num_anchors=5, sampler="heun", clamp="all_anchors")
    return TwoStagePipeline(keypoints, denoiser, config)
