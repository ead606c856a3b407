"""Shortest 8-connected paths: A* over integer buckets.

A straight step costs 5741 and a diagonal one 8119 (a convergent of the square root of two: paths of fewer
than two thousand diagonal steps are ordered as by their exact lengths). With the octile distance as
heuristic, a step raises f = g + h by one of 0, 3363, 4756, 8119, 11482 or 16238. Hence every queued f lies
within 16384 of the current one, and f modulo 2**14 names its bucket. Only that residue is stored, so no
path is too long.

By how much a step raises f depends on its two cells alone, and f never falls; so the rises by which one
cell is queued again and again fall strictly, and a cell is queued at most six times.
"""

import numpy as np
from jaxtyping import Bool, Int, Int16, UInt64

from anchordiff.kernels._bits import trailing_zeros
from anchordiff.kernels._jit import kernel
from anchordiff.kernels._trace import COL_STEPS, ROW_STEPS, trace

STRAIGHT = 5741
DIAGONAL = 8119

_NUM_BUCKETS = 1 << 14
_KEY = _NUM_BUCKETS - 1
_NUM_WORDS = _NUM_BUCKETS // 64
_PUSHES_PER_CELL = 6

# What is known of a cell is one int16. A queued cell has its bucket (0 ... 16383), a cell that is done has
# the same minus 32768. As `_better` compares, walls and done cells are below every rise, unseen cells above.
_UNSEEN = 1 << 14
_WALL = -1
_DONE = 1 << 15

_NONE = np.uint64(0xFFFFFFFF)


def _octile(row: int, col: int) -> int:
    """Octile length of an offset."""
    return STRAIGHT * max(abs(row), abs(col)) + (DIAGONAL - STRAIGHT) * min(abs(row), abs(col))


def _rises_of_steps() -> Int16[np.ndarray, " rises"]:
    """By how much each of the eight steps raises f, for each of 45 kinds of offset to the target.

    The kind is given by the signs of the offset in rows and in columns, and by how much the one is larger
    than the other in absolute value: by -2 or less, -1, 0, 1, 2 or more.
    """
    rises = np.zeros((3, 3, 5, 8), np.int16)
    for row in range(-4, 5):
        for col in range(-4, 5):
            kind = np.sign(row) + 1, np.sign(col) + 1, np.clip(abs(row) - abs(col), -2, 2) + 2
            for step in range(8):
                after = _octile(row + ROW_STEPS[step], col + COL_STEPS[step])
                rises[(*kind, step)] = (STRAIGHT if step < 4 else DIAGONAL) + after - _octile(row, col)
    return rises.ravel()


_RISES = _rises_of_steps()


