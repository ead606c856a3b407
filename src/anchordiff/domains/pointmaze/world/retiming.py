"""Retiming: the fastest way along a path under limits of speed and acceleration, by TOPP-RA.

Pham and Pham 2018, "A New Approach to Time-Optimal Path Parameterization Based on Reachability Analysis",
https://arxiv.org/abs/1707.07239, in its authors' library toppra.
"""

import numpy as np
from jaxtyping import Float

from anchordiff.domains.pointmaze.world.numbers import check_above_zero, check_numbers
from anchordiff.domains.pointmaze.world.physics import DT
from anchordiff.errors import MissingExtraError

_SAME_PLACE = 1e-6
_INSIDE = 0.999
_TURN = 0.1
_MOST_PIECES = 20


def retime(
    path: Float[np.ndarray, "n 2"],
    velocity: Float[np.ndarray, "2"],
    *,
    speed: float,
    acceleration: float,
) -> Float[np.ndarray, "steps 2"]:
    """Say where on a path to be at each step, to be at rest at its end as soon as the limits allow.

    Args:
        path: positions (x, y) that a cubic spline joins, in metres.
        velocity: at the start, in m/s; its part along the path is kept as far as the limits allow.
        speed: greatest velocity of an axis, in m/s.
        acceleration: greatest acceleration of an axis, in m/s².

    Returns:
        Positions (x, y) at 0, 0.01, 0.02 … s; the last is the path's end.

    Raises:
        MissingExtraError: if toppra is not installed.
        RuntimeError: if toppra finds no timing.
        ValueError: if `path` or `velocity` is not finite or has another shape, or a limit is not finite and above 0.
    """
    path, velocity = check_numbers("path", path, (None, 2)), check_numbers("velocity", velocity, (2,))
    check_above_zero("speed", speed)
    check_above_zero("acceleration", acceleration)
    try:
        import toppra
        from toppra.algorithm import TOPPRA
        from toppra.constraint import JointAccelerationConstraint, JointVelocityConstraint
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "toppra", "pointmaze") from error
    moved = np.linalg.norm(np.diff(path, axis=0), axis=1)
    path = path[np.concatenate([[True], moved > _SAME_PLACE])]
    if len(path) == 1:
        return path
    place = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    toppra.setup_logging("ERROR")
    spline = toppra.SplineInterpolator(place, path)
    limit = np.array([[-1.0, 1.0], [-1.0, 1.0]])
    problem = TOPPRA(
        [JointVelocityConstraint(speed * limit), JointAccelerationConstraint(acceleration * limit)],
        spline,
        gridpoints=_grid(place, spline(place, 2)),
        solver_wrapper="seidel",
        parametrizer="ParametrizeConstAccel",
    )
    # Squares of the path velocities from which the end can still be reached at rest.
    fastest = _INSIDE * float(np.sqrt(max(0.0, problem.compute_controllable_sets(0.0, 0.0)[0, 1])))
    along = float(velocity @ spline(0.0, 1))
    timing = problem.compute_trajectory(float(np.clip(along, 0.0, fastest)), 0.0)
    if timing is None:
        raise RuntimeError(f"toppra found no timing for a path of {len(path)} points, {place[-1]:.3f} m long")
    times = np.arange(0.0, timing.duration + DT, DT)
    steps: np.ndarray = timing(np.minimum(times, timing.duration))
    steps[-1] = path[-1]  # but for rounding
    return steps


def _grid(
    place: Float[np.ndarray, " points"], bending: Float[np.ndarray, "points 2"]
) -> Float[np.ndarray, " gridpoints"]:
    """Places where the limits are held: the spline's own, and more between two of them where its direction turns fast.

    Between them the limits hold up to what the path turns there; a path that comes back on itself turns by 180° between
    two of its points.

    Args:
        place: of the spline's points, along the path, in metres.
        bending: second derivative there, in 1/m; linear between two points.
    """
    most = np.abs(bending).max(axis=1)
    turn = np.maximum(most[1:], most[:-1]) * np.diff(place)
    pieces = np.clip(np.ceil(turn / _TURN), 1, _MOST_PIECES).astype(np.int64)
    number = np.repeat(np.arange(len(pieces)), pieces)
    first = np.cumsum(pieces) - pieces
    share = (np.arange(pieces.sum()) - np.repeat(first, pieces)) / pieces[number]
    inner: np.ndarray = place[number] + share * np.diff(place)[number]
    return np.append(inner, place[-1])
