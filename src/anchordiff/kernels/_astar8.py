"""Shortest 8-connected paths: A* over integer buckets.

A straight step costs 5741 and a diagonal one 8119 (a convergent of the square root of two: paths of fewer
than two thousand diagonal steps are ordered as by their exact lengths). With the octile distance h to the goal,
a step raises f = g + h by one of 0, 3363, 4756, 8119, 11482 or 16238. Hence every queued f lies within 16384 of
the current one, and f modulo 2**14 names its bucket. Only that residue is stored, so no path is too long.

The increase depends on the two cells alone, and f never falls, so the increases by which one cell is queued
again and again fall strictly: a cell is queued at most six times.
"""

import numpy as np
from jaxtyping import Bool, Int, UInt8

from anchordiff.kernels._bits import trailing_zeros
from anchordiff.kernels._jit import kernel

STRAIGHT = 5741
DIAGONAL = 8119

_MINOR = DIAGONAL - STRAIGHT
_MAJOR = STRAIGHT - _MINOR
_NUM_BUCKETS = 1 << 14
_BUCKET_MASK = _NUM_BUCKETS - 1
_NUM_WORDS = _NUM_BUCKETS // 64
_PUSHES_PER_CELL = 6

# The state of a cell is one byte: the wall bit, the direction of the step into it, how far the search is.
_WALL = np.uint8(1)
_OPEN = np.uint8(16)
_CLOSED = np.uint8(32)
_WALL_OR_CLOSED = np.uint8(33)
_DIRECTION = np.uint8(14)


@kernel()
def _octile_workspace_size(rows: int, cols: int) -> int:
    """Number of int32 that `_octile_path` needs as workspace for a grid."""
    cells = (rows + 2) * (cols + 2)
    return (
        _NUM_BUCKETS + 2 * _NUM_WORDS + 8 + 2 * _PUSHES_PER_CELL * cells + (cells // 4 + 1) + (cells // 2 + 1)
    )


@kernel()
def _octile_path(
    walls: Bool[np.ndarray, "rows cols"],
    start_row: int,
    start_col: int,
    goal_row: int,
    goal_col: int,
    out_cells: Int[np.ndarray, "room 2"],
    workspace: Int[np.ndarray, " size"],
) -> int:
    """Find a shortest 8-connected path that cuts no corner; callable from other kernels.

    Args:
        walls: bool (rows, cols).
        start_row: in the grid, as are the other three (not checked).
        start_col: see above.
        goal_row: see above.
        goal_col: see above.
        out_cells: int32 (at least rows * cols, 2), receives the (row, col) of the cells, both ends included.
        workspace: int32, at least `_octile_workspace_size(rows, cols)` long; its content does not matter.

    Returns:
        The number of cells of the path; 0 where there is none.
    """
    rows, cols = walls.shape
    if walls[start_row, start_col] or walls[goal_row, goal_col]:
        return 0
    stride = cols + 2
    cells = (rows + 2) * stride
    heads = workspace[:_NUM_BUCKETS]
    at = _NUM_BUCKETS
    filled = workspace[at : at + 2 * _NUM_WORDS].view(np.uint64)
    at += 2 * _NUM_WORDS
    groups = workspace[at : at + 8].view(np.uint64)
    at += 8
    pool = workspace[at : at + 2 * _PUSHES_PER_CELL * cells]
    at += 2 * _PUSHES_PER_CELL * cells
    state = workspace[at : at + cells // 4 + 1].view(np.uint8)
    at += cells // 4 + 1
    keys = workspace[at : at + cells // 2 + 1].view(np.int16)

    filled[:] = np.uint64(0)
    groups[:] = np.uint64(0)
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
    one = np.uint64(1)
    pool[0] = -1
    pool[1] = ((start_row + 1) << 16) | (start_col + 1)
    state[(start_row + 1) * stride + start_col + 1] = _OPEN
    used = 2
    head = 0
    bucket = 0
    while True:
        if head < 0:
            # The next filled bucket, in circular order after the current one.
            word = bucket >> 6
            filled[word] &= ~(one << np.uint64(bucket & 63))
            if filled[word] == 0:
                groups[word >> 6] &= ~(one << np.uint64(word & 63))
            bits = filled[word] & ~((one << np.uint64(bucket & 63)) - one)
            if bits == 0:
                group = word >> 6
                words = (
                    groups[group] & ~((one << np.uint64(word & 63)) - one) & ~(one << np.uint64(word & 63))
                )
                steps = 0
                while words == 0 and steps < 4:
                    group = (group + 1) & 3
                    words = groups[group]
                    steps += 1
                if words == 0:
                    return 0
                word = (group << 6) + trailing_zeros(words)  # type: ignore[call-arg]
                bits = filled[word]
            bucket = (word << 6) + trailing_zeros(bits)  # type: ignore[call-arg]
            head = int(heads[bucket])
        position = int(pool[head + 1])
        head = int(pool[head])
        row = position >> 16
        col = position & 0xFFFF
        index = row * stride + col
        if state[index] & _CLOSED:
            continue
        state[index] |= _CLOSED
        if row == goal_r and col == goal_c:
            break

        here = _MINOR * (abs(row - goal_r) + abs(col - goal_c)) + _MAJOR * max(
            abs(row - goal_r), abs(col - goal_c)
        )
        north = state[index - stride] != _WALL
        south = state[index + stride] != _WALL
        west = state[index - 1] != _WALL
        east = state[index + 1] != _WALL
        for direction in range(8):
            if direction == 0:
                allowed, down, right = north, -1, 0
            elif direction == 1:
                allowed, down, right = south, 1, 0
            elif direction == 2:
                allowed, down, right = west, 0, -1
            elif direction == 3:
                allowed, down, right = east, 0, 1
            elif direction == 4:
                allowed, down, right = north and west, -1, -1
            elif direction == 5:
                allowed, down, right = north and east, -1, 1
            elif direction == 6:
                allowed, down, right = south and west, 1, -1
            else:
                allowed, down, right = south and east, 1, 1
            if not allowed:
                continue
            other = index + down * stride + right
            seen = state[other]
            if seen & _WALL_OR_CLOSED:
                continue
            away_r = abs(row + down - goal_r)
            away_c = abs(col + right - goal_c)
            rise = _MINOR * (away_r + away_c) + _MAJOR * max(away_r, away_c) - here
            rise += STRAIGHT if direction < 4 else DIAGONAL
            if seen == 0 or rise < ((keys[other] - bucket) & _BUCKET_MASK):
                state[other] = _OPEN + np.uint8(2 * direction)
                key = (bucket + rise) & _BUCKET_MASK
                keys[other] = key
                pool[used + 1] = ((row + down) << 16) | (col + right)
                if rise == 0:
                    pool[used] = head
                    head = used
                else:
                    word = key >> 6
                    bit = one << np.uint64(key & 63)
                    pool[used] = heads[key] if filled[word] & bit else -1
                    heads[key] = used
                    filled[word] |= bit
                    groups[word >> 6] |= one << np.uint64(word & 63)
                used += 2
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
        if direction < 4:
            if direction < 2:
                row += 1 if direction == 0 else -1
            else:
                col += 1 if direction == 2 else -1
        else:
            row += 1 if direction < 6 else -1
            col += 1 if direction & 1 == 0 else -1
    for left in range(length // 2):
        right = length - 1 - left
        for axis in range(2):
            held = out_cells[left, axis]
            out_cells[left, axis] = out_cells[right, axis]
            out_cells[right, axis] = held
    return length
