"""Squared distances to the nearest marked cell: the private kernels behind `distance` and `signed_distance`.

For each column the distance to the next marked cell above or below comes from two scans; then
d²(i, j) = min over s of s² + vertical²(i, j ± s), where s need not pass the largest distance of the row. Both
steps run over whole rows at once, in integers, hence exactly: 16 bits for grids up to about 80 × 80.
Rows are stored with a width that is a multiple of the vector length, so that no loop has a remainder.
"""

import numpy as np
from numpy.typing import NDArray

from anchordiff.kernels._jit import kernel

_LANES = 16


def workspace(rows: int, cols: int) -> tuple[NDArray[np.signedinteger], NDArray[np.signedinteger]]:
    """Return the arrays `line` and `squares` (2, rows, width) that `write_squares` fills.

    The integer type is the narrowest that can hold 2 · (rows² + cols²).
    """
    small = rows * rows + cols * cols <= np.iinfo(np.int16).max // 2
    dtype = np.dtype(np.int16 if small else np.int32)
    width = -(-cols // _LANES) * _LANES
    return np.empty(width + 2 * cols, dtype), np.empty((2, rows, width), dtype)


@kernel()
def write_squares(  # type: ignore[no-untyped-def]
    walls, value, border, line, squares
) -> None:
    """Write into `squares` the squared distance of each cell to the nearest cell with walls == value.

    Args:
        walls: bool (rows, cols).
        value: what to look for.
        border: whether all cells outside the grid count as such cells.
        line: workspace (width + 2 cols).
        squares: (rows, width), receives the result in its first `cols` columns, and zeros to their right. Where
            there is no such cell, the result is at least rows² + cols².
    """
    rows, cols = walls.shape
    width = squares.shape[1]
    number = squares.dtype.type
    far = number(int(np.sqrt(rows * rows + cols * cols)) + 1)
    for i in range(rows):
        row = walls[i]
        here = squares[i]
        here[cols:] = 0
        if i == 0:
            first = number(1) if border else far
            for j in range(cols):
                here[j] = number(0) if row[j] == value else first
        else:
            above = squares[i - 1]
            for j in range(cols):
                step = min(number(above[j] + number(1)), far)
                here[j] = number(0) if row[j] == value else step
    if border:
        here = squares[rows - 1]
        for j in range(cols):
            here[j] = min(here[j], number(1))
    for i in range(rows - 2, -1, -1):
        here = squares[i]
        below = squares[i + 1]
        for j in range(width):
            here[j] = min(here[j], number(below[j] + number(1)))
    beyond = number(0) if border else number(far * far)
    for j in range(line.shape[0]):
        line[j] = beyond
    for i in range(rows):
        out = squares[i]
        middle = line[cols : 2 * cols]
        largest = number(0)
        for j in range(width):
            square = number(out[j] * out[j])
            out[j] = square
            largest = max(largest, square)
        for j in range(cols):
            middle[j] = out[j]
        s = 1
        while s <= cols and s * s < largest:
            rise = number(s * s)
            left = line[cols - s : cols - s + width]
            right = line[cols + s : cols + s + width]
            largest = number(0)
            for j in range(width):
                nearer = number(min(left[j], right[j]) + rise)
                nearer = min(nearer, out[j])
                out[j] = nearer
                largest = max(largest, nearer)
            s += 1


@kernel()
def write_roots(  # type: ignore[no-untyped-def]
    squares, limit, out
) -> None:
    """Write the square roots of (rows, width) `squares` into (rows, cols) `out`; from `limit` on: infinity."""
    for i in range(out.shape[0]):
        line = squares[i]
        target = out[i]
        for j in range(out.shape[1]):
            target[j] = np.sqrt(np.float32(line[j])) if line[j] < limit else np.float32(np.inf)


@kernel()
def write_signed(  # type: ignore[no-untyped-def]
    walls, line, squares, out
) -> None:
    """Write the signed distance of `walls` (rows, cols) into `out`; `line` and `squares` are workspace."""
    rows, cols = walls.shape
    write_squares(walls, True, True, line, squares[0])
    write_squares(walls, False, False, line, squares[1])
    if squares[1, 0, 0] >= rows * rows + cols * cols:
        # Not one free cell: the nearest "other kind" is then what lies outside.
        write_squares(walls, False, True, line, squares[1])
    for i in range(rows):
        outside, inside, target = squares[0, i], squares[1, i], out[i]
        for j in range(cols):
            target[j] = np.sqrt(np.float32(outside[j])) - np.sqrt(np.float32(inside[j]))
