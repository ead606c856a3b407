"""`evaluate` on held-out trajectories."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final, final

import numpy as np

import anchordiff as ad
from anchordiff.domains.domain import Benchmark, BenchmarkSettings
from anchordiff.domains.vector import data
from anchordiff.domains.vector.data.source import VectorSource
from anchordiff.files import write_json, write_whole

_SIZE: Final = 512
_SHOWN: Final = 12


@final
@dataclass(frozen=True, kw_only=True)
class VectorBenchmark(Benchmark):
    """Compare a pipeline with its parts and baselines on held-out trajectories.

    All methods are given the conditions of the same held-out samples, in one run: what is known, joined by straight
    lines; stage 1 with interpolation; the pipeline; stage 2 at true keypoints; and a full-sequence diffusion where one
    is given. The energy distance compares all that a method made with the held-out trajectories; the error is the
    distance to the very trajectory that a condition was taken from; limits are those of the training data. Where there
    are twice as many held-out samples as are used, a row tells the same of others of them.

    Attributes:
        data: where the trajectories are; as for training.
        full_sequence: folder of a full-sequence diffusion; by default the folder full_sequence of the pipeline, if
            there is one.
        batch_size: samples at a time.
        timed: samples made alone to take the time of one; 0 for none.
    """

    pipeline: ClassVar[str | None] = None

    data: VectorSource
    full_sequence: Path | None = None
    batch_size: int = 128
    timed: int = 20

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("timed", 0)):
            if getattr(self, name) < least:
                flag = name.replace("_", "-")
                raise ValueError(f"--{flag} must be at least {least}, found {getattr(self, name)}")

    @property
    def name(self) -> str:
        """What the data are called."""
        place = self.data.path or self.data.lerobot
        return str(self.data.minari).replace("/", "-") if place is None else place.stem

    def run(self, pipeline: ad.TwoStagePipeline, settings: BenchmarkSettings) -> str:
        """Evaluate, and write evaluation.json, table.md and samples.png; see `Benchmark.run`."""
        from anchordiff.domains.full_sequence import load_full_sequence
        from anchordiff.domains.vector.evaluation import data_limits, evaluate, spread
        from anchordiff.domains.vector.plots import draw_beside
        from anchordiff.evaluation.methods import OneSample
        from anchordiff.plots import save_figure

        model = load_full_sequence(self.full_sequence, pipeline, settings.source)
        states = pipeline.keypoints.config.states
        windows = replace(self.data.windows, horizon=pipeline.config.horizon)
        dataset = data.TrajectoryDataset(self.data.episodes, windows, space=states)
        held_out = dataset.held_out()
        size = min(_SIZE, len(held_out)) if settings.size is None else settings.size
        evaluation = evaluate(
            pipeline,
            held_out,
            limits=data_limits(dataset),
            size=size,
            candidates=settings.candidates,
            full_sequence=model,
            seed=settings.seed,
            batch_size=self.batch_size,
            timed=self.timed,
            progress=settings.progress,
        )
        heading, out = f"{settings.source} on {evaluation.size} held-out samples of {self.name}", settings.out
        write_json(out / "evaluation.json", {"source": settings.source, **evaluation.to_json()})
        table = evaluation.table()
        write_whole(out / "table.md", f"{heading}\n\n{table}\n".encode())
        rows = np.linspace(0, size - 1, min(size, _SHOWN)).astype(np.int64)
        shown = {"held-out data": spread(held_out, size).trajectory[rows]}
        for result in (evaluation[OneSample.name], *evaluation.results[-1:] * (model is not None)):
            shown[result.name] = result.attempt.trajectory[rows]
        save_figure(draw_beside(shown, title=heading), out / "samples.png", dpi=110)
        return f"{heading}\n\n{table}\n\nwritten to {out}: evaluation.json, table.md, samples.png\n"
