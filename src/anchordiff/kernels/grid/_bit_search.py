"""Shortest 4-connected paths on grids of at most 32 x 32 cells: breadth-first search on rows of bits.

A row of the grid is one 32-bit word. One round moves the whole front by one step, with a few operations on 32
words; the front of every round is kept, and the path is read from them. The search runs from the goal to the
start.
"""

import numpy as np
from jaxtyping import Bool, Int, UInt32

from anchordiff.kernels._jit import kernel
from anchordiff.kernels.grid._flood import FRONTS, SIDE, STRIDE, TARGET, UNSEEN, flood
from anchordiff.kernels.grid._pack import pack_rows


@kernel()
def bit_workspace_size(rows: int, cols: int) -> int:
    """Number of words that `bit_path` needs as workspace for a grid."""
    return FRONTS + (rows * cols + 2) * STRIDE


@kernel()
def pack_free(walls: Bool[np.ndarray, "rows cols"], words: UInt32[np.ndarray, " size"]) -> None:
    """Write the free cells of each row as the bits of a word."""
    for row in range(walls.shape[0], SIDE):
        words[UNSEEN + row] = 0xFFFFFFFF
    pack_rows(walls, 0, words, UNSEEN, 1)
    for row in range(SIDE):
        words[UNSEEN + row] = ~words[UNSEEN + row]


@kernel()
def bit_steps(
    words: UInt32[np.ndarray, " size"], start_row: int, start_col: int, goal_row: int, goal_col: int
) -> int:
    """Number of straight steps between two free cells, -1 if there is no way; fronts as `flood` leaves them.

    `words` holds the free cells from `UNSEEN` on, and still does so afterwards.
    """
    for line in range(SIDE):
        words[TARGET + line] = 0
        words[FRONTS + 1 + line] = 0
    words[TARGET + start_row] = np.uint32(1) << np.uint32(start_col)
    words[FRONTS + 1 + goal_row] = np.uint32(1) << np.uint32(goal_col)
    # The goal, still unseen, is met again in the second round; no shortest path is read through it there.
    steps: int = flood(words)  # type: ignore[call-arg]
    return steps


@kernel()
def bit_path(
    walls: Bool[np.ndarray, "rows cols"],
    start_row: int,
    start_col: int,
    goal_row: int,
    goal_col: int,
    out_cells: Int[np.ndarray, "room 2"],
    first: int,
    words: UInt32[np.ndarray, " size"],
) -> int:
    """Find a shortest 4-connected path; result as that of `_octile_path`.

    Args:
        walls: bool (rows, cols), contiguous.
        start_row: in the grid, as are the other three (not checked).
        start_col: see above.
        goal_row: see above.
        goal_col: see above.
        out_cells: int32, receives the (row, col) of the cells with both ends from place `first` on.
        first: see above.
        words: workspace of at least `bit_workspace_size(rows, cols)`; its content does not matter.
    """
    if walls[start_row, start_col] or walls[goal_row, goal_col]:
        return 0
    pack_free(walls, words)
    steps = bit_steps(words, start_row, start_col, goal_row, goal_col)
    if steps < 0:
        return 0
    one, two = np.uint64(1), np.uint64(2)
    row, col = np.uint64(start_row), np.uint64(start_col)
    at = np.uint64(FRONTS + steps * STRIDE)
    place = np.uint64(first)
    out_cells[place, 0] = row
    out_cells[place, 1] = col
    for _ in range(steps):
        at -= np.uint64(STRIDE)
        place += one
        above = at + row
        up = (np.uint64(words[above]) >> col) & one
        down = (np.uint64(words[above + two]) >> col) & one & ~up
        # Bit 0 is the cell to the left.
        left = ((np.uint64(words[above + one]) << one) >> col) & one & ~(up | down)
        row += down - up
        col += (one ^ (up | down | left)) - left
        out_cells[place, 0] = row
        out_cells[place, 1] = col
    return steps + 1
