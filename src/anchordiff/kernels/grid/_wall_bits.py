"""Walls as bits: one row of the grid in a few 64-bit words, so that a range of cells is one test.

Notation: `bits[i, w]` holds cells (i, 64 w) … (i, 64 w + 63), lowest bit first; what lies outside the grid is
a wall. A *corner* is a grid vertex with exactly one wall among its four cells: the only points around which a
shortest path can bend. `corners[g, w, 0]` marks those on grid line y = g in the same way, `corners[g, w, 1]` says
where that wall is above the line, `corners[g, w, 2]` where it is left of the vertex.
"""

import numpy as np
from numpy.typing import NDArray

from anchordiff.kernels._jit import kernel
from anchordiff.kernels.grid._pack import pack_rows

_ONE = np.uint64(1)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)


def num_words(cols: int) -> int:
    """Return how many words a row needs, with room for the vertex right of its last cell."""
    return cols // 64 + 1


@kernel()
def pack_walls(walls: NDArray[np.bool_], halves: NDArray[np.uint32]) -> None:
    """Write the rows of `walls` into `bits`, of which `halves` is a view (see `as_halves`)."""
    rows, cols = walls.shape
    for place in range(halves.shape[0]):
        halves[place] = 0xFFFFFFFF
    for first in range(0, cols, 32):
        pack_rows(walls, first, halves, first // 32, halves.shape[0] // rows)


@kernel()
def as_halves(bits: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """View words as their halves, the lower one first."""
    return bits.reshape(bits.size).view(np.uint32)


@kernel()
def find_corners(bits: NDArray[np.uint64], corners: NDArray[np.uint64]) -> None:
    """Mark in `corners` (rows + 1, words, 3) the vertices with exactly one wall among their four cells."""
    rows, words = bits.shape
    corners[0] = 0
    corners[rows] = 0
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
            corners[g, w, 0] = odd & ~pair
            corners[g, w, 1] = up_left | up_right
            corners[g, w, 2] = up_left | down_left


@kernel()
def _walls_between(bits: NDArray[np.uint64], row: int, first: int, last: int) -> np.uint64:
    """Return a word that is not zero where a cell from column `first` to `last` of `row` is a wall."""
    found = np.uint64(0)
    for w in range(first >> 6, (last >> 6) + 1):
        word = bits[row, w]
        if w == first >> 6:
            word &= _ALL << np.uint64(first & 63)
        if w == last >> 6:
            word &= _ALL >> np.uint64(63 - (last & 63))
        found |= word
    return found


@kernel()
def grown_line_is_free(
    bits: NDArray[np.uint64], ax: float, ay: float, bx: float, by: float, grow: float
) -> bool:
    """Say whether the segment a–b stays out of every wall square grown by `grow` on each side (open squares).

    Both ends must lie in the grid.
    """
    rows, words = bits.shape
    if ay > by:
        ax, ay, bx, by = bx, by, ax, ay
    slope, from_x, to_x = 0.0, min(ax, bx), max(ax, bx)
    if by - ay > 1e-12:
        slope, from_x, to_x = (bx - ax) / (by - ay), ax, ax
    # Casts cut towards zero: add 1 first, as numbers down to -1 occur.
    first_row = int(ay - grow + 1.0) - 1
    if first_row + 1.0 + grow <= ay:
        first_row += 1
    last_row = int(by + grow + 1.0) - 1
    if last_row - grow >= by:
        last_row -= 1
    if first_row < 0 or last_row >= rows:
        return False
    # No early exit: a test that comes out now so, now so, costs more than a few rows.
    found = np.uint64(0)
    for row in range(first_row, last_row + 1):
        enter = from_x + (max(row - grow, ay) - ay) * slope
        leave = to_x + (min(row + 1.0 + grow, by) - ay) * slope
        left, right = min(enter, leave), max(enter, leave)
        first = int(left - grow + 1.0) - 1
        first += first + 1.0 + grow <= left
        last = int(right + grow + 1.0) - 1
        last -= last - grow >= right
        found |= np.uint64(first < 0)
        first = max(first, 0)
        if words == 1:
            found |= bits[row, 0] & (_ALL << np.uint64(first)) & (_ALL >> np.uint64(63 - last))
        else:
            found |= _walls_between(bits, row, first, last)
    free: bool = found == 0
    return free
