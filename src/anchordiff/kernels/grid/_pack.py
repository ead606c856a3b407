"""Walls as bits, 32 cells at a time."""

import numpy as np
from jaxtyping import Bool, UInt32

from anchordiff.kernels._jit import kernel
from anchordiff.kernels.grid._bits import pack_32

_LANES = 32


@kernel()
def pack_rows(
    walls: Bool[np.ndarray, "rows cols"],
    first: int,
    words: UInt32[np.ndarray, " size"],
    place: int,
    stride: int,
) -> None:
    """Write the walls of 32 columns, from `first` on, as one word a row, lowest bit first; cells outside are walls.

    Args:
        walls: contiguous.
        first: in the grid.
        words: receives the word of row r at place + r stride.
        place: see above.
        stride: see above.
    """
    rows, cols = walls.shape
    count = min(cols - first, _LANES)
    outside = np.uint32(np.uint64(0xFFFFFFFF) << np.uint64(count))
    at, step = np.uint64(place), np.uint64(stride)
    last = rows * cols - _LANES
    row, start = 0, first
    while row < rows and start <= last:
        words[at] = pack_32(walls, np.uint64(start)) | outside  # type: ignore[call-arg]
        row, start, at = row + 1, start + cols, at + step
    while row < rows:
        found = np.uint64(0)
        if last >= 0:
            # Read from further in front, so that nothing is read behind the grid's end.
            found = np.uint64(pack_32(walls, np.uint64(last))) >> np.uint64(start - last)  # type: ignore[call-arg]
        else:
            for col in range(count):
                found |= np.uint64(walls[row, first + col]) << np.uint64(col)
        words[at] = np.uint32(found) | outside
        row, start, at = row + 1, start + cols, at + step
