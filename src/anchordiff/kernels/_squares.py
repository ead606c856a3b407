"""Squared distances to the nearest marked cell: the private kernels behind `distance` and `signed_distance`.

For each column the distance to the next marked cell above or below comes from two scans; then
d²(i, j) = min over s of s² + vertical²(i, j ± s), where s need not pass the largest distance around. Everything
is integer, hence exact: 16 bits for small grids, 32 for large ones.

How it gets fast: cells lie in planes whose rows are padded with what counts as outside, so that a shift by s is one
loop over many rows at once, without a remainder and without a test. The loops run over views made beforehand or
over unsigned positions: a signed one may be negative, and that test alone keeps the compiler from vectorising.
"""

import numpy as np
from numpy.typing import NDArray

from anchordiff.kernels._jit import kernel

Walls = NDArray[np.bool_]
Numbers = NDArray[np.signedinteger]

_LANES = 16
_BAND = 1024


def workspace(rows: int, cols: int) -> Numbers:
    """Return memory for grids of one size, with the constants that lie around the cells already in it.

    Its integers hold 2 · (rows² + cols²) and some.
    """
    dtype = np.int16 if rows * rows + cols * cols < 12_000 else np.int32
    width, stride, band = _layout(rows, cols)
    planes = 2 * (rows + 2) * stride + 2 * rows * stride
    lines = 2 * (band * stride + 2 * cols) + band * stride
    memory: Numbers = np.empty(planes + lines + rows * cols + width, dtype)
    _write_constants(memory, rows, cols)
    return memory


