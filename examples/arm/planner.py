"""RRT-Connect of OMPL with its own path simplifier: paths of the arm that keep off the spheres."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray
from ompl import base, geometric, util
from tasks import MARGIN, ArmTask
from world import NUM_JOINTS, ArmWorld

HORIZON: Final = 64

# While planning, a point of the arm moves at most this far between two checks. It is then within MARGIN of a place
# that is off the spheres by MARGIN, so that it touches none.
_PLANNING_STEP: Final = 2 * MARGIN
_RANGE: Final = 1.0
_GIVE_UP: Final = 2


@final
@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run of the planner and its simplifier found.

    Attributes:
        waypoints: (waypoints, 7), radians; None where it found nothing within its checks.
        length: Euclidean length of the path through joint space, radians; infinite where there is none.
        milliseconds: wall clock of planning and simplifying.
        checks: configurations checked.
    """

    waypoints: NDArray[np.float64] | None
    length: float
    milliseconds: float
    checks: int


def plan_once(world: ArmWorld, task: ArmTask, *, seed: int, max_checks: int = 100_000) -> Run:
    """One run of RRT-Connect and then `PathSimplifier.simplify`, from fresh trees.

    The same seed gives the same path: OMPL's seed is set anew, every random part of OMPL is made after that, and
    the limit counts checks, not seconds. It holds for one version of OMPL and PyBullet on one kind of machine.

    Args:
        world: the arm, among the spheres of `task`.
        task: what to plan for.
        seed: of OMPL's random numbers; 1 or more.
        max_checks: configurations that planning may check, and simplifying as many again.

    Raises:
        ValueError: if `seed` is below 1.
    """
    _set_seed(seed)
    began, first_check = time.perf_counter(), world.checks
    setting = _Setting(world, task)
    path = setting.solve(max_checks)
    if path is not None:
        setting.simplify(path, max_checks)
    spent = (time.perf_counter() - began) * 1e3
    checks = world.checks - first_check
    if path is None:
        return Run(waypoints=None, length=float("inf"), milliseconds=spent, checks=checks)
    waypoints = _waypoints(path)
    return Run(waypoints=waypoints, length=path_length(waypoints), milliseconds=spent, checks=checks)


def plan_best(
    world: ArmWorld, task: ArmTask, *, seeds: Sequence[int], simplified: int = 2, max_checks: int = 20_000
) -> NDArray[np.float64] | None:
    """A path near the shortest: RRT-Connect once a seed, the shortest few of its paths simplified, and the best.

    Where the straight line is free, it is the path, since nothing is shorter. Reproducible as `plan_once` is.

    Args:
        world: the arm, among the spheres of `task`.
        task: what to plan for.
        seeds: of OMPL's random numbers, one a run; 1 or more.
        simplified: how many paths are simplified.
        max_checks: configurations that each run may check, and each simplifying as many again.

    Returns:
        (waypoints, 7), radians; None where two runs failed before one found a path.
    """
    line = np.stack([task.start, task.goal]).astype(np.float64)
    if world.path_is_free(line, margin=MARGIN, step=_PLANNING_STEP):
        return line
    found: list[tuple[float, _Setting, geometric.PathGeometric]] = []
    for run, seed in enumerate(seeds):
        if run == _GIVE_UP and not found:
            return None
        _set_seed(seed)
        setting = _Setting(world, task)
        path = setting.solve(max_checks)
        if path is not None:
            found.append((path.length(), setting, path))
    found.sort(key=lambda item: item[0])
    best: NDArray[np.float64] | None = None
    for _, setting, path in found[:simplified]:
        setting.simplify(path, max_checks)
        waypoints = _waypoints(path)
        if best is None or path_length(waypoints) < path_length(best):
            best = waypoints
    return best


def path_length(path: NDArray[Any]) -> float:
    """Euclidean length of a path through joint space, radians."""
    return float(np.linalg.norm(np.diff(path.astype(np.float64), axis=0), axis=1).sum())


