"""`evaluate` on suites of held-out mazes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, final

import anchordiff as ad
from anchordiff.domains.domain import Benchmark, BenchmarkSettings
from anchordiff.domains.maze.suites import find_suite
from anchordiff.files import write_json, write_whole


@final
@dataclass(frozen=True, kw_only=True)
class MazeBenchmark(Benchmark):
    """Compare a pipeline with its parts and baselines on held-out mazes.

    All methods see the same mazes in one run: a straight line; stage 1 with interpolation; the pipeline with
    one sample; its plan from several candidates; the expert's keypoints with stage 2; and a full-sequence
    diffusion where its weights are at hand. Success means that the whole way touches no wall and reaches the
    goal.

    Attributes:
        suite: particle-21 is like the bundled weights' training data; the others are not.
        full_sequence: folder of the full-sequence baseline; by default the folder full_sequence of the
            pipeline.
        batch_size: mazes at a time.
        timed: plans made alone to take the time of one; 0 for none.
    """

    pipeline: ClassVar[str | None] = "particle-maze"

    suite: Literal[
        "particle-21", "perfect-21", "rooms-21", "particle-31", "perfect-31", "particle-61", "symmetric-21"
    ] = "particle-21"
    full_sequence: Path | None = None
    batch_size: int = 100
    timed: int = 20

    @property
    def name(self) -> str:
        """The suite."""
        return self.suite

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("timed", 0)):
            if getattr(self, name) < least:
                flag = name.replace("_", "-")
                raise ValueError(f"--{flag} must be at least {least}, found {getattr(self, name)}")

    def check(self, *, size: int | None, seed: int) -> None:
        """Refuse a size that the suite has not; see `Benchmark.check`."""
        most = find_suite(self.suite).size
        if size is not None and not 1 <= size <= most:
            raise ValueError(f"--size must lie in 1 ... {most} with --suite {self.suite}, found {size}")

    def run(self, pipeline: ad.TwoStagePipeline, settings: BenchmarkSettings) -> str:
        """Evaluate, and write evaluation.json, table.md and failures.png; see `Benchmark.run`."""
        from anchordiff.domains.full_sequence import load_full_sequence
        from anchordiff.domains.maze.evaluation import evaluate, failure_cases
        from anchordiff.domains.maze.plots import draw_cases
        from anchordiff.plots import save_figure

        full_sequence = load_full_sequence(self.full_sequence, pipeline, settings.source)
        settings.out.mkdir(parents=True, exist_ok=True)
        evaluation = evaluate(
            pipeline,
            find_suite(self.suite),
            size=settings.size,
            candidates=settings.candidates,
            full_sequence=full_sequence,
            seed=settings.seed,
            batch_size=self.batch_size,
            timed=self.timed,
            progress=settings.progress,
        )
        gain = f"\nstage 2 over coarse: {evaluation.gain:+.1f} points of success\n"
        heading, out = f"{settings.source} on {evaluation.size} mazes of {self.suite}", settings.out
        write_json(out / "evaluation.json", {"source": settings.source, **evaluation.to_json()})
        table = evaluation.table()
        write_whole(out / "table.md", f"{heading}\n\n{table}\n{gain}".encode())
        cases = failure_cases(evaluation)
        title = f"{heading}: {'the worst failures' if cases else 'no failures'}"
        save_figure(draw_cases(cases, title=title), out / "failures.png", dpi=110)
        return f"{heading}\n\n{table}\n{gain}\nwritten to {out}: evaluation.json, table.md, failures.png\n"
