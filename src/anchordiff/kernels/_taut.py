"""Pulling a polyline taut among walls: the private kernels behind `string_pull`.

Every wall square is grown by `clearance` on each side. In that polygonal world a shortest path bends only at
grown corners: a grid vertex with one wall, moved by `clearance` away from the wall along both axes. For three
neighbouring vertices a, b, c whose two segments are free, the shortest path from a to c that can be reached
without crossing a wall is the part of the convex hull of a, c and the grown corners inside the triangle that
faces b. Replacing b by it, again and again, ends in the taut path; a line of sight between two of its
vertices then leads to the other side of an obstacle, and the pulling starts again.
"""

import numpy as np
from numpy.typing import NDArray

from anchordiff.kernels._bits import trailing_zeros
from anchordiff.kernels._jit import kernel
from anchordiff.kernels._wall_bits import any_wall, find_corners, grown_line_is_free, pack_walls

_INSIDE = 1e-6
_SAME = 1e-10
_SLACK = 1e-5
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


@kernel()
def _copy_point(source: NDArray[np.float64], i: int, target: NDArray[np.float64], k: int) -> None:
    # Two numbers at a time: assigning rows costs a compiled broadcast.
    target[k, 0] = source[i, 0]
    target[k, 1] = source[i, 1]


@kernel()
def _next_on_hull(
    bits: NDArray[np.uint64],
    corners: NDArray[np.uint64],
    triangle: NDArray[np.float64],
    sign: float,
    x: float,
    y: float,
    clearance: float,
) -> tuple[float, float]:
    """Return the vertex after (x, y) on the hull of the triangle's corners, on the side of the triangle's b."""
    ax, ay = triangle[0], triangle[1]
    bx, by = triangle[2], triangle[3]
    cx, cy = triangle[4], triangle[5]
    best_x, best_y = cx, cy
    lowest = max(int(min(ay, by, cy) - clearance), 1)
    highest = min(int(max(ay, by, cy) + clearance) + 1, corners.shape[0] - 2)
    left = max(int(min(ax, bx, cx) - clearance), 1)
    right = min(int(max(ax, bx, cx) + clearance) + 1, 64 * corners.shape[1] - 1)
    for g in range(lowest, highest + 1):
        for w in range(left >> 6, (right >> 6) + 1):
            word = corners[g, w]
            if w == left >> 6:
                word &= _ALL << np.uint64(left & 63)
            if w == right >> 6:
                word &= _ALL >> np.uint64(63 - (right & 63))
            while word != 0:
                column = 64 * w + trailing_zeros(word)  # type: ignore[call-arg]
                word &= word - np.uint64(1)
                above = any_wall(bits, g - 1, column - 1, column)
                before = any_wall(bits, g - 1 if above else g, column - 1, column - 1)
                wall_x = -1.0 if before else 1.0
                wall_y = -1.0 if above else 1.0
                px, py = column - wall_x * clearance, g - wall_y * clearance
                qx, qy = px + wall_x * _INSIDE, py + wall_y * _INSIDE
                if (
                    ((bx - ax) * (qy - ay) - (by - ay) * (qx - ax)) * sign <= 0.0
                    or ((cx - bx) * (qy - by) - (cy - by) * (qx - bx)) * sign <= 0.0
                    or ((ax - cx) * (qy - cy) - (ay - cy) * (qx - cx)) * sign <= 0.0
                ):
                    continue
                if (px - x) ** 2 + (py - y) ** 2 < _SAME:
                    continue
                turn = ((best_x - x) * (py - y) - (best_y - y) * (px - x)) * sign
                if turn < -_SAME or (
                    turn <= _SAME
                    and (px - x) ** 2 + (py - y) ** 2 > (best_x - x) ** 2 + (best_y - y) ** 2 + _SAME
                    and (px - x) * (best_x - x) + (py - y) * (best_y - y) > 0.0
                ):
                    best_x, best_y = px, py
    return best_x, best_y


