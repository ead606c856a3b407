"""Reference rows: what no learning at all reaches, and what is possible, in the same run.

The last two follow a true shortest path, which no planner under test may use. Between them stands what pace and control
are worth; above the last, next to nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from jaxtyping import Float

from anchordiff.checks import check_integer
from anchordiff.domains.pointmaze.benchmark.agents import (
    Agent,
    Beginning,
    Planned,
    Planner,
    Random,
    Waypoints,
    pd,
)
from anchordiff.domains.pointmaze.benchmark.measures import shortest_way
from anchordiff.domains.pointmaze.world import PointMaze, find_walls
from anchordiff.domains.pointmaze.world.physics import MAX_ACCELERATION, MAX_SPEED, TARGET_RADIUS
from anchordiff.domains.pointmaze.world.tracker import PathTracker
from anchordiff.kernels.grid.polyline import resample

PACE: Final[Mapping[str, int]] = MappingProxyType({"umaze": 128, "medium": 256, "large": 384})
"""Horizons of Diffuser's plans, in steps (Janner et al. 2022, `config/maze2d.py`)."""

CLEARANCE: Final = 0.25
"""Of the shortest path that is followed at the planner's pace, in metres."""

RACE_CLEARANCES: Final = (0.15, 0.2, 0.25, 0.3)
"""Of the shortest paths that `Race` times, in metres."""

RACE_ACCELERATION: Final = 0.97 * MAX_ACCELERATION
"""Acceleration of an axis that `Race` uses, in m/s²: damping and feedback need little."""

_HORIZON = 384


@dataclass(frozen=True, kw_only=True)
class Race:
    """True shortest paths at several clearances, smoothed between the walls; the fastest of them is run.

    Near-optimal, not optimal: its line is one of least bending, not of least time.
    """

    name: str = "shortest path, near-optimal"
    replan_every: None = None

    def begin(
        self,
        maze: PointMaze,
        state: Float[np.ndarray, "4"],
        target: Float[np.ndarray, "2"],
        generator: np.random.Generator,
    ) -> Beginning:
        """Time all paths, and follow the fastest."""
        walls, trackers = find_walls(maze), []
        for clearance in RACE_CLEARANCES:
            plan = shortest_planner(maze, horizon=_HORIZON, clearance=clearance)(state, target)
            trackers.append(
                PathTracker(plan, state, walls=walls, speed=MAX_SPEED, acceleration=RACE_ACCELERATION)
            )
        fastest = min(trackers, key=lambda tracker: _first_touch(tracker.reference, target))
        return Beginning(controller=fastest, plan=fastest.path)


def shortest_planner(maze: PointMaze, *, horizon: int, clearance: float = CLEARANCE) -> Planner:
    """A planner that knows the walls: a shortest path at a constant pace.

    Args:
        maze: which.
        horizon: steps from the start to the goal.
        clearance: to walls, in metres.

    Raises:
        ValueError: if `horizon` is no integer of at least 2.
    """
    check_integer("horizon", horizon, least=2)

    def plan(state: Float[np.ndarray, "4"], target: Float[np.ndarray, "2"]) -> Float[np.ndarray, "horizon 2"]:
        return resample(shortest_way(maze, state[:2], target, clearance=clearance), horizon)

    return plan


def reference_agents(maze: PointMaze, *, horizon: int | None = None) -> tuple[Agent, ...]:
    """Random actions, the data's controller, and shortest paths: at the planner's pace, and as fast as the ball can.

    Args:
        maze: which.
        horizon: steps of the planner's plans; Diffuser's where none is given.
    """
    planner = shortest_planner(maze, horizon=PACE[maze.name] if horizon is None else horizon)
    paced = Planned(name="shortest path, Diffuser's PD", planner=planner, follow=pd)
    return Random(), Waypoints(), paced, Race()


def _first_touch(reference: Float[np.ndarray, "steps 2"], target: Float[np.ndarray, "2"]) -> int:
    return int((np.linalg.norm(reference - target, axis=1) <= TARGET_RADIUS).argmax())
