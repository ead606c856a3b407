"""`evaluate` on moving shapes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Literal, final

import numpy as np

import anchordiff as ad
from anchordiff.checks import check_integer, check_number
from anchordiff.domains.domain import Benchmark, BenchmarkSettings
from anchordiff.files import write_json, write_whole

_SIZE: Final = 240


@final
@dataclass(frozen=True, kw_only=True)
class ShapesBenchmark(Benchmark):
    """Compare a pipeline of moving shapes with its parts and baselines, on captions.

    Image analysis says whether size, colour, shape and direction of each clip are what its caption says. The methods:
    the codec's own clips (what a perfect generator would be told); stage 1 with interpolation; the pipeline without
    and with guidance; stage 2 at true key frames; and a full-sequence diffusion in several numbers of steps where one
    is given.
    The Frechet distance compares the latents of what a method made with those of other drawn clips of the same
    captions; that of the codec's own clips is what two draws of so many clips differ by.

    Attributes:
        suite: "shapes-seen": new clips of captions that are learnt from; "shapes-unseen": captions whose words are
            never learnt together.
        guidance: weight of classifier-free guidance.
        codec: what makes pictures of latents; by default that beside the pipeline's stages.
        full_sequence: folder of a full-sequence diffusion; by default the folder full_sequence of the pipeline, if
            there is one.
        batch_size: captions at a time.
        timed: clips made alone to take the time of one; 0 for none.
    """

    pipeline: ClassVar[str | None] = "moving-shapes"

    suite: Literal["shapes-seen", "shapes-unseen"] = "shapes-seen"
    guidance: float = 2.5
    codec: str | None = None
    full_sequence: Path | None = None
    batch_size: int = 40
    timed: int = 10

    def __post_init__(self) -> None:
        check_number("guidance", self.guidance)
        check_integer("batch_size", self.batch_size)
        check_integer("timed", self.timed, least=0)

    @property
    def name(self) -> str:
        """The suite."""
        return self.suite

    def run(self, pipeline: ad.TwoStagePipeline, settings: BenchmarkSettings) -> str:
        """Evaluate, and write evaluation.json, table.md and samples.png; see `Benchmark.run`."""
        from anchordiff.domains.full_sequence import load_full_sequence
        from anchordiff.domains.video.evaluation import SUITES, evaluate
        from anchordiff.domains.video.job import codec_of
        from anchordiff.domains.video.plots import draw_strip

        codec = codec_of(pipeline, settings.source, named=self.codec)
        settings.out.mkdir(parents=True, exist_ok=True)
        evaluation, shown = evaluate(
            pipeline,
            SUITES[self.suite],
            codec=codec,
            size=_SIZE if settings.size is None else settings.size,
            guidance=self.guidance,
            full_sequence=load_full_sequence(self.full_sequence, pipeline, settings.source),
            seed=settings.seed,
            batch_size=self.batch_size,
            timed=self.timed,
            progress=settings.progress,
        )
        heading, out = f"{settings.source} on {evaluation.size} captions of {self.suite}", settings.out
        write_json(out / "evaluation.json", {"source": settings.source, **evaluation.to_json()})
        table = evaluation.table()
        write_whole(out / "table.md", f"{heading}\n\n{table}\n".encode())
        titles, clips = [title for title, _ in shown], np.stack([clip for _, clip in shown])
        ad.plots.save_figure(
            draw_strip(clips, titles=titles, title=heading, every=3), out / "samples.png", dpi=110
        )
        return f"{heading}\n\n{table}\n\nwritten to {out}: evaluation.json, table.md, samples.png\n"
