"""Squared distances in small grids where every cell has one of the other kind near: a byte a cell.

As in `anchordiff.kernels.grid._squares` with what is far cut off: distances along columns are right up to 3 at first,
and squares below 16 with them; where one is larger, up to 7 and 64. A row of a plane has at least 7 lanes behind its
cells, which count as outside, so that a shift by up to 7 is one loop over all rows.
"""

import numpy as np
from numpy.typing import NDArray

from anchordiff.kernels._jit import kernel

Bytes = NDArray[np.uint8]

_LANES = 32
_SMALL = 64
_MARGIN = 4
_REACH = 7
_FAR = np.uint8(10)
_CAP = np.uint8(_FAR * _FAR)
_ONE = np.uint8(1)
_NONE = np.uint8(0)
_ALL = np.uint8(255)


def near_workspace(rows: int, cols: int) -> Bytes:
    """Return memory for grids of one size, with the constants around the cells in it; none for large grids."""
    if max(rows, cols) > _SMALL:
        return np.zeros(0, np.uint8)
    stride, plane, line = _sizes(rows, cols)
    memory = np.zeros(4 * plane + 2 * line + 3 * rows * stride + 2 * (rows * cols + stride), np.uint8)
    memory[2 * plane : 4 * plane] = _FAR
    memory[4 * plane + line : 4 * plane + 2 * line] = _CAP
    at = 4 * plane + 2 * line
    memory[at : at + rows * stride].reshape(rows, stride)[:, :cols] = _ALL
    return memory


@kernel()
def _sizes(rows: int, cols: int) -> tuple[int, int, int]:
    """Return the bytes of a row, of a plane with rows around it, and of rows with lanes before and behind them."""
    stride = (cols + _REACH + _LANES - 1) // _LANES * _LANES
    return stride, (rows + 2 * _MARGIN) * stride, rows * stride + 2 * _LANES


@kernel()
def _step(memory: Bytes, source: np.uint64, target: np.uint64, count: int, shift: int, rise: int) -> None:
    """Take over what is nearer by way of the cells `shift` places before or behind, which are `rise` away."""
    step, more = np.uint64(shift), np.uint8(rise)
    above, below = source - step, source + step
    for j in range(count):
        k = np.uint64(j)
        nearer = np.uint8(min(memory[above + k], memory[below + k]) + more)
        memory[target + k] = min(nearer, memory[source + k])


@kernel()
def _spread(
    memory: Bytes, vertical: np.uint64, line: np.uint64, mask: np.uint64, out: np.uint64, count: int
) -> int:
    """Write squared distances from distances along the columns; return the largest of a cell."""
    largest = _NONE
    for j in range(count):
        k = np.uint64(j)
        nearer = min(memory[vertical + k], _FAR)
        square = np.uint8(nearer * nearer)
        memory[line + k] = square
        memory[out + k] = square
        largest = max(largest, np.uint8(square & memory[mask + k]))
    s = 1
    while s <= _REACH and s * s < largest:
        rise = np.uint8(s * s)
        left, right = line - np.uint64(s), line + np.uint64(s)
        largest = _NONE
        for j in range(count):
            k = np.uint64(j)
            nearer = np.uint8(min(memory[left + k], memory[right + k]) + rise)
            square = min(nearer, memory[out + k])
            memory[out + k] = square
            largest = max(largest, np.uint8(square & memory[mask + k]))
        s += 1
    return int(largest)


@kernel()
def _squares(
    memory: Bytes, plane: int, size: int, stride: int, line: int, mask: int, out: int, count: int
) -> bool:
    """Write squared distances to the marks of a plane, which another follows; False if some are too far to be right."""
    first = np.uint64(plane + _MARGIN * stride)
    second = first + np.uint64(size)
    around = np.uint64(line + _LANES), np.uint64(mask), np.uint64(out), count
    _step(memory, first, second, count, stride, 1)
    _step(memory, second, first, count, 2 * stride, 2)
    if _spread(memory, first, *around) < 16:
        return True
    _step(memory, first, second, count, 4 * stride, 4)
    return _spread(memory, second, *around) < 64


@kernel()
def write_signed_near(
    walls: NDArray[np.bool_], number: int, rows: int, cols: int, memory: Bytes, out: NDArray[np.float32]
) -> bool:
    """Write the signed distance of a grid of a batch, both flat; False, and nothing of use, where one is too long.

    There is one view of the memory: each further one would cost as much as a step over all cells.
    """
    stride, plane, line = _sizes(rows, cols)
    cells, count = rows * cols, rows * stride
    lines, mask = 4 * plane, 4 * plane + 2 * line
    outside = mask + count
    inside = outside + count
    grid = np.uint64(number * cells)
    # From a copy with room behind it whole vectors can be read, and over the rows behind they can be written.
    copied = np.uint64(inside + count)
    for j in range(cells):
        k = np.uint64(j)
        memory[copied + k] = walls[grid + k]
    for i in range(rows):
        source, lanes = copied + np.uint64(i * cols), np.uint64(mask)
        to_wall = np.uint64((i + _MARGIN) * stride)
        to_free = to_wall + np.uint64(2 * plane)
        for j in range(stride):
            k = np.uint64(j)
            wall, cell = memory[source + k], memory[lanes + k]
            memory[to_wall + k] = np.uint8(wall - _ONE) & cell & _FAR
            memory[to_free + k] = (np.uint8(_NONE - wall) | ~cell) & _FAR
    if not _squares(memory, 0, plane, stride, lines, mask, outside, count):
        return False
    if not _squares(memory, 2 * plane, plane, stride, lines + line, mask, inside, count):
        return False
    signed = copied + np.uint64(cells + stride)
    for i in range(rows):
        first = np.uint64(outside + i * stride)
        second, target = first + np.uint64(count), signed + np.uint64(i * cols)
        for j in range(stride):
            k = np.uint64(j)
            memory[target + k] = np.uint8(memory[first + k] - memory[second + k])
    for j in range(cells):
        k = np.uint64(j)
        square = np.float32(np.int8(memory[signed + k]))
        out[grid + k] = np.copysign(np.sqrt(abs(square)), square)
    return True
