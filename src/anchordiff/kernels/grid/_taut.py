"""Pulling a polyline taut among walls: the private kernels behind `string_pull`.

Within its class of paths `_pull` makes it taut. A line of sight between two of its vertices then leads to the other
side of an obstacle, and the pulling starts again. Notation and vertices are as there.
"""

import numpy as np
from numpy.typing import NDArray

from anchordiff.kernels._jit import kernel
from anchordiff.kernels.grid._pull import SCRATCH, Floats, copy_vertex, pull
from anchordiff.kernels.grid._wall_bits import as_halves, find_corners, grown_line_is_free, pack_walls

_SLACK = 1e-5
_INTO = 1e-3


@kernel()
def _walk_on_sight(bits: NDArray[np.uint64], points: Floats, count: int, clearance: float) -> int:
    """Drop each vertex that the last one kept can look past, in place; return the new count."""
    kept = 0
    for i in range(1, count - 1):
        ax, ay = points[kept, 0], points[kept, 1]
        if not grown_line_is_free(bits, ax, ay, points[i + 1, 0], points[i + 1, 1], clearance):
            kept += 1
            copy_vertex(points, i, points, kept)
    if count > 1:
        kept += 1
        copy_vertex(points, count - 1, points, kept)
    return kept + 1


@kernel()
def _leaves_into_wall(points: Floats, i: int, j: int) -> bool:
    """Say whether a straight line from vertex i to vertex j begins inside the wall of vertex i."""
    along_x, along_y = (
        (points[j, 0] - points[i, 0]) * points[i, 2],
        (points[j, 1] - points[i, 1]) * points[i, 3],
    )
    enters: bool = min(along_x, along_y) > _INTO * max(along_x, along_y, 1.0)
    return enters


@kernel()
def _crosses_wall(points: Floats, i: int, j: int, k: int) -> bool:
    """Say whether a straight line from vertex i to vertex j crosses the diagonal of the wall of vertex k."""
    wall_x, wall_y = points[k, 2], points[k, 3]
    ax, ay = points[i, 0] - points[k, 0], points[i, 1] - points[k, 1]
    bx, by = points[j, 0] - points[k, 0], points[j, 1] - points[k, 1]
    a_side, b_side = ax * wall_y - ay * wall_x, bx * wall_y - by * wall_x
    # The crossing is `share / whole` along the diagonal.
    share, whole = wall_x * (a_side * bx - b_side * ax), a_side - b_side
    crosses: bool = (
        (a_side * b_side < 0.0) & (share * whole > _INTO * whole * whole) & (share * whole < whole * whole)
    )
    return crosses


@kernel()
def _is_blocked(points: Floats, i: int, j: int) -> bool:
    """Say at a glance that a straight line from vertex i to vertex j hits a wall of theirs or of their neighbours."""
    return (
        _leaves_into_wall(points, i, j)
        | _leaves_into_wall(points, j, i)
        | _crosses_wall(points, i, j, i + 1)
        | _crosses_wall(points, i, j, j - 1)
    )


@kernel()
def taut(
    bits: NDArray[np.uint64],
    corners: NDArray[np.uint64],
    points: Floats,
    count: int,
    clearance: float,
    scratch: Floats,
) -> int:
    """Shorten the free polyline `points[:count]` until no shortcut helps, in place; return the new count.

    `points` needs room for the corners that come in between (twice the count, and some); `scratch` is
    (`SCRATCH`, 4).
    """
    count = _walk_on_sight(bits, points, count, clearance - _SLACK)
    for _ in range(8):
        count = pull(corners, points, count, clearance, scratch)
        shorter = False
        i = 0
        # Between next neighbours but one there is a corner: the path is taut.
        while i < count - 3:
            for j in range(count - 1, i + 2, -1):
                if _is_blocked(points, i, j):
                    continue
                if grown_line_is_free(
                    bits, points[i, 0], points[i, 1], points[j, 0], points[j, 1], clearance - _SLACK
                ):
                    for k in range(j, count):
                        copy_vertex(points, k, points, i + 1 + k - j)
                    count -= j - i - 1
                    shorter = True
                    break
            i += 1
        if not shorter:
            break
    return count


@kernel()
def _put(points: Floats, k: int, x: float, y: float) -> None:
    """Write a vertex that is not known to be a corner."""
    points[k, 0] = x
    points[k, 1] = y
    points[k, 2] = 0.0
    points[k, 3] = 0.0


@kernel()
def trace(cells: NDArray[np.int32], count: int, ends: NDArray[np.floating], points: Floats) -> int:
    """Write the polyline through cell centres, its two ends replaced by `ends`, into `points`.

    Centres in the middle of a straight run are left out. Returns the number of points.
    """
    _put(points, 0, ends[0, 0], ends[0, 1])
    kept = 1
    for i in range(1, count - 1):
        straight = (
            (i > 1)
            & (i < count - 2)
            & (cells[i + 1, 0] + cells[i - 1, 0] == 2 * cells[i, 0])
            & (cells[i + 1, 1] + cells[i - 1, 1] == 2 * cells[i, 1])
        )
        # Written in any case: no branch for what cannot be foreseen.
        _put(points, kept, cells[i, 1] + 0.5, cells[i, 0] + 0.5)
        kept += not straight
    _put(points, kept, ends[1, 0], ends[1, 1])
    return kept + 1


@kernel()
def pull_clear_parts(walls: NDArray[np.bool_], points: Floats, clearance: float, words: int) -> Floats:
    """Return the polyline with each longest run of segments that keep the clearance pulled taut."""
    rows = walls.shape[0]
    bits = np.empty((rows, words), np.uint64)
    corners = np.empty((rows + 1, words, 3), np.uint64)
    pack_walls(walls, as_halves(bits))
    find_corners(bits, corners)
    scratch = np.empty((SCRATCH, 4), np.float64)
    count = points.shape[0]
    out = np.empty((2 * count + walls.size, 4), np.float64)
    part = np.empty((2 * count + walls.size, 4), np.float64)
    _put(out, 0, points[0, 0], points[0, 1])
    kept = 1
    first = 0
    while first < count - 1:
        last = first
        while last < count - 1 and grown_line_is_free(
            bits,
            points[last, 0],
            points[last, 1],
            points[last + 1, 0],
            points[last + 1, 1],
            clearance - _SLACK,
        ):
            last += 1
        if last == first:
            last = first + 1
        length = last - first + 1
        for i in range(length):
            _put(part, i, points[first + i, 0], points[first + i, 1])
        if length > 2:
            length = taut(bits, corners, part, length, clearance, scratch)
        for i in range(1, length):
            copy_vertex(part, i, out, kept)
            kept += 1
        first = last
    return out[:kept, :2].copy()
