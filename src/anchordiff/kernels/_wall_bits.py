"""Walls as bits: one row of the grid in a few 64-bit words, so that a range of cells is one test.

Notation: `bits[i, w]` holds cells (i, 64 w) … (i, 64 w + 63), lowest bit first; what lies outside the grid is
a wall. A *corner* is a grid vertex with exactly one wall among its four cells: the only points around which a
shortest path can bend. `corners[g, w]` marks the vertices of grid line y = g in the same way.
"""

import numpy as np
from numpy.typing import NDArray

from anchordiff.kernels._jit import kernel

_ONE = np.uint64(1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


def num_words(cols: int) -> int:
    """Return how many words a row needs, with room for the vertex right of its last cell."""
    return cols // 64 + 1


@kernel()
def pack_walls(walls: NDArray[np.bool_], bits: NDArray[np.uint64]) -> None:
    """Write the rows of `walls` into `bits`."""
    rows, cols = walls.shape
    for i in range(rows):
        for w in range(bits.shape[1]):
            first = 64 * w
            word = np.uint64(0)
            for j in range(first, min(first + 64, cols)):
                word |= np.uint64(walls[i, j]) << np.uint64(j - first)
            if cols < first + 64:
                word |= _ALL << np.uint64(max(cols - first, 0))
            bits[i, w] = word


@kernel()
def find_corners(bits: NDArray[np.uint64], corners: NDArray[np.uint64]) -> None:
    """Mark in `corners` (rows + 1, words) the vertices with exactly one wall among their four cells."""
    rows, words = bits.shape
    corners[0, :] = 0
    corners[rows, :] = 0
    for g in range(1, rows):
        for w in range(words):
            up_right, down_right = bits[g - 1, w], bits[g, w]
            up_left, down_left = up_right << _ONE, down_right << _ONE
            if w == 0:
                up_left |= _ONE
                down_left |= _ONE
            else:
                up_left |= bits[g - 1, w - 1] >> np.uint64(63)
                down_left |= bits[g, w - 1] >> np.uint64(63)
            odd = up_left ^ up_right ^ down_left ^ down_right
            pair = (up_left & up_right) | (down_left & down_right)
            corners[g, w] = odd & ~pair


@kernel()
def any_wall(bits: NDArray[np.uint64], row: int, first: int, last: int) -> bool:
    """Say whether a cell from column `first` to column `last` of `row` is a wall or outside the grid."""
    rows, words = bits.shape
    if row < 0 or row >= rows or first < 0 or last >= 64 * words:
        return True
    start, stop = first >> 6, last >> 6
    for w in range(start, stop + 1):
        word = bits[row, w]
        if w == start:
            word &= _ALL << np.uint64(first & 63)
        if w == stop:
            word &= _ALL >> np.uint64(63 - (last & 63))
        if word != 0:
            return True
    return False


@kernel()
def grown_line_is_free(
    bits: NDArray[np.uint64], ax: float, ay: float, bx: float, by: float, grow: float
) -> bool:
    """Say whether the segment a–b stays out of every wall square grown by `grow` on each side (open squares)."""
    if ay > by:
        ax, ay, bx, by = bx, by, ax, ay
    slope = (bx - ax) / (by - ay) if by - ay > 1e-12 else 0.0
    flat = by - ay <= 1e-12
    left, right = min(ax, bx), max(ax, bx)
    for row in range(int(ay - grow + 1.0) - 1, int(by + grow + 1.0)):
        if row - grow >= by or row + 1.0 + grow <= ay:
            continue
        x0, x1 = left, right
        if not flat:
            x0 = ax + (max(row - grow, ay) - ay) * slope
            x1 = ax + (min(row + 1.0 + grow, by) - ay) * slope
            if x0 > x1:
                x0, x1 = x1, x0
        first = int(x0 - grow + 1.0) - 1
        if first + 1.0 + grow <= x0:
            first += 1
        last = int(x1 + grow + 1.0) - 1
        if last - grow >= x1:
            last -= 1
        if any_wall(bits, row, first, last):
            return False
    return True
