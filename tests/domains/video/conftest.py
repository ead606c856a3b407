"""Tiny codecs, caches and pipelines of clips."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from anchordiff.domains.video import FrameAutoencoder, FrameAutoencoderConfig, VideoEncoderConfig
from anchordiff.domains.video.codec import AutoencoderCodec
from anchordiff.domains.video.data import write_cache
from anchordiff.domains.video.shape_sets import SEEN, WORDS
from anchordiff.domains.video.shapes import draw_clips
from anchordiff.domains.video.text import WordEncoder
from anchordiff.nn.config import TransformerConfig
from anchordiff.pipeline import PipelineConfig, TwoStagePipeline
from anchordiff.stages import InterpDenoiser, InterpDenoiserConfig, KeypointDiffusion, KeypointDiffusionConfig
from anchordiff.states import StateSpace

SPACE = StateSpace(positions=4 * 8 * 8, patches=(4, 4), scale=1.0, reach=1.0, pace=16)
ENCODER = VideoEncoderConfig(
    token_size=len(WORDS) + 1, width=16, context_channels=4, attention_channels=8, attention_heads=2,
    text=WordEncoder(WORDS).id,
)  # fmt: skip


@pytest.fixture(scope="session")
def tiny_codec() -> AutoencoderCodec:
    """An untrained autoencoder of few channels."""
    torch.manual_seed(0)
    model = FrameAutoencoder(FrameAutoencoderConfig(widths=(8, 8, 16)))
    return AutoencoderCodec(model, name="tiny")


@pytest.fixture(scope="session")
def words() -> WordEncoder:
    """What captions of moving shapes are made of."""
    return WordEncoder(WORDS)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory, tiny_codec: AutoencoderCodec, words: WordEncoder) -> Path:
    """Ten clips of moving shapes in shards of four."""
    folder = tmp_path_factory.mktemp("cache")
    clips, said = draw_clips(3, np.arange(10), SEEN)
    pairs = ((clip, str(caption)) for clip, caption in zip(clips, said, strict=True))
    write_cache(
        folder, pairs, codec=tiny_codec, text=words, seconds=2.0, source={"set": "test"}, shard_size=4
    )
    return folder


@pytest.fixture
def tiny_pipeline(roughen: Callable[[Any], Any]) -> TwoStagePipeline:
    """Untrained stages of clips with random heads."""
    torch.manual_seed(0)
    shared: dict[str, Any] = {"encoder": ENCODER, "states": SPACE, "horizon": 16, "num_keypoints": 4}
    full = TransformerConfig(width=16, depth=2, heads=2)
    factorised = TransformerConfig(width=16, depth=2, heads=2, attention="factorised")
    return TwoStagePipeline(
        roughen(KeypointDiffusion(KeypointDiffusionConfig(**shared, transformer=full))),
        roughen(InterpDenoiser(InterpDenoiserConfig(**shared, num_levels=4, transformer=factorised))),
        PipelineConfig(horizon=16, num_keypoints=4, steps=2),
    )


@pytest.fixture(scope="session")
def tiny_encoder_of_clips() -> Any:
    """An untrained encoder of conditions."""
    torch.manual_seed(0)
    return ENCODER.build(SPACE).eval().requires_grad_(requires_grad=False)
