"""Exact collision of a moving disc with wall cells: the private kernels behind the line and polyline checks.

A segment is free when its distance to every wall cell, a closed unit square, and to the outside of the grid is
more than the radius: touching is a collision. Only the cells that the segment passes, within the radius, are
looked at, row by row. Whether a segment meets a square is decided by separating axes, hence without a division:
exactly, for float32 positions of usual size.
"""

import numpy as np
from numpy.typing import NDArray

from anchordiff.kernels._jit import kernel

Walls = NDArray[np.bool_]
Floats = NDArray[np.floating]

_MARGIN = 1e-6


@kernel()
def _meets_square(ax: float, ay: float, bx: float, by: float, col: int, row: int) -> bool:
    """Say whether the closed segment a–b meets the closed square of a cell."""
    if max(ax, bx) < col or min(ax, bx) > col + 1 or max(ay, by) < row or min(ay, by) > row + 1:
        return False
    dx, dy = bx - ax, by - ay
    left, right = (col - ax) * dy, (col + 1 - ax) * dy
    upper, lower = (row - ay) * dx, (row + 1 - ay) * dx
    one, two, three, four = upper - left, upper - right, lower - left, lower - right
    return not (
        (one > 0 and two > 0 and three > 0 and four > 0) or (one < 0 and two < 0 and three < 0 and four < 0)
    )


@kernel()
def _point_to_square(x: float, y: float, col: int, row: int) -> float:
    """Return the squared distance from a point to the square of a cell."""
    dx = max(col - x, 0.0, x - col - 1)
    dy = max(row - y, 0.0, y - row - 1)
    return dx * dx + dy * dy


@kernel()
def _point_to_segment(x: float, y: float, ax: float, ay: float, bx: float, by: float) -> float:
    """Return the squared distance from a point to the segment a–b."""
    dx, dy = bx - ax, by - ay
    square = dx * dx + dy * dy
    t = 0.0
    if square > 0.0:
        t = min(max(((x - ax) * dx + (y - ay) * dy) / square, 0.0), 1.0)
    dx, dy = ax + t * dx - x, ay + t * dy - y
    return dx * dx + dy * dy


@kernel()
def _touches_square(ax: float, ay: float, bx: float, by: float, radius: float, col: int, row: int) -> bool:
    """Say whether the segment a–b comes as near as `radius` to the square of a cell."""
    if _meets_square(ax, ay, bx, by, col, row):
        return True
    if radius <= 0.0:
        return False
    nearest = min(_point_to_square(ax, ay, col, row), _point_to_square(bx, by, col, row))
    for corner in range(4):
        nearest = min(nearest, _point_to_segment(col + corner % 2, row + corner // 2, ax, ay, bx, by))
    return nearest <= radius * radius


@kernel()
def sweep_is_free(walls: Walls, ax: float, ay: float, bx: float, by: float, radius: float) -> bool:
    """Say whether a disc that moves from a to b touches neither a wall nor the outside (NaN: never free)."""
    rows, cols = walls.shape
    # Each number on its own: the minimum of a number and a NaN may be the number.
    for x in (ax, bx):
        if not (x - radius > 0.0 and x + radius < cols):
            return False
    for y in (ay, by):
        if not (y - radius > 0.0 and y + radius < rows):
            return False
    if ay > by:
        ax, ay, bx, by = bx, by, ax, ay
    grow = radius + _MARGIN
    sloping = by - ay > 1e-9
    slope = (bx - ax) / (by - ay) if sloping else 0.0
    for row in range(max(int(ay - grow), 0), min(int(by + grow) + 1, rows)):
        x0, x1 = ax, bx
        if sloping:
            x0 = ax + (min(max(row - grow, ay), by) - ay) * slope
            x1 = ax + (max(min(row + 1.0 + grow, by), ay) - ay) * slope
        first = max(int(min(x0, x1) - grow), 0)
        last = min(int(max(x0, x1) + grow), cols - 1)
        for col in range(first, last + 1):
            if walls[row, col] and _touches_square(ax, ay, bx, by, radius, col, row):
                return False
    return True


@kernel()
def polyline_sweep_is_free(walls: Walls, points: Floats, radius: float) -> bool:
    """Say whether a disc that moves along a polyline stays free; one point is a polyline too."""
    count = points.shape[0]
    if count == 1:
        x, y = np.float64(points[0, 0]), np.float64(points[0, 1])
        return sweep_is_free(walls, x, y, x, y, radius)
    for i in range(count - 1):
        if not sweep_is_free(
            walls,
            np.float64(points[i, 0]),
            np.float64(points[i, 1]),
            np.float64(points[i + 1, 0]),
            np.float64(points[i + 1, 1]),
            radius,
        ):
            return False
    return True


@kernel()
def polylines_sweep_are_free(
    walls: Walls, points: Floats, radius: float, first: int, last: int, out: NDArray[np.bool_]
) -> None:
    """Check polylines `first` to `last` (exclusive); polyline b belongs to grid b * grids // polylines."""
    for b in range(first, last):
        out[b] = polyline_sweep_is_free(walls[b * walls.shape[0] // points.shape[0]], points[b], radius)


@kernel()
def mark_blocked_points(walls: Walls, points: Floats, radius: float, out: NDArray[np.bool_]) -> None:
    """Say of every point of (batch, n, 2) whether a disc there touches a wall."""
    for b in range(points.shape[0]):
        grid = walls[b * walls.shape[0] // points.shape[0]]
        for i in range(points.shape[1]):
            x, y = np.float64(points[b, i, 0]), np.float64(points[b, i, 1])
            out[b, i] = not sweep_is_free(grid, x, y, x, y, radius)