@kernel()
def _pull(
    bits: NDArray[np.uint64],
    corners: NDArray[np.uint64],
    points: NDArray[np.float64],
    count: int,
    clearance: float,
    chain: NDArray[np.float64],
    triangle: NDArray[np.float64],
) -> int:
    """Make `points[:count]` taut within its class of paths, in place; return the new count."""
    i = 1
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
            triangle[0], triangle[1] = ax, ay
            triangle[2], triangle[3] = bx, by
            triangle[4], triangle[5] = cx, cy
            x, y = ax, ay
            while length < chain.shape[0]:
                x, y = _next_on_hull(bits, corners, triangle, sign, x, y, clearance)
                if (x - cx) ** 2 + (y - cy) ** 2 < _SAME:
                    break
                chain[length, 0] = x
                chain[length, 1] = y
                length += 1
            if length == chain.shape[0]:
                i += 1
                continue
        if length == 1 and (chain[0, 0] - bx) ** 2 + (chain[0, 1] - by) ** 2 < _SAME:
            i += 1
            continue
        if count - 1 + length > points.shape[0]:
            i += 1
            continue
        if length == 0:
            for k in range(i, count - 1):
                _copy_point(points, k + 1, points, k)
        elif length > 1:
            for k in range(count - 1, i, -1):
                _copy_point(points, k, points, k + length - 1)
        for k in range(length):
            _copy_point(chain, k, points, i + k)
        count += length - 1
        i = max(i - 1, 1)
    return count


@kernel()
def taut(
    bits: NDArray[np.uint64],
    corners: NDArray[np.uint64],
    points: NDArray[np.float64],
    count: int,
    clearance: float,
    chain: NDArray[np.float64],
    triangle: NDArray[np.float64],
) -> int:
    """Shorten the free polyline `points[:count]` until no shortcut helps, in place; return the new count.

    `points` needs room for the corners that come in between (twice the count, and some); `chain` (k, 2) and
    `triangle` (6,) are scratch.
    """
    for _ in range(8):
        count = _pull(bits, corners, points, count, clearance, chain, triangle)
        shorter = False
        i = 0
        while i < count - 2:
            for j in range(count - 1, i + 1, -1):
                if grown_line_is_free(
                    bits, points[i, 0], points[i, 1], points[j, 0], points[j, 1], clearance - _SLACK
                ):
                    for k in range(j, count):
                        _copy_point(points, k, points, i + 1 + k - j)
                    count -= j - i - 1
                    shorter = True
                    break
            i += 1
        if not shorter:
            break
    return count


@kernel()
def trace(
    cells: NDArray[np.int32], count: int, ends: NDArray[np.floating], points: NDArray[np.float64]
) -> int:
    """Write the polyline through cell centres, its two ends replaced by `ends`, into `points`.

    Centres in the middle of a straight run are left out. Returns the number of points.
    """
    points[0, 0] = ends[0, 0]
    points[0, 1] = ends[0, 1]
    kept = 1
    for i in range(1, count - 1):
        straight = (
            1 < i < count - 2
            and cells[i + 1, 0] - cells[i, 0] == cells[i, 0] - cells[i - 1, 0]
            and cells[i + 1, 1] - cells[i, 1] == cells[i, 1] - cells[i - 1, 1]
        )
        if not straight:
            points[kept, 0] = cells[i, 1] + 0.5
            points[kept, 1] = cells[i, 0] + 0.5
            kept += 1
    points[kept, 0] = ends[1, 0]
    points[kept, 1] = ends[1, 1]
    return kept + 1


@kernel()
def pull_clear_parts(
    walls: NDArray[np.bool_], points: NDArray[np.float64], clearance: float, words: int
) -> NDArray[np.float64]:
    """Return the polyline with each longest run of segments that keep the clearance pulled taut."""
    rows = walls.shape[0]
    bits = np.empty((rows, words), np.uint64)
    corners = np.empty((rows + 1, words), np.uint64)
    pack_walls(walls, bits)
    find_corners(bits, corners)
    chain = np.empty((256, 2), np.float64)
    triangle = np.empty(6, np.float64)
    count = points.shape[0]
    out = np.empty((2 * count + walls.size, 2), np.float64)
    part = np.empty((2 * count + walls.size, 2), np.float64)
    _copy_point(points, 0, out, 0)
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
            _copy_point(points, first + i, part, i)
        if length > 2:
            length = taut(bits, corners, part, length, clearance, chain, triangle)
        for i in range(1, length):
            _copy_point(part, i, out, kept)
            kept += 1
        first = last
    return out[:kept].copy()
