"""Polylines: resampling, lines of sight, collision checks and string pulling.

A polyline is an array (n, dim) of positions, joined by straight segments.

>>> import numpy as np
>>> resample(np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0]]), 5).tolist()
[[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [2.0, 1.0], [2.0, 2.0]]
"""

import math

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from anchordiff.checks import FLOATS, check_array, check_integer
from anchordiff.kernels._jit import kernel
from anchordiff.kernels.grid._grid_checks import MOST_POINTS, check_polyline
from anchordiff.kernels.grid._resample import resample_evenly
from anchordiff.kernels.grid.line_of_sight import (
    line_is_free,
    points_in_wall,
    polyline_is_free,
    polylines_are_free,
)
from anchordiff.kernels.grid.string_pull import smooth_path, string_pull

__all__ = [
    "line_is_free",
    "points_in_wall",
    "polyline_is_free",
    "polyline_length",
    "polylines_are_free",
    "resample",
    "resample_batch",
    "smooth_path",
    "string_pull",
]


@kernel()
def _resample(points: NDArray[np.floating], horizon: int) -> tuple[NDArray[np.floating], float]:
    out = np.empty((horizon, points.shape[1]), points.dtype)
    length = resample_evenly(points, points.shape[0], np.empty(points.shape[0], np.float64), out)
    return out, length


@kernel()
def _resample_batch(
    points: NDArray[np.floating], offsets: NDArray[np.int64], out: NDArray[np.floating]
) -> None:
    lengths = np.empty(np.diff(offsets).max(), np.float64)
    for b in range(out.shape[0]):
        resample_evenly(points[offsets[b] : offsets[b + 1]], offsets[b + 1] - offsets[b], lengths, out[b])


def polyline_length(points: Float[np.ndarray, "n dim"]) -> float:
    """Length of a polyline, in the units of its points."""
    points = check_polyline(points)
    return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())


def resample(points: Float[np.ndarray, "n dim"], horizon: int) -> Float[np.ndarray, "horizon dim"]:
    """Put `horizon` points on a polyline, at equal steps of arc length; both ends are exact.

    Args:
        points: at least one point; float32 or float64.
        horizon: number of points of the result, at least 2.

    Raises:
        ValueError: if a point is NaN or infinite, or shapes or dtypes do not fit.
    """
    check_integer("horizon", horizon, least=2, most=MOST_POINTS, most_is="the largest horizon")
    line = check_array("points", points, FLOATS, ("n", "dim"))
    if len(line) == 0:
        raise ValueError("points must hold at least one point, found none")
    out: NDArray[np.floating]
    out, length = _resample(line, horizon)
    if not math.isfinite(length):  # to look at every number before takes longer than the work
        check_polyline(line)
    return out


def resample_batch(
    points: Float[np.ndarray, "total dim"], offsets: Int[np.ndarray, " batch_plus_1"], horizon: int
) -> Float[np.ndarray, "batch horizon dim"]:
    """Resample many polylines; polyline i is `points[offsets[i] : offsets[i + 1]]`.

    Args:
        points: the points of all polylines, one after the other; float32 or float64.
        offsets: from 0 to `len(points)`, strictly increasing.
        horizon: number of points of each result, at least 2.

    Raises:
        ValueError: if a point is NaN or infinite, a polyline has no point, or shapes or dtypes do not fit.
    """
    check_integer("horizon", horizon, least=2, most=MOST_POINTS, most_is="the largest horizon")
    points = check_polyline(points, least=0)
    offsets = check_array("offsets", offsets, (np.dtype(np.int64),), ("batch + 1",))
    if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != len(points):
        raise ValueError(f"offsets must go from 0 to {len(points)}, found {offsets}")
    empty = np.diff(offsets) < 1
    if empty.any():
        raise ValueError(
            f"offsets must increase strictly, found polyline {int(empty.argmax())} without a point"
        )
    out = np.empty((len(offsets) - 1, horizon, points.shape[1]), points.dtype)
    if len(out):
        _resample_batch(points, offsets, out)
    return out
