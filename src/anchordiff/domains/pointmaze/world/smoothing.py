"""Smoothing: the curve of least bending that stays within a tube around a path."""

from typing import Final

import numpy as np
from jaxtyping import Float

from anchordiff.domains.pointmaze.world.numbers import check_numbers
from anchordiff.domains.pointmaze.world.physics import RADIUS
from anchordiff.domains.pointmaze.world.walls import WallBoxes
from anchordiff.errors import MissingExtraError
from anchordiff.kernels.grid.polyline import polyline_length, resample

SPACING: Final = 0.05
"""Distance between two points of a smoothed path before smoothing, in metres."""

GAP: Final = 0.01
"""Least distance between ball and wall that smoothing may leave where it widens the tube, in metres."""

_MAX_WIDTH = 0.5
_MIN_POINTS = 8
_ITERATIONS = 150
_PENALTY = 1e-3


def smooth(
    path: Float[np.ndarray, "n 2"], *, tolerance: float = 0.05, walls: WallBoxes | None = None
) -> Float[np.ndarray, "points 2"]:
    r"""Bend a path as little as a tube around it allows; both ends stay.

    With points q_i at every 5 cm of the path, this minimises

    .. math:: \sum_i |p_{i-1} - 2 p_i + p_{i+1}|^2 \quad\text{subject to}\quad |p_i - q_i| \le r_i

    by 150 rounds of the alternating direction method of multipliers (Boyd et al. 2011), which hold the bound exactly.
    It takes out noise smaller than the tube, and cuts corners as a racing line does.

    Args:
        path: positions (x, y), in metres.
        tolerance: radius of the tube, in metres.
        walls: widen the tube, to 0.5 m at most, where the ball still stays 1 cm off them.

    Raises:
        MissingExtraError: if scipy is not installed.
        ValueError: if `path` is not finite or has another shape, or `tolerance` is negative or not finite.
    """
    if not (np.isfinite(tolerance) and tolerance >= 0.0):
        raise ValueError(f"tolerance must be finite and at least 0 m, found {tolerance}")
    path = check_numbers("path", path, (None, 2))
    length = polyline_length(path)
    middle = resample(path, max(_MIN_POINTS, round(length / SPACING) + 1))
    width = np.full(len(middle), tolerance)
    if walls is not None:
        room = walls.distance(middle) - RADIUS - GAP
        width = np.maximum(width, np.minimum(room, _MAX_WIDTH))
    width[[0, -1]] = 0.0
    return _least_bending(middle, width)


def _least_bending(
    middle: Float[np.ndarray, "points 2"], width: Float[np.ndarray, " points"]
) -> Float[np.ndarray, "points 2"]:
    try:
        from scipy.linalg import cho_solve_banded, cholesky_banded
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "scipy", "pointmaze") from error
    # Upper bands of D'D, with D the second differences: what a row of [1, -2, 1] adds at its three points.
    bands = np.zeros((3, len(middle)))
    for offset, weight in ((0, 1.0), (1, 4.0), (2, 1.0)):
        bands[2, offset : len(middle) - 2 + offset] += weight
    bands[1, 1:-1] -= 2.0
    bands[1, 2:] -= 2.0
    bands[0, 2:] += 1.0
    bands /= _PENALTY
    bands[2] += 1.0
    factor = cholesky_banded(bands)
    kept, slack = middle.copy(), np.zeros_like(middle)
    for _ in range(_ITERATIONS):
        free = cho_solve_banded((factor, False), kept - slack)
        away = free + slack - middle
        distance = np.linalg.norm(away, axis=1)
        share = np.minimum(1.0, width / np.maximum(distance, np.finfo(np.float64).tiny))
        kept = middle + away * share[:, None]
        slack += free - kept
    return kept