@kernel()
def _octile_workspace_size(rows: int, cols: int) -> int:
    """Number of int32 that `_octile_path` needs as workspace for a grid."""
    cells = (rows + 2) * (cols + 2)
    return (
        _NUM_BUCKETS + 2 * _NUM_WORDS + 8 + 2 * _PUSHES_PER_CELL * cells + (cells // 2 + 1) + (cells // 4 + 1)
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
    """Find a shortest 8-connected path that cuts no corner; callable from other kernels, allocates nothing.

    Args:
        walls: bool (rows, cols).
        start_row: in the grid, as are the other three (not checked).
        start_col: see above.
        goal_row: see above.
        goal_col: see above.
        out_cells: int32 (at least rows * cols, 2), receives the (row, col) of the cells with both ends.
        workspace: int32, at least `_octile_workspace_size(rows, cols)` long; its content does not matter.

    Returns:
        The number of cells of the path; 0 where there is none.
    """
    rows, cols = walls.shape
    if walls[start_row, start_col] or walls[goal_row, goal_col]:
        return 0
    stride = cols + 2
    cells = (rows + 2) * stride
    heads = workspace[:_NUM_BUCKETS].view(np.uint32)
    at = _NUM_BUCKETS
    filled = workspace[at : at + 2 * _NUM_WORDS].view(np.uint64)
    at += 2 * _NUM_WORDS
    groups = workspace[at : at + 8].view(np.uint64)
    at += 8
    # An entry of a list: the next entry (upper 32 bits), row and column in the padded grid (16 bits each).
    pool = workspace[at : at + 2 * _PUSHES_PER_CELL * cells].view(np.uint64)
    at += 2 * _PUSHES_PER_CELL * cells
    known = workspace[at : at + cells // 2 + 1].view(np.int16)
    at += cells // 2 + 1
    steps = workspace[at : at + cells // 4 + 1].view(np.uint8)

    filled[:] = np.uint64(0)
    groups[:] = np.uint64(0)
    known[:stride] = _WALL
    for row in range(rows):
        base = (row + 1) * stride
        known[base] = _WALL
        for col in range(cols):
            known[base + 1 + col] = _UNSEEN - (_UNSEEN - _WALL) * walls[row, col]
        known[base + cols + 1] = _WALL
    known[cells - stride : cells] = _WALL

    # Unsigned indices, because Numba checks every index that might be negative.
    one = np.uint64(1)
    low = np.uint64(0xFFFF)
    width = np.uint64(stride)
    target = (start_row + 1) * stride + start_col + 1
    source = np.uint64((goal_row + 1) * stride + goal_col + 1)
    pool[0] = (_NONE << np.uint64(32)) + np.uint64(((goal_row + 1) << 16) + goal_col + 1)
    known[source] = 0
    heads[0] = 0
    filled[0] = one
    groups[0] = one
    used = one
    bucket = np.uint64(0)
    while True:
        head = np.uint64(heads[bucket])
        if head == _NONE:
            bucket = _next_bucket(filled, groups, bucket)
            if bucket == _NONE:
                return 0
            head = np.uint64(heads[bucket])
        entry = pool[head]
        heads[bucket] = entry >> np.uint64(32)
        row = (entry >> np.uint64(16)) & low
        col = entry & low
        index = row * width + col
        if known[index] < 0:
            continue
        known[index] -= _DONE
        if np.int64(index) == target:
            break

        off_row = np.int64(row) - (start_row + 1)
        off_col = np.int64(col) - (start_col + 1)
        longer = max(np.int64(-2), min(np.int64(2), abs(off_row) - abs(off_col)))
        side = (
            (np.int64(off_row > 0) - np.int64(off_row < 0)) * 3
            + np.int64(off_col > 0)
            - np.int64(off_col < 0)
        )
        kind = np.uint64(8 * (5 * (side + 4) + longer + 2))

        # Which neighbours are reached better than before, as bits: branches could not be predicted.
        now = np.int64(bucket)
        up, down, left, right = (
            known[index - width],
            known[index + width],
            known[index - one],
            known[index + one],
        )
        go_up, go_down, go_left, go_right = up != _WALL, down != _WALL, left != _WALL, right != _WALL
        better = _better(up, now, kind)
        better |= _better(down, now, kind + one) << one
        better |= _better(left, now, kind + np.uint64(2)) << np.uint64(2)
        better |= _better(right, now, kind + np.uint64(3)) << np.uint64(3)
        corner = _better(known[index - width - one], now, kind + np.uint64(4))
        better |= (corner & np.uint64(go_up & go_left)) << np.uint64(4)
        corner = _better(known[index - width + one], now, kind + np.uint64(5))
        better |= (corner & np.uint64(go_up & go_right)) << np.uint64(5)
        corner = _better(known[index + width - one], now, kind + np.uint64(6))
        better |= (corner & np.uint64(go_down & go_left)) << np.uint64(6)
        corner = _better(known[index + width + one], now, kind + np.uint64(7))
        better |= (corner & np.uint64(go_down & go_right)) << np.uint64(7)

        while better != 0:
            step = _lowest(better)
            better &= better - one
            next_row = row + np.uint64(ROW_STEPS[step])
            next_col = col + np.uint64(COL_STEPS[step])
            other = next_row * width + next_col
            key = (bucket + np.uint64(_RISES[kind + step])) & np.uint64(_KEY)
            known[other] = key
            steps[other] = step << one
            word = key >> np.uint64(6)
            bit = one << (key & np.uint64(63))
            following = np.uint64(heads[key])
            if filled[word] & bit == 0:
                following = _NONE
            pool[used] = (following << np.uint64(32)) | (next_row << np.uint64(16)) | next_col
            heads[key] = used
            filled[word] |= bit
            groups[word >> np.uint64(6)] |= one << (word & np.uint64(63))
            used += one
    return trace(steps, stride, start_row, start_col, goal_row, goal_col, out_cells)


@kernel()
def _better(known: int, bucket: np.int64, rise: np.uint64) -> np.uint64:
    """1 if a rise (given by its place in the table) is a better way to a cell than is known, else 0."""
    return np.uint64(_RISES[rise] < (((known - bucket) & _KEY) | (known & ~_KEY)))


@kernel()
def _next_bucket(
    filled: UInt64[np.ndarray, " words"], groups: UInt64[np.ndarray, "4"], bucket: np.uint64
) -> np.uint64:
    """Take the current bucket away and find the next filled one, in circular order."""
    zero = np.uint64(0)
    one = np.uint64(1)
    six = np.uint64(6)
    low = np.uint64(63)
    word = bucket >> six
    group = word >> six
    filled[word] &= ~(one << (bucket & low))
    # Bits above the current one; the shifts are split because a shift by 64 is undefined.
    bits = filled[word] & (~zero << (bucket & low))
    if bits == 0:
        if filled[word] == 0:
            groups[group] &= ~(one << (word & low))
        words = groups[group] & ((~zero << (word & low)) << one)
        turns = 0
        while words == 0:
            if turns == 4:
                return _NONE
            group = (group + one) & np.uint64(3)
            words = groups[group]
            turns += 1
        word = (group << six) + _lowest(words)
        bits = filled[word]
    return (word << six) + _lowest(bits)


@kernel()
def _lowest(bits: np.uint64) -> np.uint64:
    """Place of the lowest set bit."""
    return np.uint64(trailing_zeros(bits))  # type: ignore[call-arg]
