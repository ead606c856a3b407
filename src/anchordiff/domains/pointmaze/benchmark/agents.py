"""Agents: what an evaluation compares. One begins an episode, or plans anew in it, and gives a controller."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from anchordiff.checks import check_integer
from anchordiff.domains.pointmaze.world import PointMaze
from anchordiff.domains.pointmaze.world.controllers import Controller, GridWaypoint, RandomActions, WaypointPD
from anchordiff.domains.pointmaze.world.solvers import q_iteration_path

Planner = Callable[[Float[np.ndarray, "4"], Float[np.ndarray, "2"]], Float[np.ndarray, "horizon dim"]]
"""From the ball's state (x, y, v_x, v_y) and the goal (x, y) to a path in metres: positions, or states."""

Follow = Callable[[Float[np.ndarray, "horizon dim"], Float[np.ndarray, "4"]], Controller]
"""From a path and the ball's state to a controller that follows the path."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Beginning:
    """What an agent begins with.

    Attributes:
        controller: of the steps that follow.
        plan: the path that it follows, in metres; none where there is none.
    """

    controller: Controller
    plan: Float[np.ndarray, "horizon dim"] | None = None


@runtime_checkable
class Agent(Protocol):
    """A way to act in the benchmark."""

    @property
    def name(self) -> str:
        """What tables call it."""

    @property
    def replan_every(self) -> int | None:
        """After how many steps it begins anew; never where there is none."""

    def begin(
        self,
        maze: PointMaze,
        state: Float[np.ndarray, "4"],
        target: Float[np.ndarray, "2"],
        generator: np.random.Generator,
    ) -> Beginning:
        """Plan from here; the time that this takes is reported.

        Args:
            maze: where the ball is.
            state: of the ball, in m and m/s.
            target: the goal, in metres.
            generator: of whatever is drawn; of the episode's own.
        """


def pd(path: Float[np.ndarray, "horizon dim"], state: Float[np.ndarray, "4"]) -> Controller:
    """Follow a path by Diffuser's rule, at the path's own pace."""
    return WaypointPD(path)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A planner and a way to follow its paths.

    Attributes:
        name: what tables call it.
        planner: from state and goal to a path.
        follow: from a path to a controller; `pd` where none is given.
        replan_every: steps between two plans; one plan an episode where there is none.

    Raises:
        ValueError: if `replan_every` is no integer of at least 1.

    Example:
        >>> straight = Planned(name="straight", planner=lambda state, target: np.stack([state[:2], target]))
        >>> straight.replan_every is None
        True
    """

    name: str
    planner: Planner
    follow: Follow = field(default=pd)
    replan_every: int | None = None

    def __post_init__(self) -> None:
        if self.replan_every is not None:
            check_integer("replan_every", self.replan_every)

    def begin(
        self,
        maze: PointMaze,
        state: Float[np.ndarray, "4"],
        target: Float[np.ndarray, "2"],
        generator: np.random.Generator,
    ) -> Beginning:
        """Plan, and follow the plan."""
        plan = self.planner(state, target)
        return Beginning(controller=self.follow(plan, state), plan=plan)


@dataclass(frozen=True, kw_only=True)
class Random:
    """Random actions."""

    name: str = "random"
    replan_every: None = None

    def begin(
        self,
        maze: PointMaze,
        state: Float[np.ndarray, "4"],
        target: Float[np.ndarray, "2"],
        generator: np.random.Generator,
    ) -> Beginning:
        """Draw from the episode's generator."""
        return Beginning(controller=RandomActions(generator))


@dataclass(frozen=True, kw_only=True)
class Waypoints:
    """The controller that the benchmark's data was made with, on a shortest route of cells and without noise."""

    name: str = "waypoint controller"
    replan_every: None = None

    def begin(
        self,
        maze: PointMaze,
        state: Float[np.ndarray, "4"],
        target: Float[np.ndarray, "2"],
        generator: np.random.Generator,
    ) -> Beginning:
        """Find the route."""
        controller = GridWaypoint(maze.maze, q_iteration_path, generator=generator, ahead=True)
        controller.aim(state[:2], target)
        return Beginning(controller=controller, plan=np.concatenate([state[None, :2], controller.waypoints]))
