"""The controller behind the data: a path of cells, and a PD law from waypoint to waypoint.

The force is P (waypoint - position) + D velocity with P = 10 and D = -1. A waypoint is reached at 0.1 m; the next one
is the middle of its cell less a uniform draw from [0, 0.2)² m. The first one after a new goal is the middle itself, and
the goal's cell stands for the goal, except where it is the first. A new goal makes a new path from the ball's cell.

Source: `scripts/pointmaze/controller.py` of Farama's minari-dataset-generation-scripts, after D4RL's
`waypoint_controller.py`.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from anchordiff.maze import Maze
from anchordiff.pointmaze.controllers import D_GAIN, JITTER, P_GAIN, THRESHOLD
from anchordiff.pointmaze.solvers import Cell, Path, Solver

_NEW_GOAL: Final = 1e-3

Point = tuple[float, float]


@dataclass
class Follower:
    """Follows paths of cells; what it remembers between steps can be taken out and put back.

    Attributes:
        maze: walls, with the map to the world.
        solver: what finds paths of cells.
        clip: whether the force is clipped to [-1, 1] before noise comes on it, as D4RL does.
        goal: (x, y) that the path leads to, in metres; none before the first step.
        path: cells from where the path began to the goal's.
        place: which cell of the path is the waypoint's.
        waypoint: (x, y), in metres.
    """

    maze: Maze
    solver: Solver
    clip: bool
    goal: Point | None = None
    path: Path = ()
    place: int = 0
    waypoint: Point = (0.0, 0.0)

    def act(
        self, position: Point, velocity: Point, goal: Point, generator: np.random.Generator
    ) -> tuple[float, float]:
        """The force for one step.

        Args:
            position: of the ball, in metres.
            velocity: of the ball, in m/s.
            goal: that the environment shows, in metres.
            generator: of the waypoints' draws.
        """
        if self.goal is None or math.dist(self.goal, goal) > _NEW_GOAL:
            self._plan(position, goal)
        last = len(self.path) - 1
        if self.place < last and math.dist(self.waypoint, position) <= THRESHOLD:
            self.place += 1
            if self.place == last:
                self.waypoint = goal
            else:
                x, y = self._centre(self.path[self.place])
                draw_x, draw_y = generator.random(2).tolist()
                self.waypoint = (x - JITTER * draw_x, y - JITTER * draw_y)
        force = [P_GAIN * (self.waypoint[i] - position[i]) + D_GAIN * velocity[i] for i in (0, 1)]
        if self.clip:
            force = [min(max(value, -1.0), 1.0) for value in force]
        return force[0], force[1]

    def memory(self) -> dict[str, Any]:
        """What it remembers, as JSON holds it."""
        return {"goal": self.goal, "path": self.path, "place": self.place, "waypoint": self.waypoint}

    def remember(self, memory: dict[str, Any]) -> None:
        """Go on with what `memory` gave."""
        goal = memory["goal"]
        self.goal = None if goal is None else _pair(goal)
        self.path = tuple((int(row), int(col)) for row, col in memory["path"])
        self.place = memory["place"]
        self.waypoint = _pair(memory["waypoint"])

    def _plan(self, position: Point, goal: Point) -> None:
        self.goal = goal
        self.path = self.solver(self.maze.walls, self._cell(position), self._cell(goal))
        self.place = min(1, len(self.path) - 1)
        self.waypoint = self._centre(self.path[1]) if self.place else goal

    def _cell(self, position: Point) -> Cell:
        x, y = self.maze.from_world(np.array(position)).tolist()
        return math.floor(y), math.floor(x)

    def _centre(self, cell: Cell) -> Point:
        return _pair(self.maze.to_world(np.array([cell[1] + 0.5, cell[0] + 0.5])).tolist())


def _pair(values: list[float]) -> Point:
    x, y = values
    return float(x), float(y)
