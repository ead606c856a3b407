"""What `generate` can be asked for in one of D4RL's mazes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, final

import anchordiff as ad
from anchordiff.domains.domain import PlanJob, PlanRequest, PlanSettings


@final
@dataclass(frozen=True, kw_only=True)
class PointMazeRequest(PlanRequest):
    """One of D4RL's mazes; all is in metres.

    Attributes:
        maze: of the benchmark.
        start: x and y of the start in metres, by default that of the stored episode with the number --seed.
        goal: x and y of the goal in metres, by default D4RL's.
        clearance: distance to walls that a plan keeps, in metres.
    """

    pipeline: ClassVar[str | None] = "pointmaze"

    maze: Literal["umaze", "medium", "large"] = "medium"
    start: tuple[float, float] | None = None
    goal: tuple[float, float] | None = None
    clearance: float = 0.15

    def open(self, pipeline: ad.TwoStagePipeline, settings: PlanSettings) -> PlanJob:
        """The planner in the maze, at Diffuser's pace (128, 256, 384 steps); see `PlanRequest.open`."""
        from anchordiff.domains.pointmaze.benchmark.references import PACE
        from anchordiff.domains.pointmaze.job import InMetres
        from anchordiff.domains.pointmaze.planner import PointMazePlanner
        from anchordiff.domains.pointmaze.world import find_point_maze

        planner = PointMazePlanner(
            pipeline=pipeline,
            maze=find_point_maze(self.maze),
            horizon=PACE[self.maze] if settings.horizon is None else settings.horizon,
            candidates=settings.num_samples,
            clearance=self.clearance,
            seed=settings.seed,
        )
        return InMetres.between(planner, self.start, self.goal)
