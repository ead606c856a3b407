"""What `generate` can be asked for where clips are made of sentences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import anchordiff as ad
from anchordiff.checks import check_integer, check_number
from anchordiff.domains import video
from anchordiff.domains.domain import PlanJob, PlanRequest, PlanSettings


@final
@dataclass(frozen=True, kw_only=True)
class VideoRequest(PlanRequest):
    """A sentence to make clips of.

    Attributes:
        text: the sentence.
        known_frames: numbers of frames that are known, from 0 on, each with its picture (a film's first one): a first
            frame, or a storyboard. They are cropped around their centre to the clips' shape.
        guidance: weight of classifier-free guidance; 1 for none.
        codec: what makes pictures of latents: "none" for pixels, a folder, or an id on the Hub; by default that beside
            the pipeline's stages.
        text_encoder: what tells networks the sentence: a folder, or an id on the Hub; by default that beside the
            pipeline's stages.
    """

    pipeline: ClassVar[str | None] = "moving-shapes"

    text: str
    known_frames: tuple[tuple[int, Path], ...] = ()
    guidance: float = 2.5
    codec: str | None = None
    text_encoder: str | None = None

    def __post_init__(self) -> None:
        check_number("guidance", self.guidance)
        if not self.text.strip():
            raise ValueError(f"text must be a sentence, found {self.text!r}")
        numbers = [number for number, _ in self.known_frames]
        for number in numbers:
            check_integer("known_frames", number, least=0)
        if len(set(numbers)) != len(numbers):
            raise ValueError(f"known_frames must name each frame once, found {numbers}")

    def open(self, pipeline: ad.TwoStagePipeline, settings: PlanSettings) -> PlanJob:
        """The pipeline with the sentence; see `PlanRequest.open`."""
        from anchordiff.domains.video.films import read_picture
        from anchordiff.domains.video.job import FILM, ClipJob, codec_of, layout_of, text_of, with_pictures
        from anchordiff.films import check_film

        encoder = text_of(pipeline, named=self.text_encoder)
        codec = codec_of(pipeline, settings.source, named=self.codec)
        layout = layout_of(pipeline, codec)
        size = (layout.height * codec.factor, layout.width * codec.factor)
        horizon = pipeline.config.horizon if settings.horizon is None else settings.horizon
        check_film(f".{settings.film or FILM}", frames=horizon, size=size, fps=settings.fps)
        condition = video.TextCondition.from_text([self.text], encoder)
        if self.known_frames:
            pictures = {number: read_picture(path, size=size) for number, path in self.known_frames}
            condition = with_pictures(condition, pictures, codec, layout, horizon=horizon)
        return ClipJob(
            pipeline=pipeline,
            condition=condition,
            codec=codec,
            text=self.text,
            guidance=self.guidance,
            settings=settings,
        )
