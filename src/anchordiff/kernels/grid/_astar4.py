"""Shortest 4-connected paths: A* with two stacks and no heap.

With the Manhattan distance as heuristic, a step towards the target leaves f = g + h as it is and a step away
raises it by 2. So the cells to look at next lie on two stacks: those of the current f and those of f + 2.
"""

import numpy as np
from jaxtyping import Bool, Int, UInt64

from anchordiff.kernels._jit import kernel
from anchordiff.kernels.grid._trace import pad_walls, trace

# The state of a cell is one byte: the wall bit, three bits for the step into it, and how far the search is.
_PENDING = np.uint8(16)
_REACHED = np.uint8(32)
_WALL_OR_REACHED = np.uint8(33)
_ANY = np.uint8(255)
_UP = np.uint8(0)
_DOWN = np.uint8(2)
_LEFT = np.uint8(4)
_RIGHT = np.uint8(6)


@kernel()
def _manhattan_workspace_size(rows: int, cols: int) -> int:
    """Number of int32 that `_manhattan_path` needs as workspace for a grid."""
    cells = (rows + 2) * (cols + 2)
    return 8 * cells + 16 + cells // 4 + 1


@kernel()
def _manhattan_path(
    walls: Bool[np.ndarray, "rows cols"],
    start_row: int,
    start_col: int,
    goal_row: int,
    goal_col: int,
    out_cells: Int[np.ndarray, "room 2"],
    workspace: Int[np.ndarray, " size"],
) -> int:
    """Find a shortest 4-connected path; arguments and result as those of `_octile_path`."""
    rows, cols = walls.shape
    if walls[start_row, start_col] or walls[goal_row, goal_col]:
        return 0
    stride = cols + 2
    cells = (rows + 2) * stride
    # A cell enters each stack once as pending and once as reached; both stacks live in one array.
    half = np.uint64(2 * cells + 4)
    stack = workspace[: 8 * cells + 16].view(np.uint64)
    state = workspace[8 * cells + 16 : 8 * cells + 16 + cells // 4 + 1].view(np.uint8)
    pad_walls(walls, state[:cells])

    # An entry holds a cell's index (upper 32 bits), row and column (16 bits each) in the padded grid, so that
    # a step adds one number. All unsigned, because Numba checks every index that might be negative.
    zero = np.uint64(0)
    one = np.uint64(1)
    low = np.uint64(0xFFFF)
    row_step = (np.uint64(stride) << np.uint64(32)) + (one << np.uint64(16))
    col_step = (one << np.uint64(32)) + one
    source = (goal_row + 1) * stride + goal_col + 1
    target = np.uint64((start_row + 1) * stride + start_col + 1)
    target_row = np.uint64(start_row + 1)
    target_col = np.uint64(start_col + 1)
    base_current = zero
    base_following = half
    stack[0] = (np.uint64(source) << np.uint64(32)) + np.uint64(((goal_row + 1) << 16) + goal_col + 1)
    state[source] = _REACHED
    current = one
    following = half
    # Entries below this one were pushed for an f one level lower and may have been reached since.
    pending = zero
    while state[target] & _REACHED == 0:
        if current == base_current:
            if following == base_following:
                return 0
            base_current, base_following = base_following, base_current
            current = following
            pending = following
            following = base_following
        current -= one
        entry = stack[current]
        if current < pending:
            pending = current
            index = entry >> np.uint64(32)
            if state[index] & _REACHED:
                continue
            state[index] |= _REACHED
        row = (entry >> np.uint64(16)) & low
        down = row < target_row
        current, following = _push_both(
            stack,
            state,
            entry,
            row_step if down else zero - row_step,
            _DOWN if down else _UP,
            _UP if down else _DOWN,
            row != target_row,
            current,
            following,
        )
        col = entry & low
        right = col < target_col
        current, following = _push_both(
            stack,
            state,
            entry,
            col_step if right else zero - col_step,
            _RIGHT if right else _LEFT,
            _LEFT if right else _RIGHT,
            col != target_col,
            current,
            following,
        )
    return trace(state, stride, start_row, start_col, goal_row, goal_col, out_cells)


@kernel()
def _push_both(
    stack: UInt64[np.ndarray, " room"],
    state: Int[np.ndarray, " cells"],
    entry: np.uint64,
    step: np.uint64,
    towards_code: np.uint8,
    away_code: np.uint8,
    closer: bool,
    current: np.uint64,
    following: np.uint64,
) -> tuple[np.uint64, np.uint64]:
    """Push the neighbours on either side of a cell; returns the new tops of the two stacks.

    Nothing branches on walls, which could not be predicted: each neighbour is written to the top of a stack
    and counted if it belongs there. The one on the target's side is no closer if the target is in the same
    row (column).
    """
    towards = entry + step
    other = towards >> np.uint64(32)
    seen = state[other]
    free = (seen & (_WALL_OR_REACHED if closer else _ANY)) == 0
    stack[current if closer else following] = towards
    state[other] = (towards_code | (_REACHED if closer else _PENDING)) if free else seen
    current += np.uint64(free and closer)
    following += np.uint64(free and not closer)

    away = entry - step
    other = away >> np.uint64(32)
    seen = state[other]
    free = seen == 0
    stack[following] = away
    state[other] = (away_code | _PENDING) if free else seen
    following += np.uint64(free)
    return current, following
