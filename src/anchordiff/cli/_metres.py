"""`generate` in one of D4RL's mazes: a plan in metres, and what is said of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from anchordiff.cli._mazes import Position, Task
from anchordiff.conditions import MazeCondition
from anchordiff.evaluation import is_success
from anchordiff.evaluation.maze2d import load_starts, shortest_length
from anchordiff.evaluation.maze2d.measures import shortest_way
from anchordiff.evaluation.maze2d.starts import STORED
from anchordiff.kernels.polyline import polyline_length, resample
from anchordiff.maze import Maze
from anchordiff.pipeline import Plan
from anchordiff.pointmaze import PointMaze, find_walls
from anchordiff.pointmaze.physics import RADIUS
from anchordiff.pointmaze.planner import PointMazePlanner


@dataclass(frozen=True, kw_only=True)
class InMetres:
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
            clearance=planner.clearance_in_cells,
            world=maze.maze,
        )
        return cls(planner=planner, task=task, given=given)

    @property
    def rule(self) -> str:
        """What a candidate must be for a plan."""
        return f"keeps {self.planner.clearance:g} m off walls"

    def plan(self, *, steps: int | None) -> Plan:
        """Plan, always from the same seed."""
        return self.planner.plan(self.given, steps=steps)

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
            "free_of_collisions": bool(plan.valid[0]),
            "candidates": len(candidates),
            "candidates_free": int(is_success(condition, candidates, radius=task.clearance).sum()),
            "wanted_clearance_metres": self.planner.clearance,
            "clearance_metres": float(find_walls(maze).distance(path).min()),
            "length_metres": length,
            "length_over_shortest": length / shortest_length(maze, start, goal),
        }

    def rows(self, metrics: dict[str, Any]) -> dict[str, str]:
        """The rows of the table that are told in metres."""
        return {
            "length": f"{metrics['length_metres']:.2f} m",
            "length / shortest": f"{metrics['length_over_shortest']:.3f}",
            "nearest wall": f"{metrics['clearance_metres']:.3f} m",
        }


def _stored_start(maze: PointMaze, episode: int) -> Float[np.ndarray, "2"]:
    if not 0 <= episode < STORED:
        raise ValueError(
            f"--seed must lie in 0 ... {STORED - 1} without --start, which it then picks, found {episode}"
        )
    start: np.ndarray = load_starts(maze.name, task="single", episodes=episode + 1).position[-1]
    return start


def _checked(flag: str, end: Position, maze: Maze) -> Float[np.ndarray, "2"]:
    point = np.array(end)
    x, y = maze.from_world(point).tolist()
    if not (0.0 <= x < maze.cols and 0.0 <= y < maze.rows):
        corners = maze.to_world(np.array([[0.0, 0.0], [maze.cols, maze.rows]]))
        (left, lower), (right, upper) = corners.min(axis=0), corners.max(axis=0)
        raise ValueError(
            f"{flag} must lie inside the maze, x in {left:g} ... {right:g} and y in {lower:g} ... {upper:g} metres, "
            f"found {_told(point)}"
        )
    if maze.walls[int(y), int(x)]:
        raise ValueError(f"{flag} must be in a free cell, not in a wall, found {_told(point)} in metres")
    return point


def _told(point: Float[np.ndarray, "2"]) -> str:
    x, y = point.tolist()
    return f"({x:g}, {y:g})"
