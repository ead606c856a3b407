"""The padded grid that searches work on: how they remember their steps there, and read a path from them.

A step is a number: up, down, left, right, then the diagonals up-left, up-right, down-left, down-right. The
searches run from the goal to the start and store in each cell the step by which they came, shifted left by
one bit (the lowest bit is free for other use). Following the steps backwards from the start gives the path in
walking order.
"""

import numpy as np
from jaxtyping import Bool, Int, UInt8

from anchordiff.kernels._jit import kernel

ROW_STEPS = np.array([-1, 1, 0, 0, -1, -1, 1, 1])
COL_STEPS = np.array([0, 0, -1, 1, -1, 1, -1, 1])

_STEP_BITS = 14


@kernel()
def pad_walls(walls: Bool[np.ndarray, "rows cols"], padded: UInt8[np.ndarray, " cells"]) -> None:
    """Copy walls (1 where blocked) into a flat grid that has one more blocked cell on each side."""
    rows, cols = walls.shape
    stride = cols + 2
    padded[:stride] = 1
    for row in range(rows):
        line = padded[(row + 1) * stride : (row + 2) * stride]
        line[0] = 1
        # A slice of its own, without which the copy would not be vectorised.
        inner = line[1 : cols + 1]
        for col in range(cols):
            inner[col] = walls[row, col]
        line[cols + 1] = 1
    padded[(rows + 1) * stride :] = 1


@kernel()
def trace(
    steps: UInt8[np.ndarray, " cells"],
    stride: int,
    start_row: int,
    start_col: int,
    goal_row: int,
    goal_col: int,
    out_cells: Int[np.ndarray, "room 2"],
) -> int:
    """Write the cells from start to goal; returns how many there are.

    Args:
        steps: by which step (bits 1 to 3) the search reached a cell of the padded grid.
        stride: columns of the padded grid, which has one more cell on each side.
        start_row: in the unpadded grid, as are the other three.
        start_col: see above.
        goal_row: see above.
        goal_col: see above.
        out_cells: receives (row, col).
    """
    row = start_row
    col = start_col
    length = 0
    while True:
        out_cells[length, 0] = row
        out_cells[length, 1] = col
        length += 1
        if row == goal_row and col == goal_col:
            return length
        step = np.uint64(steps[np.uint64((row + 1) * stride + col + 1)] & _STEP_BITS) >> np.uint64(1)
        row -= ROW_STEPS[step]
        col -= COL_STEPS[step]
