"""Pulling a polyline taut among walls: the private kernels behind `string_pull`.

Every wall square is grown by `clearance` on each side. In that polygonal world a shortest path bends only at
grown corners: a grid vertex with one wall, moved by `clearance` away from the wall along both axes. For three
neighbouring vertices a, b, c whose two segments are free, the shortest path from a to c that can be reached
without crossing a wall is the part of the convex hull of a, c and the grown corners inside the triangle that
faces b. Replacing b by it, again and again, ends in the taut path: each vertex is a corner with its wall on the
inner side of the bend. A line of sight between two vertices then leads to the other side of an obstacle, and the
pulling starts again.

Vertices are rows (x, y, wall_x, wall_y): the signs tell where the wall of a corner is, 0 and 0 that it is none.
"""

import numpy as np
from numpy.typing import NDArray

from anchordiff.kernels._bits import trailing_zeros
from anchordiff.kernels._jit import kernel
from anchordiff.kernels._wall_bits import as_halves, find_corners, grown_line_is_free, pack_walls

_INSIDE = 1e-6
_SAME = 1e-10
_SLACK = 1e-5
_INTO = 1e-3
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)

SCRATCH = 1024
_CHAIN = 128

Floats = NDArray[np.float64]


@kernel()
def _copy_vertex(source: Floats, i: int, target: Floats, k: int) -> None:
    # Number by number: assigning rows costs a compiled broadcast.
    for d in range(4):
        target[k, d] = source[i, d]


@kernel()
def _collect_inside(
    corners: NDArray[np.uint64], triangle: Floats, sign: float, clearance: float, inside: Floats
) -> int:
    """Write the grown corners in a triangle around which a path can bend into `inside` (room, 4).

    `triangle` holds a, b and c, with c to the left of a–b for a positive `sign`. A corner on an edge counts where
    its wall is on the inner side. Returns how many there are, less than `room`.
    """
    ax, ay, bx, by = triangle[0, 0], triangle[0, 1], triangle[1, 0], triangle[1, 1]
    cx, cy = triangle[2, 0], triangle[2, 1]
    # The same vertices by height: one edge from the lowest to the highest, two over the middle one.
    low_x, low_y, mid_x, mid_y, top_x, top_y = ax, ay, bx, by, cx, cy
    if low_y > mid_y:
        low_x, low_y, mid_x, mid_y = mid_x, mid_y, low_x, low_y
    if mid_y > top_y:
        mid_x, mid_y, top_x, top_y = top_x, top_y, mid_x, mid_y
    if low_y > mid_y:
        low_x, low_y, mid_x, mid_y = mid_x, mid_y, low_x, low_y
    long_slope = (top_x - low_x) / max(top_y - low_y, 1e-9)
    low_slope = (mid_x - low_x) / max(mid_y - low_y, 1e-9)
    top_slope = (top_x - mid_x) / max(top_y - mid_y, 1e-9)
    # Normals of a–b and b–c, away from the triangle. What faces b has a normal between them.
    ux, uy, vx, vy = sign * (by - ay), sign * (ax - bx), sign * (cy - by), sign * (bx - cx)
    kinds = np.uint64(0)
    for kind in range(4):
        wall_x, wall_y = 1.0 - 2.0 * (kind & 1), 1.0 - 2.0 * (kind >> 1)
        # A path bends around this kind where a normal points away from its wall along both axes.
        bends = (
            ((ux * wall_x <= 0.0) & (uy * wall_y <= 0.0))
            | ((vx * wall_x <= 0.0) & (vy * wall_y <= 0.0))
            | (((uy * wall_x - ux * wall_y) * sign > 0.0) & ((vx * wall_y - vy * wall_x) * sign > 0.0))
        )
        kinds |= np.uint64(bends) << np.uint64(kind)
    grid_lines, words = corners.shape[0], corners.shape[1]
    count = 0
    while kinds != 0:
        kind = trailing_zeros(kinds)  # type: ignore[call-arg]
        kinds &= kinds - np.uint64(1)
        wall_x, wall_y = 1.0 - 2.0 * (kind & 1), 1.0 - 2.0 * (kind >> 1)
        is_up, is_left = np.uint64(0) - np.uint64(kind >> 1), np.uint64(0) - np.uint64(kind & 1)
        # A point just inside the grown wall tells on which side of an edge the wall is.
        shift_x, shift_y = wall_x * (clearance - _INSIDE), wall_y * (clearance - _INSIDE)
        first_line = max(int(low_y + shift_y) + 1, 1)
        last_line = min(int(np.ceil(top_y + shift_y)), grid_lines - 1)
        for g in range(first_line, last_line):
            y = g - shift_y
            long_x = low_x + (y - low_y) * long_slope
            bent_x = low_x + (y - low_y) * low_slope if y < mid_y else mid_x + (y - mid_y) * top_slope
            # Where there is nothing between, the last comes before the first, and no bit is left.
            first = min(max(int(min(long_x, bent_x) + shift_x) + 1, 1), 64 * words - 1)
            last = min(max(int(np.ceil(max(long_x, bent_x) + shift_x)) - 1, 0), 64 * words - 1)
            for w in range(first >> 6, (last >> 6) + 1):
                word = corners[g, w, 0] & ~(corners[g, w, 1] ^ is_up) & ~(corners[g, w, 2] ^ is_left)
                if w == first >> 6:
                    word &= _ALL << np.uint64(first & 63)
                if w == last >> 6:
                    word &= _ALL >> np.uint64(63 - (last & 63))
                while word != 0:
                    bit = trailing_zeros(word)
                    word &= word - np.uint64(1)
                    inside[count, 0] = 64 * w + bit - wall_x * clearance
                    inside[count, 1] = g - wall_y * clearance
                    inside[count, 2] = wall_x
                    inside[count, 3] = wall_y
                    count = min(count + 1, inside.shape[0] - 1)
    return count


