"""What `generate` can be asked for in a maze without a world."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import anchordiff as ad
from anchordiff.domains.domain import PlanJob, PlanRequest, PlanSettings
from anchordiff.domains.maze.judge import MazeJudge


@final
@dataclass(frozen=True, kw_only=True)
class MazeRequest(PlanRequest):
    """A maze with its ends.

    Attributes:
        maze: text file of a maze: "#" for walls, "." for free cells, "S" and "G" for start and goal. By default a
            random held-out maze that --seed picks.
        start: x and y of the start in cells, instead of the file's "S".
        goal: x and y of the goal in cells, instead of the file's "G".
        way_points: x and y of points that the plan goes through in turn, in cells.
        clearance: distance to walls that a plan keeps, in cells.
    """

    pipeline: ClassVar[str | None] = "particle-maze"

    maze: Path | None = None
    start: tuple[float, float] | None = None
    goal: tuple[float, float] | None = None
    way_points: tuple[tuple[float, float], ...] = ()
    clearance: float = 0.0

    def __post_init__(self) -> None:
        MazeJudge(clearance=self.clearance)
        if self.maze is None and (self.start is not None or self.goal is not None):
            raise ValueError("--start and --goal need a maze of your own, found no --maze")

    def open(self, pipeline: ad.TwoStagePipeline, settings: PlanSettings) -> PlanJob:
        """The pipeline in the maze; see `PlanRequest.open`."""
        from anchordiff.domains.maze.job import InCells
        from anchordiff.domains.maze.tasks import held_out_task, read_task, through

        horizon = pipeline.config.longest_horizon if settings.horizon is None else settings.horizon
        if self.maze is None:
            task = held_out_task(settings.seed, horizon=horizon)
        elif self.maze.exists():
            task = read_task(self.maze, start=self.start, goal=self.goal, horizon=horizon)
        else:
            raise ValueError(
                f"--maze must be the path of a text file, found {str(self.maze)!r}, which is none"
            )
        if self.way_points:
            task = through(task, self.way_points)
        return InCells(
            pipeline=pipeline,
            task=task,
            horizon=settings.horizon,
            candidates=settings.num_samples,
            seed=settings.seed,
            clearance=self.clearance,
        )
