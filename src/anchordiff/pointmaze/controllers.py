"""Controllers: what turns a plan, or a goal, into actions at 100 Hz.

A controller is made for one episode, or one plan, and is called once a step, in order. `PathTracker` stands in
`anchordiff.pointmaze.tracker`.
"""

from collections.abc import Sequence
from typing import Final, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from anchordiff.pointmaze.mazes import PointMaze
from anchordiff.pointmaze.physics import DT
from anchordiff.pointmaze.solvers import q_iteration_path

P_GAIN: Final = 10.0
"""Action a metre of the controller behind the benchmark's data."""

D_GAIN: Final = -1.0
"""Its action a metre a second."""

THRESHOLD: Final = 0.1
"""Distance at which it counts a waypoint as reached, in metres."""

JITTER: Final = 0.2
"""Side of the square that its waypoints are drawn from, in metres."""


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
        """Aim at the next waypoint."""
        self._step = min(self._step + 1, len(self._waypoints) - 1)
        error = self._waypoints[self._step] - state
        action: np.ndarray = error[:2] + error[2:]
        return action


class GridWaypoint:
    """The controller that the benchmark's data was made with: from cell to cell, P 10 and D -1.

    A waypoint counts as reached within 0.1 m; all but the last are the middle of a cell, less up to 0.2 m an axis. This
    is the rule of D4RL's `waypoint_controller.py` in the form of Farama's scripts for Minari.

    Args:
        maze: which.
        route: cells (row, col) after the start's, up to and with the goal's; empty where they are the same.
        target: the goal (x, y), in metres.
        generator: of the waypoints' places.
    """

    def __init__(
        self,
        maze: PointMaze,
        route: Sequence[tuple[int, int]],
        target: Float[np.ndarray, "2"],
        *,
        generator: np.random.Generator,
    ) -> None:
        places = [maze.centre(cell) - generator.uniform(0.0, JITTER, 2) for cell in route[:-1]]
        self.path = np.array([*places, target], np.float64)
        self._next = 0

    def __call__(self, state: Float[np.ndarray, "4"]) -> Float[np.ndarray, "2"]:
        """Push towards the next waypoint."""
        near = bool(np.linalg.norm(self.path[self._next] - state[:2]) <= THRESHOLD)
        if near and self._next < len(self.path) - 1:
            self._next += 1
        action: np.ndarray = P_GAIN * (self.path[self._next] - state[:2]) + D_GAIN * state[2:]
        return action


class RandomActions:
    """Actions drawn evenly from [-1, 1]², as D4RL's score of 0 was measured."""

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator

    def __call__(self, state: Float[np.ndarray, "4"]) -> Float[np.ndarray, "2"]:
        """Draw an action, whatever the state."""
        return self._generator.uniform(-1.0, 1.0, 2)


def grid_route(
    maze: PointMaze, start: Float[np.ndarray, "2"], target: Float[np.ndarray, "2"]
) -> tuple[tuple[int, int], ...]:
    """A shortest route over the grid's four neighbours, by D4RL's Q-iteration, for `GridWaypoint`.

    Args:
        maze: which.
        start: position (x, y) in metres.
        target: position (x, y) in metres.

    Returns:
        The cells (row, col) after the start's, up to and with the target's.

    Raises:
        ValueError: if one lies in a wall.
    """
    cells = maze.maze.from_world(np.stack([start, target]))
    (x, y), (goal_x, goal_y) = np.floor(cells).astype(int).tolist()
    return q_iteration_path(maze.maze.walls, (y, x), (goal_y, goal_x))[1:]


def check_path(path: Float[np.ndarray, "horizon dim"]) -> Float[np.ndarray, "horizon dim"]:
    """Copy a path as float64.

    Raises:
        ValueError: if it has no points, other than 2 or 4 columns, or numbers that are not finite.
    """
    path = np.array(path, np.float64)
    if path.ndim != 2 or len(path) == 0 or path.shape[1] not in (2, 4) or not np.isfinite(path).all():
        raise ValueError(
            f"path must be finite, of shape (horizon >= 1, 2 or 4), found shape {path.shape}"
            + ("" if np.isfinite(path).all() else " with numbers that are not finite")
        )
    return path
