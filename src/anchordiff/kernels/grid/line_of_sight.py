"""Exact collision checks of points, lines and polylines against the walls of a grid.

Positions are (x, y) in cells. Something is free when a disc of `radius` (in cells), moved along it, touches neither
a wall cell nor the outside of the grid. Cells are closed squares: touching one is a collision, so that nothing slips
between two walls that meet at a corner, and a radius of 0 means "not even the boundary of a wall". A NaN is
never free. No steps are sampled: every cell that the motion can reach is tested exactly.

>>> import numpy as np
>>> walls = np.array([[False, True], [False, False]])
>>> line_is_free(walls, (0.5, 0.5), (1.5, 1.5)), line_is_free(walls, (0.4, 0.5), (1.4, 1.5))
(False, True)
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from anchordiff.checks import FLOATS, check_array, check_number
from anchordiff.kernels.grid._grid_checks import check_threads, check_walls, chunks
from anchordiff.kernels.grid._sweep import (
    mark_blocked_points,
    polyline_sweep_is_free,
    polylines_sweep_are_free,
    sweep_is_free,
)

_ROWS_A_THREAD = 256


def line_is_free(
    walls: Bool[np.ndarray, "rows cols"], a: Sequence[float], b: Sequence[float], *, radius: float = 0.0
) -> bool:
    """Say whether the segment from `a` to `b` is free.

    Args:
        walls: True where blocked.
        a: position (x, y), in cells.
        b: position (x, y), in cells.
        radius: of the disc that moves along the segment, in cells.
    """
    walls = check_walls(walls, ndim=2)
    return bool(sweep_is_free(walls, *_position("a", a), *_position("b", b), _check_radius(radius)))


def polyline_is_free(
    walls: Bool[np.ndarray, "rows cols"], points: Float[np.ndarray, "n 2"], *, radius: float = 0.0
) -> bool:
    """Say whether all segments of a polyline are free.

    Args:
        walls: True where blocked.
        points: at least one position, in cells.
        radius: of the disc that moves along the polyline, in cells.
    """
    walls = check_walls(walls, ndim=2)
    points = check_points(points, ndim=2)
    return bool(polyline_sweep_is_free(walls, points, _check_radius(radius)))


def polylines_are_free(
    walls: Bool[np.ndarray, "grids rows cols"],
    points: Float[np.ndarray, "batch n 2"],
    *,
    radius: float = 0.0,
    threads: int = 1,
) -> Bool[np.ndarray, " batch"]:
    """Say of each polyline whether all its segments are free.

    Args:
        walls: True where blocked; one grid for every polyline, or for every group of as many consecutive polylines
            (several candidates in the same maze).
        points: at least one position a polyline, in cells.
        radius: of the disc that moves along the polylines, in cells.
        threads: share large batches among this many threads.
    """
    walls = check_walls(walls, ndim=3)
    points = check_points(points, ndim=3)
    _check_groups(walls, points)
    radius = _check_radius(radius)
    out = np.empty(len(points), np.bool_)
    parts = chunks(len(points), min(check_threads(threads), len(points) // _ROWS_A_THREAD + 1))
    if len(parts) == 1:
        polylines_sweep_are_free(walls, points, radius, 0, len(points), out)
        return out
    with ThreadPoolExecutor(len(parts)) as pool:
        for _ in pool.map(
            lambda part: polylines_sweep_are_free(walls, points, radius, part.start, part.stop, out), parts
        ):
            pass
    return out


def points_in_wall(
    walls: Bool[np.ndarray, "grids rows cols"], points: Float[np.ndarray, "batch n 2"], *, radius: float = 0.0
) -> Bool[np.ndarray, "batch n"]:
    """Say of each point whether it touches a wall or the outside of its grid.

    Args:
        walls: True where blocked; one grid for every row of `points`, or for every group of as many rows.
        points: positions, in cells.
        radius: of a disc around each point, in cells.
    """
    walls = check_walls(walls, ndim=3)
    points = check_points(points, ndim=3)
    _check_groups(walls, points)
    out = np.empty(points.shape[:2], np.bool_)
    mark_blocked_points(walls, points, _check_radius(radius), out)
    return out


def check_points(points: NDArray[np.floating], *, ndim: int) -> NDArray[np.floating]:
    """Return positions as a contiguous float32 or float64 array of `ndim` axes, or say what is wrong with them."""
    checked: NDArray[np.floating] = check_array("points", points, FLOATS, ("batch", "n", 2)[-ndim:])
    if checked.shape[-2] == 0:
        raise ValueError(f"points must hold at least one point, found the shape {checked.shape}")
    return checked


def _check_groups(walls: NDArray[np.bool_], points: NDArray[np.floating]) -> None:
    if len(points) % max(len(walls), 1) or (len(walls) == 0) != (len(points) == 0):
        raise ValueError(
            f"points must have as many rows as walls has grids, or a multiple, found {len(points)} and {len(walls)}"
        )


def _check_radius(radius: float) -> float:
    return check_number("radius", radius, least=0.0)


def _position(name: str, position: Sequence[float]) -> tuple[float, float]:
    try:
        x, y = position
        return float(x), float(y)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be a position (x, y), found {position!r}") from None
