"""Squared distances to the nearest marked cell: the private kernels behind `distance` and `signed_distance`.

For each column the distance to the next marked cell above or below comes from two scans; then
d²(i, j) = min over s of s² + vertical²(i, j ± s), where s need not pass the largest distance around. Everything
is integer, hence exact: 16 bits for small grids, 32 for large ones.

On large grids a row stops after some shifts if its largest distance is still out of reach, and takes the lower envelope
of the parabolas s² + vertical² instead (Meijster, Roerdink & Hesselink 2000), whose work is linear in its cells.

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
_SMALL = 64
_SHIFTS = 32


def workspace(rows: int, cols: int) -> Numbers:
    """Return memory for grids of one size, with the constants that lie around the cells already in it.

    Its integers hold 2 · (rows² + cols²) and some.
    """
    dtype = np.int16 if rows * rows + cols * cols < 12_000 else np.int32
    width, stride, band, margin = _layout(rows, cols)
    planes = 4 * (rows + 2 * margin) * stride
    lines = 2 * (band * stride + 2 * cols) + 3 * band * stride
    memory: Numbers = np.empty(planes + lines + band * cols + width, dtype)
    _write_constants(memory, rows, cols)
    return memory


@kernel()
def _layout(rows: int, cols: int) -> tuple[int, int, int, int]:
    """Return the lanes of a row that hold cells, all its lanes, the rows of a shift, the rows around a plane."""
    width = (cols + _LANES - 1) & -_LANES
    if max(rows, cols) > _SMALL:
        return width, width, 1, 1
    stride = max(width, 2 * cols)
    margin = 1
    while 2 * margin < rows:
        margin *= 2
    return width, stride, rows, margin


@kernel()
def _far(rows: int, cols: int) -> int:
    """Return a distance longer than any in the grid."""
    return int(np.sqrt(rows * rows + cols * cols)) + 1


@kernel()
def _write_constants(memory: Numbers, rows: int, cols: int) -> None:
    """Write what counts as outside around the planes and lines, and which lanes hold cells."""
    number = memory.dtype.type
    _, stride, band, margin = _layout(rows, cols)
    far = _far(rows, cols)
    plane, line = (rows + 2 * margin) * stride, band * stride + 2 * cols
    memory[: 2 * plane] = 0
    memory[2 * plane : 4 * plane] = far
    at = 4 * plane
    memory[at : at + line] = 0
    memory[at + line : at + 2 * line] = far * far
    mask = memory[-band * stride :]
    for k in range(mask.shape[0]):
        mask[k] = number(far * far) if k % stride < cols else number(0)


@kernel()
def _mark(walls: Walls, memory: Numbers, border: bool, both: bool) -> None:
    """Write into one plane 0 at walls and "far" elsewhere, with `both` into the other one 0 at free cells.

    With `border` the walls go to the plane around which everything counts as marked, and the free cells to the one
    around which nothing does; without it the other way round.
    """
    rows, cols = walls.shape
    _, stride, _, margin = _layout(rows, cols)
    zero, far = memory.dtype.type(0), memory.dtype.type(_far(rows, cols))
    first, second = margin * stride, 2 * (rows + 2 * margin) * stride + margin * stride
    if not border:
        first, second = second, first
    for_walls, for_free = memory[first:], memory[second:]
    for i in range(rows):
        base = np.uint64(i * stride)
        if both:
            for j in range(cols):
                k = base + np.uint64(j)
                for_walls[k] = zero if walls[i, j] else far
                for_free[k] = far if walls[i, j] else zero
        else:
            for j in range(cols):
                for_walls[base + np.uint64(j)] = zero if walls[i, j] else far


@kernel()
def _scan(rows: int, stride: int, width: int, plane: Numbers) -> None:
    """Turn marks into distances along the columns, row by row, down and up."""
    number = plane.dtype.type
    one = number(1)
    here, above, below = plane[stride : (rows + 1) * stride], plane, plane[2 * stride :]
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
def _double(rows: int, stride: int, margin: int, first: Numbers, second: Numbers, mask: Numbers) -> bool:
    """Turn marks in the plane `first` into distances along the columns, over all rows at once.

    After steps of 1, 2, 4, … all that lies within 1, 3, 7, … rows has been seen. Returns whether the result is in
    `second`.
    """
    number = first.dtype.type
    start, stop = margin * stride, (margin + rows) * stride
    source, target, swapped = first, second, False
    s = 1
    while s < rows or s == 1:
        rise = number(s)
        shift = s * stride
        here, out = source[start:stop], target[start:stop]
        above, below = source[start - shift : stop - shift], source[start + shift : stop + shift]
        largest = number(0)
        for k in range(stop - start):
            nearer = min(number(min(above[k], below[k]) + rise), here[k])
            out[k] = nearer
            largest = max(largest, min(nearer, mask[k]))
        source, target, swapped = target, source, not swapped
        s *= 2
        if largest < s:
            break
    return swapped


@kernel()
def _spread(vertical: Numbers, cols: int, line: Numbers, mask: Numbers, most: int, out: Numbers) -> bool:
    """Write d² of a band of rows into `out`, 0 between the rows, from the vertical distances.

    Returns False where more than `most` shifts would be needed.
    """
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
        if s > most:
            return False
        rise = number(s * s)
        left, right = line[cols - s : cols - s + count], line[cols + s : cols + s + count]
        largest = number(0)
        for k in range(count):
            square = min(number(min(left[k], right[k]) + rise), out[k])
            out[k] = square
            largest = max(largest, square)
        s += 1
    return True


@kernel()
def _envelope(vertical: Numbers, cols: int, border: bool, seats: NDArray[np.int64], out: Numbers) -> None:
    """Write d² of a row into `out`, in time linear in its cells; with `border` what lies beside it is marked.

    `seats` is workspace (2, cols): columns whose parabola is the lowest somewhere, and from which column on.
    """
    number = out.dtype.type
    lowest, since = seats[0], seats[1]
    count = 0
    for j in range(cols):
        height = np.int64(vertical[j]) * np.int64(vertical[j])
        first = np.int64(0)
        while count > 0:
            i = lowest[count - 1]
            above = np.int64(vertical[i]) * np.int64(vertical[i])
            # The first column where the parabola of j is below that of i.
            first = (j * j - i * i + height - above) // (2 * (j - i)) + 1
            if first > since[count - 1]:
                break
            count -= 1
            first = np.int64(0)
        if first < cols:
            lowest[count], since[count] = j, first
            count += 1
    seat = 0
    for j in range(cols):
        while seat + 1 < count and since[seat + 1] <= j:
            seat += 1
        i = lowest[seat]
        square = (j - i) * (j - i) + np.int64(vertical[i]) * np.int64(vertical[i])
        if border:
            square = min(square, min((j + 1) * (j + 1), (cols - j) * (cols - j)))
        out[j] = number(square)


@kernel()
def _columns(rows: int, cols: int, border: bool, memory: Numbers) -> Numbers:
    """Return each cell's distance, along its column, to the next mark in the plane with or without a border."""
    width, stride, band, margin = _layout(rows, cols)
    size = (rows + 2 * margin) * stride
    at = 0 if border else 2 * size
    plane, other = memory[at : at + size], memory[at + size : at + 2 * size]
    if band < rows:
        _scan(rows, stride, width, plane[(margin - 1) * stride :])
    elif _double(rows, stride, margin, plane, other, memory[-band * stride :]):
        plane = other
    return plane[margin * stride : (margin + rows) * stride]


