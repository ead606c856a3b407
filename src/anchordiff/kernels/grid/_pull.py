"""Pulling a polyline taut past the nearest grown corners: the private kernels behind `_taut`.

Every wall square is grown by `clearance` on each side. In that polygonal world a shortest path bends only at
grown corners: a grid vertex with one wall, moved by `clearance` away from the wall along both axes. For three
neighbouring vertices a, b, c whose two segments are free, the shortest path from a to c that can be reached
without crossing a wall is the part of the convex hull of a, c and the grown corners inside the triangle that
faces b. Replacing b by it, again and again, ends in the taut path: each vertex is a corner with its wall on the
inner side of the bend.

Vertices are rows (x, y, wall_x, wall_y): the signs tell where the wall of a corner is, 0 and 0 that it is none.
"""

import numpy as np
from numpy.typing import NDArray

from anchordiff.kernels._jit import kernel
from anchordiff.kernels.grid._bits import trailing_zeros

_INSIDE = 1e-6
_SAME = 1e-10
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)

SCRATCH = 1024
_CHAIN = 128

Floats = NDArray[np.float64]


@kernel()
def copy_vertex(source: Floats, i: int, target: Floats, k: int) -> None:
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
        copy_vertex(inside, best, chain, length)
        length += 1
    return length


@kernel()
def pull(
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
                copy_vertex(points, i - 1 + k, triangle, k)
            found = _collect_inside(corners, triangle, sign, clearance, inside)
            if found == 1:
                length = 1
                copy_vertex(inside, 0, chain, 0)
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
                copy_vertex(points, k + 1, points, k)
        elif length > 1:
            for k in range(count - 1, i, -1):
                copy_vertex(points, k, points, k + length - 1)
        for k in range(length):
            copy_vertex(chain, k, points, i + k)
        count += length - 1
        resume = i + length
        i = i - 1 if i > 1 else resume
    return count
