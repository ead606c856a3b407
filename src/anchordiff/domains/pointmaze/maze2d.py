"""`anchordiff evaluate --suite maze2d`: a pipeline in closed loop, in MuJoCo."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar, Final, Literal, final

import numpy as np

from anchordiff.domains.domain import Benchmark, BenchmarkSettings
from anchordiff.domains.pointmaze.benchmark import (
    Agent,
    Maze2dEvaluation,
    Planned,
    evaluate_maze2d,
    reference_agents,
)
from anchordiff.domains.pointmaze.benchmark.references import PACE
from anchordiff.domains.pointmaze.benchmark.starts import STORED
from anchordiff.domains.pointmaze.planner import PointMazePlanner
from anchordiff.domains.pointmaze.world import PathTracker, PointMaze, find_point_maze, find_walls
from anchordiff.files import write_json, write_whole
from anchordiff.pipeline import TwoStagePipeline

_EPISODES: Final = 100


def planning_agents(
    pipeline: TwoStagePipeline, maze: PointMaze, *, candidates: int, seed: int
) -> list[Agent]:
    """The pipeline's plans: one sample and the best of several under Diffuser's controller, the best re-timed."""
    horizon = PACE[maze.name]
    single, several = (
        PointMazePlanner(pipeline=pipeline, maze=maze, horizon=horizon, candidates=count, seed=seed)
        for count in (1, candidates)
    )
    return [
        Planned(name="one sample, Diffuser's PD", planner=single),
        Planned(name=f"plan of {candidates}, Diffuser's PD", planner=several),
        Planned(
            name=f"plan of {candidates}, tracker",
            planner=several,
            follow=partial(PathTracker, walls=find_walls(maze)),
        ),
    ]


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

    def run(self, pipeline: TwoStagePipeline, settings: BenchmarkSettings) -> str:
        """Evaluate, and write evaluation.json, table.md and rollouts.png; see `Benchmark.run`."""
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
        _save_picture(evaluation, heading, out / "rollouts.png")
        return f"{heading}\n\n{table}\n\nwritten to {out}: evaluation.json, table.md, rollouts.png\n"


def _save_picture(evaluation: Maze2dEvaluation, title: str, path: Path) -> None:
    walls, starts = evaluation.results[0].walls, evaluation.starts
    agents = [
        (
            result.name,
            [rollout.states[:, :2] for rollout in result.rollouts],
            np.array([rollout.first_touch is not None for rollout in result.rollouts]),
        )
        for result in evaluation.results
    ]
    target = starts.target[0] if starts.task == "single" else None
    from anchordiff.domains.pointmaze.plots import draw_rollouts
    from anchordiff.plots import save_figure

    boxes = np.stack([walls.low, walls.high], axis=1)
    save_figure(draw_rollouts(boxes, agents, target=target, title=title, columns=4), path, dpi=110)