@kernel()
def _wrap(inside: Floats, count: int, triangle: Floats, sign: float, chain: Floats) -> int:
    """Write the part of the hull of `inside[:count]`, a and c that faces b, ends left out; return its length."""
    x, y = triangle[0, 0], triangle[0, 1]
    cx, cy = triangle[2, 0], triangle[2, 1]
    length = 0
    while length < chain.shape[0]:
        best, best_x, best_y = -1, cx, cy
        for k in range(count):
            px, py = inside[k, 0], inside[k, 1]
            square = (px - x) ** 2 + (py - y) ** 2
            if square < _SAME:
                continue
            turn = ((best_x - x) * (py - y) - (best_y - y) * (px - x)) * sign
            if turn < -_SAME or (
                turn <= _SAME
                and square > (best_x - x) ** 2 + (best_y - y) ** 2 + _SAME
                and (px - x) * (best_x - x) + (py - y) * (best_y - y) > 0.0
            ):
                best, best_x, best_y = k, px, py
        if best < 0 or (best_x - cx) ** 2 + (best_y - cy) ** 2 < _SAME:
            break
        x, y = best_x, best_y
        _copy_vertex(inside, best, chain, length)
        length += 1
    return length


@kernel()
def _pull(
    corners: NDArray[np.uint64],
    points: Floats,
    count: int,
    clearance: float,
    scratch: Floats,
) -> int:
    """Make `points[:count]` taut within its class of paths, in place; return the new count."""
    triangle, chain, inside = scratch[:3], scratch[3:_CHAIN], scratch[_CHAIN:]
    # After a change at i, the vertices before and after it must be looked at again; those that replaced it need not.
    i, resume = 1, 1
    budget = 64 * count + 1024
    while i < count - 1 and budget > 0:
        budget -= 1
        ax, ay = points[i - 1, 0], points[i - 1, 1]
        bx, by = points[i, 0], points[i, 1]
        cx, cy = points[i + 1, 0], points[i + 1, 1]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        length = 0
        if abs(area) > _SAME:
            sign = 1.0 if area > 0.0 else -1.0
            wall_x, wall_y = points[i, 2], points[i, 3]
            if ((bx - ax) * wall_y - (by - ay) * wall_x) * sign > 0.0 and (
                (cx - bx) * wall_y - (cy - by) * wall_x
            ) * sign > 0.0:
                i = max(i + 1, resume)
                continue
            for k in range(3):
                _copy_vertex(points, i - 1 + k, triangle, k)
            found = _collect_inside(corners, triangle, sign, clearance, inside)
            if found == 1:
                length = 1
                _copy_vertex(inside, 0, chain, 0)
            elif found > 1:
                length = _wrap(inside, found, triangle, sign, chain)
            same = length == 1 and (chain[0, 0] - bx) ** 2 + (chain[0, 1] - by) ** 2 < _SAME
            full = (
                found == inside.shape[0] - 1
                or length == chain.shape[0]
                or count - 1 + length > points.shape[0]
            )
            if same or full:
                i = max(i + 1, resume)
                continue
        if length == 0:
            for k in range(i, count - 1):
                _copy_vertex(points, k + 1, points, k)
        elif length > 1:
            for k in range(count - 1, i, -1):
                _copy_vertex(points, k, points, k + length - 1)
        for k in range(length):
            _copy_vertex(chain, k, points, i + k)
        count += length - 1
        resume = i + length
        i = i - 1 if i > 1 else resume
    return count


@kernel()
def _walk_on_sight(bits: NDArray[np.uint64], points: Floats, count: int, clearance: float) -> int:
    """Drop each vertex that the last one kept can look past, in place; return the new count."""
    kept = 0
    for i in range(1, count - 1):
        ax, ay = points[kept, 0], points[kept, 1]
        if not grown_line_is_free(bits, ax, ay, points[i + 1, 0], points[i + 1, 1], clearance):
            kept += 1
            _copy_vertex(points, i, points, kept)
    if count > 1:
        kept += 1
        _copy_vertex(points, count - 1, points, kept)
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
        count = _pull(corners, points, count, clearance, scratch)
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
                        _copy_vertex(points, k, points, i + 1 + k - j)
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
            _copy_vertex(part, i, out, kept)
            kept += 1
        first = last
    return out[:kept, :2].copy()