@kernel()
def _lines(rows: int, cols: int, border: bool, memory: Numbers) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Return the line to shift in, room for the squares of a band twice, and room for differences."""
    _, stride, band, margin = _layout(rows, cols)
    at, size, room = 4 * (rows + 2 * margin) * stride, band * stride + 2 * cols, band * stride
    line = memory[at : at + size] if border else memory[at + size : at + 2 * size]
    at += 2 * size
    return line, memory[at : at + room], memory[at + room : at + 2 * room], memory[at + 2 * room :]


@kernel()
def write_signed(walls: Walls, memory: Numbers, out: NDArray[np.float32]) -> None:
    """Write the signed distance of `walls` into `out`, both (rows, cols) and contiguous."""
    rows, cols = walls.shape
    number = memory.dtype.type
    width, stride, band, _ = _layout(rows, cols)
    border = True
    _mark(walls, memory, border, border)
    to_free = _columns(rows, cols, not border, memory)
    nearest = number(_far(rows, cols))
    for j in range(cols):
        nearest = min(nearest, to_free[j])
    if nearest == _far(rows, cols):
        # Not one free cell: the nearest "other kind" is then what lies outside.
        border = False
        _mark(walls, memory, border, not border)
        to_free = _columns(rows, cols, not border, memory)
    to_wall = _columns(rows, cols, border, memory)
    line, outside, inside, compact = _lines(rows, cols, border, memory)
    other, _, _, _ = _lines(rows, cols, not border, memory)
    mask = memory[-band * stride :]
    most = _SHIFTS if band == 1 else cols
    seats = np.empty((2, cols), np.int64)
    flat = out.reshape(rows * cols)
    for first in range(0, rows, band):
        at, count = first * stride, (band - 1) * stride + width
        if not _spread(to_wall[at : at + count], cols, line, mask, most, outside[:count]):
            _envelope(to_wall[at : at + count], cols, border, seats, outside)
        if not _spread(to_free[at : at + count], cols, other, mask, most, inside[:count]):
            _envelope(to_free[at : at + count], cols, not border, seats, inside)
        for i in range(band):
            source, target = np.uint64(i * stride), np.uint64(i * cols)
            for j in range(width):
                k = np.uint64(j)
                compact[target + k] = number(outside[source + k] - inside[source + k])
        roots = flat[first * cols : (first + band) * cols]
        for cell in range(band * cols):
            square = np.float32(compact[cell])
            roots[cell] = np.copysign(np.sqrt(abs(square)), square)


@kernel()
def write_unsigned(walls: Walls, memory: Numbers, out: NDArray[np.float32]) -> None:
    """Write the distance to the nearest wall into `out`; infinity where there is no wall."""
    rows, cols = walls.shape
    width, stride, band, _ = _layout(rows, cols)
    border = rows == 0
    _mark(walls, memory, border, border)
    to_wall = _columns(rows, cols, border, memory)
    line, squares, _, _ = _lines(rows, cols, border, memory)
    mask = memory[-band * stride :]
    most = _SHIFTS if band == 1 else cols
    seats = np.empty((2, cols), np.int64)
    for first in range(0, rows, band):
        at, count = first * stride, (band - 1) * stride + width
        if not _spread(to_wall[at : at + count], cols, line, mask, most, squares[:count]):
            _envelope(to_wall[at : at + count], cols, border, seats, squares)
        if first == 0 and squares[0] >= rows * rows + cols * cols:
            out[:, :] = np.inf
            return
        for i in range(band):
            source = np.uint64(i * stride)
            for j in range(cols):
                out[first + i, j] = np.sqrt(np.float32(squares[source + np.uint64(j)]))