def resample(waypoints: NDArray[np.float64], horizon: int = HORIZON) -> NDArray[np.float32]:
    """`horizon` states at equal arc length in joint space, with the ends exact.

    Args:
        waypoints: (waypoints, 7), radians.
        horizon: number of states.
    """
    pieces = np.linalg.norm(np.diff(waypoints, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(pieces)])
    places = np.linspace(0.0, along[-1], horizon)
    states = np.stack([np.interp(places, along, column) for column in waypoints.T], axis=1)
    states[0], states[-1] = waypoints[0], waypoints[-1]
    return states.astype(np.float32)


@final
class _Setting:
    """OMPL's space, problem and planner for one task, all of them new."""

    def __init__(self, world: ArmWorld, task: ArmTask) -> None:
        self._world = world
        space = base.RealVectorStateSpace(NUM_JOINTS)
        bounds = base.RealVectorBounds(NUM_JOINTS)
        for joint in range(NUM_JOINTS):
            bounds.setLow(joint, float(world.lower[joint]))
            bounds.setHigh(joint, float(world.upper[joint]))
        space.setBounds(bounds)
        self._information = base.SpaceInformation(space)
        # Nothing that OMPL holds may refer to this object: it would never be freed.
        self._information.setStateValidityChecker(lambda state: world.is_free(state[0:NUM_JOINTS], MARGIN))
        self._information.setMotionValidator(_Motions(self._information, world))
        self._information.setup()
        start, goal = space.allocState(), space.allocState()
        start[0:NUM_JOINTS] = _within(task.start, world)
        goal[0:NUM_JOINTS] = _within(task.goal, world)
        self._problem = base.ProblemDefinition(self._information)
        self._problem.setStartAndGoalStates(start, goal)

    def solve(self, max_checks: int) -> geometric.PathGeometric | None:
        """The path of RRT-Connect, or None."""
        planner = geometric.RRTConnect(self._information)
        planner.setRange(_RANGE)
        planner.setProblemDefinition(self._problem)
        planner.setup()
        planner.solve(self._after(max_checks))
        return self._problem.getSolutionPath() if self._problem.hasExactSolution() else None

    def simplify(self, path: geometric.PathGeometric, max_checks: int) -> None:
        """Shorten and smooth a path in place, as OMPL does by default."""
        geometric.PathSimplifier(self._information).simplify(path, self._after(max_checks))

    def _after(self, max_checks: int) -> base.PlannerTerminationCondition:
        world, last = self._world, self._world.checks + max_checks
        return base.PlannerTerminationCondition(lambda: world.checks >= last)


@final
class _Motions(base.MotionValidator):  # type: ignore[misc]
    """Straight motions, checked by how far the arm moves and not by how far the angles do."""

    def __init__(self, information: base.SpaceInformation, world: ArmWorld) -> None:
        super().__init__(information)
        self._world = world

    def checkMotion(self, one: base.State, other: base.State) -> bool:
        """Whether the motion keeps off the spheres."""
        ends = np.array([one[0:NUM_JOINTS], other[0:NUM_JOINTS]])
        return self._world.path_is_free(ends, margin=MARGIN, step=_PLANNING_STEP)


def _set_seed(seed: int) -> None:
    """Have the parts of OMPL that are made from now on draw from this seed."""
    if seed < 1:
        raise ValueError(f"seed must be at least 1, found {seed}")
    # OMPL complains of a seed set late, because parts made before keep theirs; none of them draws again here.
    util.noOutputHandler()
    util.RNG.setSeed(seed)


def _waypoints(path: geometric.PathGeometric) -> NDArray[np.float64]:
    return np.array([state[0:NUM_JOINTS] for state in path.getStates()])


def _within(q: NDArray[np.float32], world: ArmWorld) -> list[float]:
    """The same angles; those that float32 rounded past a limit, at the limit."""
    angles: list[float] = np.clip(q.astype(np.float64), world.lower, world.upper).tolist()
    return angles
