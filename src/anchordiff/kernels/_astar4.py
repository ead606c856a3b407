"""Shortest 4-connected paths: A* with two stacks and no heap.

With the Manhattan distance to the goal, a step towards the goal leaves f = g + h as it is and a step away
raises it by 2. So the cells to look at next lie on two stacks: those of the current f and those of f + 2.
"""

import numpy as np
from jaxtyping import Bool, Int, UInt8

from anchordiff.kernels._jit import kernel

# The state of a cell is one byte: the wall bit, the direction of the step into it, how far the search is.
_WALL = np.uint8(1)
_PENDING = np.uint8(16)
_REACHED = np.uint8(32)
_WALL_OR_REACHED = np.uint8(33)
_DIRECTION = np.uint8(6)


@kernel()
def _manhattan_workspace_size(rows: int, cols: int) -> int:
    """Number of int32 that `_manhattan_path` needs as workspace for a grid."""
    cells = (rows + 2) * (cols + 2)
    return 4 * cells + cells // 4 + 1


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
    # A cell enters each stack once as pending and once as reached.
    current = workspace[: 2 * cells]
    following = workspace[2 * cells : 4 * cells]
    state = workspace[4 * cells : 4 * cells + cells // 4 + 1].view(np.uint8)
    state[:stride] = _WALL
    for row in range(rows):
        base = (row + 1) * stride
        state[base] = _WALL
        for col in range(cols):
            state[base + 1 + col] = np.uint8(walls[row, col])
        state[base + cols + 1] = _WALL
    state[cells - stride : cells] = _WALL

    goal_r = goal_row + 1
    goal_c = goal_col + 1
    goal_index = goal_r * stride + goal_c
    current[0] = ((start_row + 1) << 16) | (start_col + 1)
    num_current = 1
    num_following = 0
    state[(start_row + 1) * stride + start_col + 1] = _REACHED
    # Entries below this height were pushed for an f one level lower and may have been reached since.
    num_pending = 0
    while state[goal_index] & _REACHED == 0:
        if num_current == 0:
            if num_following == 0:
                return 0
            current, following = following, current
            num_current = num_following
            num_pending = num_following
            num_following = 0
        num_current -= 1
        position = int(current[num_current])
        row = position >> 16
        col = position & 0xFFFF
        index = row * stride + col
        if num_current < num_pending:
            num_pending = num_current
            if state[index] & _REACHED:
                continue
            state[index] |= _REACHED
        for direction in range(4):
            if direction == 0:
                other, shift, closer = index - stride, -(1 << 16), row > goal_r
            elif direction == 1:
                other, shift, closer = index + stride, 1 << 16, row < goal_r
            elif direction == 2:
                other, shift, closer = index - 1, -1, col > goal_c
            else:
                other, shift, closer = index + 1, 1, col < goal_c
            seen = state[other]
            if seen & _WALL_OR_REACHED:
                continue
            if closer:
                state[other] = _REACHED + np.uint8(2 * direction)
                current[num_current] = position + shift
                num_current += 1
            elif seen == 0:
                state[other] = _PENDING + np.uint8(2 * direction)
                following[num_following] = position + shift
                num_following += 1
    return _walk_back(state, stride, start_row, start_col, goal_row, goal_col, out_cells)


@kernel()
def _walk_back(
    state: UInt8[np.ndarray, " size"],
    stride: int,
    start_row: int,
    start_col: int,
    goal_row: int,
    goal_col: int,
    out_cells: Int[np.ndarray, "room 2"],
) -> int:
    """Follow the stored directions from the goal to the start; write the cells in walking order."""
    length = 0
    row = goal_row
    col = goal_col
    while True:
        out_cells[length, 0] = row
        out_cells[length, 1] = col
        length += 1
        if row == start_row and col == start_col:
            break
        direction = (state[(row + 1) * stride + col + 1] & _DIRECTION) >> 1
        if direction < 2:
            row += 1 if direction == 0 else -1
        else:
            col += 1 if direction == 2 else -1
    for left in range(length // 2):
        right = length - 1 - left
        for axis in range(2):
            held = out_cells[left, axis]
            out_cells[left, axis] = out_cells[right, axis]
            out_cells[right, axis] = held
    return length
