"""Walls as bits, 32 cells at a time."""

import numpy as np
from jaxtyping import Bool

from anchordiff.kernels._bits import pack_32
from anchordiff.kernels._jit import kernel

_LANES = 32


@kernel()
def pack_row(walls: Bool[np.ndarray, "rows cols"], row: int, first: int) -> np.uint32:
    """Return the walls of 32 cells of a row, from column `first` on, lowest bit first; cells outside are walls.

    Args:
        walls: contiguous.
        row: in the grid.
        first: in the grid.
    """
    rows, cols = walls.shape
    count = min(cols - first, _LANES)
    outside = np.uint64(0xFFFFFFFF) << np.uint64(count)
    place, last = row * cols + first, rows * cols - _LANES
    if last < 0:
        found = np.uint64(0)
        for col in range(count):
            found |= np.uint64(walls[row, first + col]) << np.uint64(col)
    else:
        # The last cells of the grid are read from further in front, so that nothing is read behind its end.
        start = min(place, last)
        found = np.uint64(pack_32(walls, np.uint64(start)))  # type: ignore[call-arg]
        found >>= np.uint64(place - start)
    return np.uint32(found | outside)
