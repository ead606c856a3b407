"""Controllers: what turns a plan, or a goal, into actions at 100 Hz.

A controller is made for one episode, or one plan, and is called once a step, in order. `PathTracker` stands in
`anchordiff.domains.pointmaze.world.tracker`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from anchordiff.domains.maze.maze import Maze
from anchordiff.domains.pointmaze.world.numbers import check_numbers
from anchordiff.domains.pointmaze.world.physics import DT
from anchordiff.domains.pointmaze.world.solvers import Cell, Path, Solver

P_GAIN: Final = 10.0
"""Action a metre of the controller behind the benchmark's data."""

D_GAIN: Final = -1.0
"""Its action a metre a second."""

THRESHOLD: Final = 0.1
"""Distance at which it counts a waypoint as reached, in metres."""

JITTER: Final = 0.2
"""Side of the square that its waypoints are drawn from, in metres."""

Point = tuple[float, float]

_SAME_GOAL: Final = 1e-3


@runtime_checkable
class Controller(Protocol):
    """Chooses the action of each step."""

    def __call__(self, state: Float[np.ndarray, "4"]) -> Float[np.ndarray, "2"]:
        """Choose the action of the next step.

        Args:
            state: (x, y, v_x, v_y), in m and m/s.

        Returns:
            The action; the environment clips it to [-1, 1].
        """


class WaypointPD:
    r"""The controller of Diffuser (Janner et al. 2022, https://arxiv.org/abs/2205.09991; `scripts/plan_maze2d.py`).

    At step t of the plan, with its position p and velocity w,

    .. math:: a = (p_{t+1} - x) + (w_{t+1} - v),

    one waypoint a step; after the last but one, the last position with velocity 0 is held.

    Args:
        path: positions (x, y) in metres, or states with velocities in m/s; one a step of 0.01 s, the first where the
            ball is. Where there are no velocities, they are the differences to the step before.

    Example:
        >>> control = WaypointPD(np.array([[0.0, 0.0], [0.1, 0.0]]))
        >>> state = np.zeros(4)
        >>> control(state).round(3).tolist(), control(state).round(3).tolist()
        ([0.1, 0.0], [0.1, 0.0])
    """

    def __init__(self, path: Float[np.ndarray, "horizon dim"]) -> None:
        self.path = check_path(path)
        position = self.path[:, :2]
        difference = np.diff(position, axis=0, prepend=position[:1]) / DT
        velocity = self.path[:, 2:] if self.path.shape[1] == 4 else difference
        self._waypoints = np.concatenate([position, velocity], axis=1)
        self._waypoints[-1, 2:] = 0.0
        self._step = 0

    def __call__(self, state: Float[np.ndarray, "4"]) -> Float[np.ndarray, "2"]:
        """Aim at the next waypoint.

        Raises:
            ValueError: if `state` is not four finite numbers.
        """
        state = check_state(state)
        self._step = min(self._step + 1, len(self._waypoints) - 1)
        error = self._waypoints[self._step] - state
        action: np.ndarray = error[:2] + error[2:]
        return action