@kernel()
def _layout(rows: int, cols: int) -> tuple[int, int, int]:
    """Return the lanes of a row that hold cells, the lanes of a row, and how many rows a shift covers at once."""
    width = -(-cols // _LANES) * _LANES
    stride = max(width, 2 * cols)
    return width, stride, min(max(_BAND // stride, 1), rows)


@kernel()
def _far(rows: int, cols: int) -> int:
    """Return a distance longer than any in the grid."""
    return int(np.sqrt(rows * rows + cols * cols)) + 1


@kernel()
def _write_constants(memory: Numbers, rows: int, cols: int) -> None:
    """Write what counts as outside around the planes and lines, and which lanes hold cells."""
    number = memory.dtype.type
    _, stride, band = _layout(rows, cols)
    far = _far(rows, cols)
    plane, line = (rows + 2) * stride, band * stride + 2 * cols
    memory[:plane] = 0
    memory[plane : 2 * plane] = far
    at = 2 * plane + 2 * rows * stride
    memory[at : at + line] = 0
    memory[at + line : at + 2 * line] = far * far
    mask = memory[at + 2 * line : at + 2 * line + band * stride]
    for k in range(mask.shape[0]):
        mask[k] = number(far * far) if k % stride < cols else number(0)


@kernel()
def _scan(walls: Walls, flip: bool, far: int, stride: int, width: int, plane: Numbers) -> None:
    """Write each cell's distance, along its column, to the next wall (with `flip`: free cell) into `plane`."""
    rows, cols = walls.shape
    number = plane.dtype.type
    zero, one, none = number(0), number(1), number(far)
    here, above, below = plane[stride : (rows + 1) * stride], plane, plane[2 * stride :]
    for i in range(rows):
        base = np.uint64(i * stride)
        for j in range(cols):
            here[base + np.uint64(j)] = zero if walls[i, j] != flip else none
    for i in range(rows):
        base = np.uint64(i * stride)
        for j in range(width):
            k = base + np.uint64(j)
            here[k] = min(here[k], number(above[k] + one))
    for i in range(rows - 1, -1, -1):
        base = np.uint64(i * stride)
        for j in range(width):
            k = base + np.uint64(j)
            here[k] = min(here[k], number(below[k] + one))


@kernel()
def _spread(vertical: Numbers, cols: int, line: Numbers, mask: Numbers, out: Numbers) -> None:
    """Write d² of a band of rows into `out`, 0 between the rows, from the vertical distances."""
    number = out.dtype.type
    count = out.shape[0]
    middle = line[cols : cols + count]
    largest = number(0)
    for k in range(count):
        square = number(vertical[k] * vertical[k])
        middle[k] = square
        square = min(square, mask[k])
        out[k] = square
        largest = max(largest, square)
    s = 1
    while s <= cols and s * s < largest:
        rise = number(s * s)
        left, right = line[cols - s : cols - s + count], line[cols + s : cols + s + count]
        largest = number(0)
        for k in range(count):
            square = min(number(min(left[k], right[k]) + rise), out[k])
            out[k] = square
            largest = max(largest, square)
        s += 1


@kernel()
def write_squares(walls: Walls, flip: bool, border: bool, memory: Numbers, slot: int) -> None:
    """Compute the squared distance of each cell to the nearest wall, or with `flip` to the nearest free cell.

    Args:
        walls: (rows, cols).
        flip: whether to look for free cells.
        border: whether all cells outside the grid count as what is looked for.
        memory: of `workspace`.
        slot: 0 or 1, which of the two planes after the first two gets the squares; they are at least
            rows² + cols² where there is no such cell.
    """
    rows, cols = walls.shape
    width, stride, band = _layout(rows, cols)
    size, plane_size = rows * stride, (rows + 2) * stride
    line_size = band * stride + 2 * cols
    at = 0 if border else plane_size
    plane = memory[at : at + plane_size]
    at = 2 * plane_size + slot * size
    out = memory[at : at + size]
    at = 2 * plane_size + 2 * size
    mask = memory[at + 2 * line_size : at + 2 * line_size + band * stride]
    if not border:
        at += line_size
    line = memory[at : at + line_size]
    _scan(walls, flip, _far(rows, cols), stride, width, plane)
    for first in range(0, rows, band):
        count = (min(first + band, rows) - first - 1) * stride + width
        at = first * stride
        _spread(plane[at + stride : at + stride + count], cols, line, mask, out[at : at + count])


@kernel()
def write_signed(walls: Walls, memory: Numbers, out: NDArray[np.float32]) -> None:
    """Write the signed distance of `walls` into `out`, both (rows, cols) and contiguous."""
    rows, cols = walls.shape
    number = memory.dtype.type
    width, stride, _ = _layout(rows, cols)
    for turn in range(3):
        if turn == 2 and memory[2 * (rows + 2) * stride + rows * stride] < rows * rows + cols * cols:
            break
        # Third turn: not one free cell, so that the nearest "other kind" is what lies outside.
        write_squares(walls, turn > 0, turn != 1, memory, min(turn, 1))
    at = 2 * (rows + 2) * stride
    outside = memory[at : at + rows * stride]
    inside = memory[at + rows * stride : at + 2 * rows * stride]
    compact = memory[memory.shape[0] - rows * cols - width :]
    for i in range(rows):
        source, target = np.uint64(i * stride), np.uint64(i * cols)
        for j in range(width):
            k = np.uint64(j)
            compact[target + k] = number(outside[source + k] - inside[source + k])
    flat = out.reshape(rows * cols)
    for cell in range(rows * cols):
        square = np.float32(compact[cell])
        flat[cell] = np.copysign(np.sqrt(abs(square)), square)


@kernel()
def write_unsigned(walls: Walls, memory: Numbers, out: NDArray[np.float32]) -> None:
    """Write the distance to the nearest wall into `out`; infinity where there is no wall."""
    rows, cols = walls.shape
    _, stride, _ = _layout(rows, cols)
    write_squares(walls, rows == 0, rows == 0, memory, 0)
    squares = memory[2 * (rows + 2) * stride :]
    if squares[0] >= rows * rows + cols * cols:
        out[:, :] = np.inf
        return
    for i in range(rows):
        source = np.uint64(i * stride)
        for j in range(cols):
            out[i, j] = np.sqrt(np.float32(squares[source + np.uint64(j)]))
