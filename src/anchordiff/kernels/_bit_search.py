"""Shortest 4-connected paths on grids of at most 32 x 32 cells: breadth-first search on rows of bits.

A row of the grid is one 32-bit word. One round moves the whole front by one step, with a few operations on 32
words; the front of every round is kept, and the path is read from them. The search runs from the goal to the
start.
"""

import numpy as np
from jaxtyping import Bool, Int, UInt32

from anchordiff.kernels._bits import trailing_zeros
from anchordiff.kernels._jit import kernel
from anchordiff.kernels._trace import COL_STEPS, ROW_STEPS

SIDE = 32
_PADDED = SIDE + 2


@kernel()
def _bit_workspace_size(rows: int, cols: int) -> int:
    """Number of int32 that `_bit_path` needs as workspace for a grid."""
    return SIDE + (rows * cols + 2) * _PADDED


@kernel()
def _pack_free(walls: Bool[np.ndarray, "rows cols"], free: UInt32[np.ndarray, "32"]) -> None:
    """Write the free cells of each row as the bits of a word."""
    rows, cols = walls.shape
    inside = (np.uint64(1) << np.uint64(cols)) - np.uint64(1)
    for number in range(rows):
        row = walls[number]
        word = np.uint64(0)
        for col in range(cols):
            word |= np.uint64(row[col]) << np.uint64(col)
        free[number] = ~word & inside
    free[rows:] = 0


@kernel()
def _bit_path(
    walls: Bool[np.ndarray, "rows cols"],
    start_row: int,
    start_col: int,
    goal_row: int,
    goal_col: int,
    out_cells: Int[np.ndarray, "room 2"],
    workspace: Int[np.ndarray, " size"],
) -> int:
    """Find a shortest 4-connected path; arguments and result as those of `_octile_path`."""
    if walls[start_row, start_col] or walls[goal_row, goal_col]:
        return 0
    rows, cols = walls.shape
    unseen = workspace[:SIDE].view(np.uint32)
    # Row r of the front of round n is fronts[n * 34 + r + 1]; the words above and below the grid stay 0.
    fronts = workspace[SIDE : SIDE + (rows * cols + 2) * _PADDED].view(np.uint32)
    _pack_free(walls, unseen)
    fronts[:_PADDED] = 0
    fronts[goal_row + 1] = np.uint32(1) << np.uint32(goal_col)
    unseen[goal_row] ^= np.uint32(1) << np.uint32(goal_col)
    at = 0
    while (fronts[at + start_row + 1] >> np.uint32(start_col)) & 1 == 0:
        above = fronts[at : at + SIDE]
        here = fronts[at + 1 : at + SIDE + 1]
        below = fronts[at + 2 : at + SIDE + 2]
        at += _PADDED
        front = fronts[at + 1 : at + SIDE + 1]
        found = np.uint32(0)
        for line in range(SIDE):
            sides = np.uint32(here[line] << np.uint32(1)) | np.uint32(here[line] >> np.uint32(1))
            moved = np.uint32((sides | above[line] | below[line]) & unseen[line])
            front[line] = moved
            unseen[line] ^= moved
            found |= moved
        fronts[at] = 0
        fronts[at + SIDE + 1] = 0
        if found == 0:
            return 0
    length = at // _PADDED + 1
    one = np.uint64(1)
    two = np.uint64(2)
    row = np.uint64(start_row)
    col = np.uint64(start_col)
    out_cells[0, 0] = start_row
    out_cells[0, 1] = start_col
    for number in range(1, length):
        at -= _PADDED
        place = np.uint64(at) + row
        up = (np.uint64(fronts[place]) >> col) & one
        down = (np.uint64(fronts[place + two]) >> col) & one
        # Bit 0 is the cell to the left, bit 2 the one to the right.
        beside = (np.uint64(fronts[place + one]) << one) >> col
        found_steps = up | (down << one) | ((beside & one) << two) | ((beside & np.uint64(4)) << one)
        step = np.uint64(trailing_zeros(found_steps))  # type: ignore[call-arg]
        row += np.uint64(ROW_STEPS[step])
        col += np.uint64(COL_STEPS[step])
        out_cells[number, 0] = row
        out_cells[number, 1] = col
    return length