class GridWaypoint:
    """The controller behind the benchmark's data: along paths of cells, and from waypoint to waypoint by a PD law.

    The action is P (waypoint - position) + D velocity with P = 10 and D = -1. A waypoint counts as reached within
    0.1 m; the next one is the middle of its cell less a uniform draw from [0, 0.2)² m, the last one the goal itself.
    The first one is the middle itself, also where it is the last, unless waypoints are drawn `ahead`.

    Source: `scripts/pointmaze/controller.py` of Farama's minari-dataset-generation-scripts, after D4RL's
    `waypoint_controller.py`.

    Args:
        maze: walls, with the map to the world.
        solver: what finds paths of cells.
        generator: of the waypoints' draws.
        clip: whether actions are clipped to [-1, 1], as D4RL does before noise comes on them.
        ahead: whether all waypoints are drawn with the path, the first one too, so that they are a plan; else each is
            drawn when the one before it is reached, as in the sources.

    Example:
        >>> from anchordiff.domains.pointmaze.world import POINT_MAZES
        >>> from anchordiff.domains.pointmaze.world.solvers import q_iteration_path
        >>> maze = POINT_MAZES["umaze"]
        >>> control = GridWaypoint(maze.maze, q_iteration_path, generator=np.random.default_rng(0))
        >>> control.aim(maze.centre((1, 1)), maze.centre((1, 3)))
        >>> control.waypoints.tolist()
        [[0.0, 1.0]]
        >>> control(np.array([-1.0, 1.0, 0.0, 0.0])).tolist()
        [10.0, 0.0]
    """

    def __init__(
        self,
        maze: Maze,
        solver: Solver,
        *,
        generator: np.random.Generator,
        clip: bool = False,
        ahead: bool = False,
    ) -> None:
        self._maze = maze
        self._solver = solver
        self._generator = generator
        self._clip = clip
        self._ahead = ahead
        self._goal: Point | None = None
        self._route: Path = ()
        self._waypoints: list[Point] = []
        self._place = 0

    @property
    def waypoints(self) -> Float[np.ndarray, "waypoints 2"]:
        """Those that are drawn, from the first one after the start on, in metres; all of them with `ahead`."""
        return np.array(self._waypoints, np.float64).reshape(-1, 2)

    def aim(self, position: Float[np.ndarray, "2"], goal: Float[np.ndarray, "2"]) -> None:
        """Make a path from the ball's cell to the goal's, unless one leads there already.

        Args:
            position: of the ball (x, y), in metres.
            goal: (x, y), in metres.

        Raises:
            ValueError: if one is not two finite numbers, or lies in a wall.
        """
        position, goal = check_numbers("position", position, (2,)), check_numbers("goal", goal, (2,))
        wanted = _point(goal.tolist())
        if self._goal is not None and math.dist(self._goal, wanted) <= _SAME_GOAL:
            return
        self._route = self._solver(self._maze.walls, self._cell(position), self._cell(goal))[1:]
        self._goal, self._place = wanted, 0
        if not self._route:
            self._waypoints = [wanted]
        elif self._ahead:
            self._waypoints = [self._draw(place) for place in range(len(self._route))]
        else:
            self._waypoints = [self._middle(0)]

    def __call__(self, state: Float[np.ndarray, "4"]) -> Float[np.ndarray, "2"]:
        """Push towards the next waypoint.

        Raises:
            RuntimeError: if there is no goal.
            ValueError: if `state` is not four finite numbers.
        """
        if self._goal is None:
            raise RuntimeError("there is no goal yet; call aim first")
        x, y, v_x, v_y = check_state(state).tolist()
        if (
            self._place < len(self._route) - 1
            and math.dist(self._waypoints[self._place], (x, y)) <= THRESHOLD
        ):
            self._place += 1
            if self._place == len(self._waypoints):
                self._waypoints.append(self._draw(self._place))
        to_x, to_y = self._waypoints[self._place]
        action = [P_GAIN * (to_x - x) + D_GAIN * v_x, P_GAIN * (to_y - y) + D_GAIN * v_y]
        if self._clip:
            action = [min(max(value, -1.0), 1.0) for value in action]
        return np.array(action, np.float64)

    def memory(self) -> dict[str, Any]:
        """What it remembers between steps, beside the generator's state, as JSON holds it."""
        waypoints = list(self._waypoints)
        return {"goal": self._goal, "route": self._route, "waypoints": waypoints, "place": self._place}

    def remember(self, memory: Mapping[str, Any]) -> None:
        """Go on with what `memory` gave."""
        goal = memory["goal"]
        self._goal = None if goal is None else _point(goal)
        self._route = tuple((int(row), int(col)) for row, col in memory["route"])
        self._waypoints = [_point(waypoint) for waypoint in memory["waypoints"]]
        self._place = memory["place"]

    def _cell(self, position: Float[np.ndarray, "2"]) -> Cell:
        x, y = self._maze.from_world(position).tolist()
        return math.floor(y), math.floor(x)

    def _middle(self, place: int) -> Point:
        row, col = self._route[place]
        return _point(self._maze.to_world(np.array([col + 0.5, row + 0.5])).tolist())

    def _draw(self, place: int) -> Point:
        if place == len(self._route) - 1:
            assert self._goal is not None
            return self._goal
        x, y = self._middle(place)
        draw_x, draw_y = self._generator.random(2).tolist()
        return x - JITTER * draw_x, y - JITTER * draw_y


class RandomActions:
    """Actions drawn evenly from [-1, 1]², as D4RL's score of 0 was measured."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator

    def __call__(self, state: Float[np.ndarray, "4"]) -> Float[np.ndarray, "2"]:
        """Draw an action, whatever the state."""
        return self._generator.uniform(-1.0, 1.0, 2)


def check_path(path: Float[np.ndarray, "horizon dim"]) -> Float[np.ndarray, "horizon dim"]:
    """Copy a path as float64.

    Raises:
        ValueError: if it has no points, other than 2 or 4 columns, or numbers that are not finite.
    """
    return check_numbers("path", path, (None, (2, 4)))


def check_state(state: Float[np.ndarray, "4"]) -> Float[np.ndarray, "4"]:
    """Copy a state of the ball as float64.

    Raises:
        ValueError: if it is not four finite numbers.
    """
    return check_numbers("state", state, (4,))


def _point(values: Sequence[float]) -> Point:
    x, y = values
    return float(x), float(y)
