"""Video, as the commands see it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final, final

from anchordiff.data.source import Source
from anchordiff.domains.domain import Benchmark, Domain, PlanRequest, StageConfig
from anchordiff.domains.video.benchmark import ShapesBenchmark
from anchordiff.domains.video.codec_files import copy_codec
from anchordiff.domains.video.config import VideoEncoderConfig
from anchordiff.domains.video.data.source import VideoSource
from anchordiff.domains.video.request import VideoRequest
from anchordiff.hub.layout import CONFIG
from anchordiff.nn.config import TransformerConfig
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.states import StateSpace

_HORIZON: Final = 16


@final
class VideoDomain(Domain):
    """Clips from sentences: 4 of 16 frames by diffusion, the others in one pass."""

    name = "video"
    summary = "text to video: captioned clips as latents of an autoencoder"

    @property
    def keypoints(self) -> KeypointDiffusionConfig:
        """States and the encoder's sizes are those of the cache; attention among all patches of the key frames."""
        return KeypointDiffusionConfig(
            encoder=VideoEncoderConfig(),
            horizon=_HORIZON,
            num_keypoints=4,
            transformer=TransformerConfig(width=160, depth=5),
        )

    @property
    def denoiser(self) -> InterpDenoiserConfig:
        """As stage 1; attention in space, then in time."""
        return InterpDenoiserConfig(
            encoder=VideoEncoderConfig(),
            horizon=_HORIZON,
            num_keypoints=4,
            num_levels=4,
            transformer=TransformerConfig(width=128, depth=3, attention="factorised"),
        )

    @property
    def source(self) -> type[Source]:
        """A cache of clips."""
        return VideoSource

    @property
    def request(self) -> type[PlanRequest]:
        """A sentence."""
        return VideoRequest

    @property
    def benchmark(self) -> type[Benchmark]:
        """Moving shapes, told by image analysis."""
        return ShapesBenchmark

    def configure(self, config: StageConfig, source: Source) -> StageConfig:
        """A stage's config with the states, horizon and encoder's sizes of the cache; see `Domain.configure`."""
        assert isinstance(source, VideoSource)
        assert isinstance(config.encoder, VideoEncoderConfig)
        if config.states != StateSpace():
            raise ValueError(
                f"model.states must be left out: the cache says what it is, found {config.states}"
            )
        form = source.clips.form
        if config.horizon not in (_HORIZON, form.frames):
            raise ValueError(
                f"model.horizon must be left out: the cache says {form.frames}, found {config.horizon}"
            )
        encoder = replace(config.encoder, token_size=form.token_size, text=form.text, codec=form.codec)
        return replace(config, encoder=encoder, states=source.clips.layout.states(), horizon=form.frames)

    def complete(self, folder: Path, source: Source) -> None:
        """Copy the codec that made the cache, where it is one of this library in a folder; see `Domain.complete`."""
        assert isinstance(source, VideoSource)
        codec = Path(source.clips.form.codec)
        if (codec / CONFIG).is_file():
            copy_codec(codec, folder)


VIDEO: Final = VideoDomain()
