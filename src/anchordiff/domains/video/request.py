"""What `generate` can be asked for where clips are made of sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import anchordiff as ad
from anchordiff.checks import check_number
from anchordiff.domains import video
from anchordiff.domains.domain import PlanJob, PlanRequest, PlanSettings


@final
@dataclass(frozen=True, kw_only=True)
class VideoRequest(PlanRequest):
    """A sentence to make clips of.

    Attributes:
        text: the sentence.
        guidance: weight of classifier-free guidance; 1 for none.
        film: file format of the films.
        rate: frames a second of the films.
        codec: what makes pictures of latents: "none" for pixels, a folder, or an id on the Hub; by default that beside
            the pipeline's stages.
        text_encoder: what tells networks the sentence: a folder, or an id on the Hub; by default that beside the
            pipeline's stages.
    """

    pipeline: ClassVar[str | None] = None

    text: str
    guidance: float = 2.5
    film: Literal["mp4", "gif"] = "mp4"
    rate: float = 8.0
    codec: str | None = None
    text_encoder: str | None = None

    def __post_init__(self) -> None:
        check_number("guidance", self.guidance)
        check_number("rate", self.rate, above=0.0)
        if not self.text.strip():
            raise ValueError(f"text must be a sentence, found {self.text!r}")

    def open(self, pipeline: ad.TwoStagePipeline, settings: PlanSettings) -> PlanJob:
        """The pipeline with the sentence; see `PlanRequest.open`."""
        from anchordiff.domains.video.job import ClipJob, codec_of, text_of

        encoder = text_of(pipeline, named=self.text_encoder)
        return ClipJob(
            pipeline=pipeline,
            condition=video.TextCondition.from_text([self.text], encoder),
            codec=codec_of(pipeline, settings.source, named=self.codec),
            text=self.text,
            guidance=self.guidance,
            film=self.film,
            rate=self.rate,
            settings=settings,
        )
