"""A pipeline as a planner of the Maze2D benchmark: from the ball's state and a goal to a path in metres."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Unpack, final

import numpy as np
import torch
from jaxtyping import Float

from anchordiff.checks import check_integer
from anchordiff.conditions import Condition
from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.judge import MazeJudge
from anchordiff.domains.pointmaze.world.mazes import GRID, PointMaze
from anchordiff.domains.pointmaze.world.numbers import check_numbers
from anchordiff.judge import Choice, Judge
from anchordiff.kernels.grid.polyline import resample
from anchordiff.pipeline import Plan, TwoStagePipeline
from anchordiff.pipeline.request import StageOptions


@dataclass(frozen=True, kw_only=True, eq=False)
class PointMazePlanner:
    """Plan by `TwoStagePipeline.plan`: the shortest candidate that keeps clear of the walls.

    Each call draws from the same seed, so that a plan is a function of state and goal. No search runs beside the
    pipeline.

    Attributes:
        pipeline: draws the candidates.
        maze: where the ball is.
        horizon: steps of a plan, which is its pace for controllers that take one waypoint a step.
        candidates: of which one is chosen.
        clearance: distance to walls that a plan is to keep, in metres. Where no candidate keeps it, the plan is the one
            that comes closest to it. Where it is None, the plan is the shortest candidate, whatever the walls.
        seed: of the candidates.

    Raises:
        ValueError: if `horizon` is below 2, `candidates` below 1, or `clearance` negative or not finite.
    """

    pipeline: TwoStagePipeline
    maze: PointMaze
    horizon: int = 384
    candidates: int = 16
    clearance: float | None = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        check_integer("horizon", self.horizon, least=2)
        check_integer("candidates", self.candidates)
        if self.clearance is not None and not (np.isfinite(self.clearance) and self.clearance >= 0):
            raise ValueError(f"clearance must be finite and not negative, in metres, found {self.clearance}")

    def __call__(
        self, state: Float[np.ndarray, "4"], target: Float[np.ndarray, "2"]
    ) -> Float[np.ndarray, "horizon 2"]:
        """Plan from the ball's position, whatever its velocity.

        Args:
            state: of the ball: x, y in metres, v_x, v_y in m/s.
            target: the goal (x, y), in metres.

        Returns:
            Positions in metres, from the ball's to the goal, at equal steps of arc length.

        Raises:
            ValueError: if the ball or the goal is inside a wall or outside the maze, or `state` or `target` is not
                finite or has another shape.
        """
        state, target = check_numbers("state", state, (4,)), check_numbers("target", target, (2,))
        plan = self.plan(self.condition(state[:2], target))
        path = self.maze.maze.to_world(plan.trajectory[0, :, :2].cpu().numpy().astype(np.float64))
        path[0], path[-1] = state[:2], target  # single precision moved them
        return resample(path, self.horizon)

    @property
    def clearance_in_cells(self) -> float:
        """Distance to walls that a plan is to keep, in cells; 0 where it is to keep none."""
        return 0.0 if self.clearance is None else self.clearance / self.maze.maze.cell_size

    def condition(self, start: Float[np.ndarray, "2"], target: Float[np.ndarray, "2"]) -> MazeCondition:
        """What the pipeline plans for: the maze with its ends, in cells.

        It is padded to the grid that holds all mazes of the benchmark, as networks trained on them saw them; a larger
        one stays as it is.

        Args:
            start: (x, y), in metres.
            target: (x, y), in metres.

        Raises:
            ValueError: if an end is inside a wall or outside the maze.
        """
        maze = self.maze.maze
        maze = maze.padded(max(maze.rows, GRID[0]), max(maze.cols, GRID[1]))
        ends = maze.from_world(np.stack([start, target])).astype(np.float32)
        return MazeCondition.from_arrays(maze.walls[None], ends[None, 0], ends[None, 1])

    def plan(
        self, condition: MazeCondition, *, return_trace: bool = False, **options: Unpack[StageOptions]
    ) -> Plan:
        """Plan with all that the pipeline tells of it, in cells: candidates, keypoints, whether it keeps clear.

        Args:
            condition: from `condition`.
            return_trace: as for `TwoStagePipeline.generate`.
            **options: as there, but for horizon and generator, which are the planner's.
        """
        condition = condition.to(self.pipeline.device)
        return self.pipeline.plan(
            condition,
            candidates=self.candidates,
            judge=_Shortest() if self.clearance is None else MazeJudge(clearance=self.clearance_in_cells),
            horizon=self.horizon,
            generator=torch.Generator().manual_seed(self.seed),
            return_trace=return_trace,
            **options,
        )


@final
class _Shortest(Judge):
    """The shortest candidate, whether it collides or not."""

    def choose(
        self, condition: Condition, trajectories: Float[torch.Tensor, "candidates horizon dim"]
    ) -> Choice:
        length = trajectories[..., :2].diff(dim=1).norm(dim=2).sum(dim=1).view(len(condition), -1)
        index = length.argmin(dim=1)
        rows = torch.arange(len(condition), device=index.device) * length.shape[1] + index
        return replace(MazeJudge().choose(condition, trajectories[rows]), index=index)
