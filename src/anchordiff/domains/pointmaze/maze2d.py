"""`anchordiff evaluate --suite maze2d`: a pipeline in closed loop, in MuJoCo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Literal, final

import anchordiff as ad
from anchordiff.domains.domain import Benchmark, BenchmarkSettings
from anchordiff.domains.pointmaze.benchmark.starts import STORED
from anchordiff.files import write_json, write_whole

_EPISODES: Final = 100


@final
@dataclass(frozen=True, kw_only=True)
class Maze2dBenchmark(Benchmark):
    """D4RL's Maze2D in closed loop, in MuJoCo: a pipeline's plans under two controllers, beside reference rows.

    Needs the extra "pointmaze".

    Attributes:
        maze: of the benchmark.
        task: the goal is always the same, or another one in each episode.
    """

    pipeline: ClassVar[str | None] = "pointmaze"

    maze: Literal["umaze", "medium", "large"]
    task: Literal["single", "multi"]

    @property
    def name(self) -> str:
        """The suite, the maze and the task."""
        return f"maze2d-{self.maze}-{self.task}"

    def check(self, *, size: int | None, seed: int) -> None:
        """Refuse more episodes than are stored; see `Benchmark.check`."""
        if size is not None and not 1 <= size <= STORED:
            raise ValueError(f"--size must lie in 1 ... {STORED} with --suite maze2d, found {size}")
        if seed < 0:
            raise ValueError(f"--seed must not be negative with --suite maze2d, found {seed}")

    def run(self, pipeline: ad.TwoStagePipeline, settings: BenchmarkSettings) -> str:
        """Evaluate, and write evaluation.json, table.md and rollouts.png; see `Benchmark.run`."""
        from anchordiff.domains.pointmaze.benchmark import evaluate_maze2d, reference_agents
        from anchordiff.domains.pointmaze.benchmark.references import PACE
        from anchordiff.domains.pointmaze.evaluation import draw_agents, planning_agents
        from anchordiff.domains.pointmaze.world import find_point_maze
        from anchordiff.plots import save_figure

        settings.out.mkdir(parents=True, exist_ok=True)
        point_maze = find_point_maze(self.maze)
        episodes = _EPISODES if settings.size is None else settings.size
        own = planning_agents(pipeline, point_maze, candidates=settings.candidates, seed=settings.seed)
        evaluation = evaluate_maze2d(
            [*own, *reference_agents(point_maze)],
            maze=self.maze,
            task=self.task,
            episodes=episodes,
            seed=settings.seed,
            progress=settings.progress,
        )
        heading = f"{settings.source} on Maze2D {self.maze}, {self.task} task, {episodes} episodes"
        table, out = evaluation.table(), settings.out
        content = {
            "source": settings.source,
            "candidates": settings.candidates,
            "horizon": PACE[self.maze],
            **evaluation.to_json(),
        }
        write_json(out / "evaluation.json", content)
        write_whole(out / "table.md", f"{heading}\n\n{table}\n".encode())
        save_figure(draw_agents(evaluation, title=heading), out / "rollouts.png", dpi=110)
        return f"{heading}\n\n{table}\n\nwritten to {out}: evaluation.json, table.md, rollouts.png\n"
