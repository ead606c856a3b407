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
from anchordiff.kernels._wall_bits import find_corners, grown_line_is_free, pack_walls

_INSIDE = 1e-6
_SAME = 1e-10
_SLACK = 1e-5
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
    """Write the grown corners in a triangle into `inside` (room, 4); return how many, less than `room`.

    `triangle` holds a, b and c, with c to the left of a–b for a positive `sign`. A corner on an edge counts where
    its wall is on the inner side.
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
    reach = clearance + _INSIDE
    count = 0
    for g in range(max(int(low_y - reach), 1), min(int(top_y + reach) + 2, corners.shape[0] - 1)):
        y0, y1 = max(g - reach, low_y), min(g + reach, top_y)
        if y0 > y1:
            continue
        long_0, long_1 = low_x + (y0 - low_y) * long_slope, low_x + (y1 - low_y) * long_slope
        bent_0 = low_x + (y0 - low_y) * low_slope if y0 < mid_y else mid_x + (y0 - mid_y) * top_slope
        bent_1 = low_x + (y1 - low_y) * low_slope if y1 < mid_y else mid_x + (y1 - mid_y) * top_slope
        left, right = min(long_0, long_1, bent_0, bent_1), max(long_0, long_1, bent_0, bent_1)
        if y0 <= mid_y <= y1:
            left, right = min(left, mid_x), max(right, mid_x)
        first = max(int(left - reach), 1)
        last = min(int(right + reach) + 1, 64 * corners.shape[1] - 1)
        for w in range(first >> 6, (last >> 6) + 1):
            word = corners[g, w, 0]
            if w == first >> 6:
                word &= _ALL << np.uint64(first & 63)
            if w == last >> 6:
                word &= _ALL >> np.uint64(63 - (last & 63))
            while word != 0:
                bit = np.uint64(trailing_zeros(word))  # type: ignore[call-arg]
                word &= word - np.uint64(1)
                wall_y = 1.0 - 2.0 * np.float64((corners[g, w, 1] >> bit) & np.uint64(1))
                wall_x = 1.0 - 2.0 * np.float64((corners[g, w, 2] >> bit) & np.uint64(1))
                px, py = 64 * w + np.int64(bit) - wall_x * clearance, g - wall_y * clearance
                # A point just inside the grown wall tells on which side of an edge the wall is.
                qx, qy = px + wall_x * _INSIDE, py + wall_y * _INSIDE
                # Bitwise, and written in any case: no branch for what cannot be foreseen.
                is_inside = (
                    (((bx - ax) * (qy - ay) - (by - ay) * (qx - ax)) * sign > 0.0)
                    & (((cx - bx) * (qy - by) - (cy - by) * (qx - bx)) * sign > 0.0)
                    & (((ax - cx) * (qy - cy) - (ay - cy) * (qx - cx)) * sign > 0.0)
                )
                inside[count, 0] = px
                inside[count, 1] = py
                inside[count, 2] = wall_x
                inside[count, 3] = wall_y
                count = min(count + is_inside, inside.shape[0] - 1)
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
            if found > 0:
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
            1 < i < count - 2
            and cells[i + 1, 0] - cells[i, 0] == cells[i, 0] - cells[i - 1, 0]
            and cells[i + 1, 1] - cells[i, 1] == cells[i, 1] - cells[i - 1, 1]
        )
        if not straight:
            _put(points, kept, cells[i, 1] + 0.5, cells[i, 0] + 0.5)
            kept += 1
    _put(points, kept, ends[1, 0], ends[1, 1])
    return kept + 1


@kernel()
def pull_clear_parts(walls: NDArray[np.bool_], points: Floats, clearance: float, words: int) -> Floats:
    """Return the polyline with each longest run of segments that keep the clearance pulled taut."""
    rows = walls.shape[0]
    bits = np.empty((rows, words), np.uint64)
    corners = np.empty((rows + 1, words, 3), np.uint64)
    pack_walls(walls, bits)
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
