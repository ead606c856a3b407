"""Shortest 8-connected paths: A* over integer buckets.

A straight step costs 5741 and a diagonal one 8119 (a convergent of the square root of two: paths of fewer than
two thousand diagonal steps are ordered as by their exact lengths). With the octile distance as heuristic, a step
raises f = g + h by one of 0, 3363, 4756, 8119, 11482 or 16238. Hence every queued f lies within 16384 of the
current one, and f modulo 2**14 names its bucket. Only that residue is stored, so no path is too long.

By how much a step raises f depends on its two cells alone, and f never falls; so the rises by which one cell is
queued again and again fall strictly, and a cell is queued at most six times.

Of paths of equal length, those that take diagonal steps first are searched, which spares most of the steps.
"""

import numpy as np
from jaxtyping import Bool, Int, UInt8, UInt64

from anchordiff.kernels._bits import trailing_zeros
from anchordiff.kernels._jit import kernel
from anchordiff.kernels._octile_steps import MOVES, NO_STEP, RISES, WORTH
from anchordiff.kernels._trace import COL_STEPS, ROW_STEPS, pad_walls, trace

_NUM_BUCKETS = 1 << 14
_KEY = _NUM_BUCKETS - 1
_NUM_WORDS = _NUM_BUCKETS // 64
_PUSHES_PER_CELL = 6

# What is known of a cell is one int16. A queued cell has its bucket (0 ... 16383), a cell that is done has the
# same minus 32768. Read relative to the current bucket, done is below every rise and unseen is above.
_UNSEEN = 1 << 14
_DONE = 1 << 15

_NONE = np.uint64(0xFFFFFFFF)


@kernel()
def _octile_workspace_size(rows: int, cols: int) -> int:
    """Number of int32 that `_octile_path` needs as workspace for a grid."""
    cells = (rows + 2) * (cols + 2)
    lists = _NUM_BUCKETS + 2 * _NUM_WORDS + 8 + 16 + 2 * _PUSHES_PER_CELL * cells
    return lists + (cells // 2 + 1) + 3 * (cells // 4 + 1)


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
    quarter = cells // 4 + 1
    heads = workspace[:_NUM_BUCKETS].view(np.uint32)
    at = _NUM_BUCKETS
    filled = workspace[at : at + 2 * _NUM_WORDS].view(np.uint64)
    at += 2 * _NUM_WORDS
    groups = workspace[at : at + 8].view(np.uint64)
    at += 8
    offsets = workspace[at : at + 16].view(np.uint64)
    at += 16
    # An entry of a list: the next entry (upper 32 bits), row and column in the padded grid (16 bits each).
    pool = workspace[at : at + 2 * _PUSHES_PER_CELL * cells].view(np.uint64)
    at += 2 * _PUSHES_PER_CELL * cells
    known = workspace[at : at + cells // 2 + 1].view(np.int16)
    at += cells // 2 + 1
    steps = workspace[at : at + quarter].view(np.uint8)
    around = workspace[at + quarter : at + 2 * quarter].view(np.uint8)
    blocked = workspace[at + 2 * quarter : at + 3 * quarter].view(np.uint8)

    filled[:] = np.uint64(0)
    groups[:] = np.uint64(0)
    known[:cells] = _UNSEEN
    pad_walls(walls, blocked[:cells])
    _look_around(blocked[:cells], stride, around[stride + 1 :])
    for number in range(8):
        offsets[number] = ROW_STEPS[number] * stride + COL_STEPS[number]

    # Unsigned indices, because Numba checks every index that might be negative.
    one = np.uint64(1)
    low = np.uint64(0xFFFF)
    width = np.uint64(stride)
    target = np.uint64((start_row + 1) * stride + start_col + 1)
    source = np.uint64((goal_row + 1) * stride + goal_col + 1)
    pool[0] = (_NONE << np.uint64(32)) + np.uint64(((goal_row + 1) << 16) + goal_col + 1)
    known[source] = 0
    steps[source] = 2 * NO_STEP
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
        if index == target:
            return trace(steps, stride, start_row, start_col, goal_row, goal_col, out_cells)

        off_row = np.int64(row) - (start_row + 1)
        off_col = np.int64(col) - (start_col + 1)
        longer = max(np.int64(-2), min(np.int64(2), abs(off_row) - abs(off_col)))
        side = (
            (np.int64(off_row > 0) - np.int64(off_row < 0)) * 3
            + np.int64(off_col > 0)
            - np.int64(off_col < 0)
        )
        kind = np.uint64(8 * (5 * (side + 4) + longer + 2))
        now = np.int64(bucket)
        worth = np.uint64(WORTH[(np.uint64(steps[index]) << np.uint64(7)) + np.uint64(around[index])])
        while worth != 0:
            step = _lowest(worth)
            worth &= worth - one
            other = index + offsets[step]
            seen = known[other]
            rise = RISES[kind + step]
            if rise >= ((seen - now) & _KEY) | (seen & ~_KEY):
                continue
            key = (bucket + np.uint64(rise)) & np.uint64(_KEY)
            known[other] = key
            steps[other] = step << one
            word = key >> np.uint64(6)
            bit = one << (key & np.uint64(63))
            following = np.uint64(heads[key])
            if filled[word] & bit == 0:
                following = _NONE
            pool[used] = (following << np.uint64(32)) | ((entry + np.uint64(MOVES[step])) & _NONE)
            heads[key] = used
            filled[word] |= bit
            groups[word >> np.uint64(6)] |= one << (word & np.uint64(63))
            used += one


@kernel()
def _look_around(
    blocked: UInt8[np.ndarray, " cells"], stride: int, out_around: UInt8[np.ndarray, " size"]
) -> None:
    """Write the walls around each cell as bits, in the order of the steps, from the first inner cell on."""
    size = len(blocked) - 2 * stride - 2
    up_left, up, up_right = blocked[:size], blocked[1 : size + 1], blocked[2 : size + 2]
    left, right = blocked[stride : stride + size], blocked[stride + 2 : stride + size + 2]
    below = blocked[2 * stride :]
    down_left, down, down_right = below[:size], below[1 : size + 1], below[2 : size + 2]
    for cell in range(size):
        straight = up[cell] | (down[cell] << 1) | (left[cell] << 2) | (right[cell] << 3)
        above = (up_left[cell] << 4) | (up_right[cell] << 5)
        out_around[cell] = straight | above | (down_left[cell] << 6) | (down_right[cell] << 7)


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
    bits = filled[word] & (~zero << (bucket & low))
    if bits == 0:
        if filled[word] == 0:
            groups[group] &= ~(one << (word & low))
        # In two shifts, because a shift by 64 is undefined.
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
