"""A plan in one of D4RL's mazes, in metres, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from jaxtyping import Float

from anchordiff.domains.domain import PlanJob, PlanOptions
from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.job import arrays_of, draw_task, rows_of_candidates
from anchordiff.domains.maze.maze import Maze
from anchordiff.domains.maze.metrics import is_success
from anchordiff.domains.maze.tasks import Position, Task
from anchordiff.domains.pointmaze.benchmark import load_starts, shortest_length
from anchordiff.domains.pointmaze.benchmark.measures import shortest_way
from anchordiff.domains.pointmaze.benchmark.starts import STORED
from anchordiff.domains.pointmaze.planner import PointMazePlanner
from anchordiff.domains.pointmaze.world import PointMaze, find_walls
from anchordiff.domains.pointmaze.world.physics import RADIUS
from anchordiff.domains.steps import Step
from anchordiff.kernels.grid.polyline import polyline_length, resample
from anchordiff.pipeline import Plan

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@final
@dataclass(frozen=True, kw_only=True)
class InMetres(PlanJob):
    """A planner of the benchmark and its task.

    Attributes:
        planner: for the ball.
        task: the maze and its ends; the expert is a true shortest way for the ball.
        given: what the planner plans for: the same, on its pipeline's grid.
    """

    planner: PointMazePlanner
    task: Task
    given: MazeCondition

    @classmethod
    def between(cls, planner: PointMazePlanner, start: Position | None, goal: Position | None) -> "InMetres":
        """Set the planner its task.

        Args:
            planner: whose seed is the number of the episode that a missing `start` is taken from.
            start: (x, y), in metres; by default that of the stored episode.
            goal: (x, y), in metres; by default D4RL's.

        Raises:
            ValueError: if an end is in a wall or outside the maze, both are the same, or there is no such episode.
        """
        maze = planner.maze
        ends = (
            _stored_start(maze, planner.seed) if start is None else _checked("--start", start, maze.maze),
            maze.target if goal is None else _checked("--goal", goal, maze.maze),
        )
        if np.array_equal(*ends):
            raise ValueError(f"--goal must not be where the start is, found {_told(ends[1])} for both")
        way = maze.maze.from_world(shortest_way(maze, *ends, clearance=RADIUS))
        given = planner.condition(*ends)
        task = Task(
            name=maze.name,
            condition=MazeCondition.from_arrays(maze.maze.walls[None], given.start, given.goal),
            expert=torch.from_numpy(resample(way.astype(np.float32), planner.horizon)),
            expert_name="shortest way",
            clearance=planner.clearance_in_cells,
            world=maze.maze,
        )
        return cls(planner=planner, task=task, given=given)

    @property
    def name(self) -> str:
        """What pictures call it."""
        return self.task.name

    @property
    def rule(self) -> str:
        """What a candidate must be for a plan."""
        return f"keeps {self.planner.clearance:g} m off walls"

    def plan(self, options: PlanOptions, *, return_trace: bool = False) -> Plan:
        """Plan, always from the same seed."""
        return self.planner.plan(self.given, return_trace=return_trace, **options.given())

    def measure(self, plan: Plan) -> dict[str, Any]:
        """What is said of the plan, and of all candidates."""
        maze, task, candidates = self.planner.maze, self.task, plan.generation.trajectory
        condition = task.condition
        path, start, goal = (
            task.tell(states[0]).numpy().astype(np.float64)
            for states in (plan.trajectory, condition.start, condition.goal)
        )
        length = polyline_length(path)
        return {
            "maze": self.name,
            "free_of_collisions": bool(plan.valid[0]),
            "candidates": len(candidates),
            "candidates_free": int(is_success(condition, candidates, radius=task.clearance).sum()),
            "wanted_clearance_metres": self.planner.clearance,
            "clearance_metres": float(find_walls(maze).distance(path).min()),
            "length_metres": length,
            "length_over_shortest": length / shortest_length(maze, start, goal),
        }

    def rows(self, metrics: Mapping[str, Any]) -> dict[str, str]:
        """The rows of the table."""
        return {
            **rows_of_candidates(metrics, rule=self.rule),
            "length": f"{metrics['length_metres']:.2f} m",
            "length / shortest": f"{metrics['length_over_shortest']:.3f}",
            "nearest wall": f"{metrics['clearance_metres']:.3f} m",
        }

    def pictures(self, plan: Plan) -> "Mapping[str, Figure]":
        """The plan, and all candidates, over the walls in metres."""
        return draw_task(plan, self.task, rule=self.rule)

    def draw_step(self, plan: Plan, step: Step) -> "Figure":
        """The step over the walls, in metres."""
        from anchordiff.domains.maze.plots import draw_step

        return draw_step(self.task.condition, step, clearance=self.task.clearance, world=self.task.world)

    def arrays(self, plan: Plan) -> Mapping[str, torch.Tensor]:
        """All that a notebook needs to draw it again, in metres; with the walls, which the grid alone does not tell."""
        boxes = find_walls(self.planner.maze)
        return {
            **arrays_of(plan, self.task),
            "wall_boxes": torch.from_numpy(np.stack([boxes.low, boxes.high], axis=1)),
        }


def _stored_start(maze: PointMaze, episode: int) -> Float[np.ndarray, "2"]:
    if not 0 <= episode < STORED:
        raise ValueError(
            f"--seed must lie in 0 ... {STORED - 1} without --start, which it then picks, found {episode}"
        )
    start: np.ndarray = load_starts(maze.name, task="single", episodes=episode + 1).position[-1]
    return start


def _checked(flag: str, end: Position, maze: Maze) -> Float[np.ndarray, "2"]:
    maze.check_free(flag, end, in_world=True)
    return np.array(end)


def _told(point: Float[np.ndarray, "2"]) -> str:
    x, y = point.tolist()
    return f"({x:g}, {y:g})"
