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
from jaxtyping import Bool, Int, UInt64

from anchordiff.kernels._jit import kernel
from anchordiff.kernels.grid._bits import trailing_zeros
from anchordiff.kernels.grid._octile_steps import MOVES, NO_STEP, RISES, WORTH
from anchordiff.kernels.grid._pack import pack_rows
from anchordiff.kernels.grid._trace import COL_STEPS, ROW_STEPS, trace

_NUM_BUCKETS = 1 << 14
_KEY = _NUM_BUCKETS - 1
_NUM_WORDS = _NUM_BUCKETS // 64
_PUSHES_PER_CELL = 6

# Where things lie in the memory of uint64; each array of its own would cost as much as some steps of the search.
_HEADS = np.uint64(0)
_FILLED = np.uint64(_NUM_BUCKETS)
_GROUPS = np.uint64(_NUM_BUCKETS + _NUM_WORDS)
_OFFSETS = np.uint64(_NUM_BUCKETS + _NUM_WORDS + 4)
_POOL = np.uint64(_NUM_BUCKETS + _NUM_WORDS + 12)

# What is known of a cell is one int16. A queued cell has its bucket (0 ... 16383), a cell that is done has the
# same minus 32768. Read relative to the current bucket, done is below every rise and unseen is above.
_UNSEEN = 1 << 14
_DONE = 1 << 15

_NONE = np.uint64(0xFFFFFFFF)


@kernel()
def _octile_workspace_size(rows: int, cols: int) -> int:
    """Number of int32 that `_octile_path` needs as workspace for a grid."""
    cells = (rows + 2) * (cols + 2)
    return 2 * _memory_size(rows, cols) + (cells // 2 + 1) + (cells // 4 + 1)


@kernel()
def _memory_size(rows: int, cols: int) -> int:
    """Number of uint64 for the buckets, the entries of their lists, and the walls as bits."""
    cells = (rows + 2) * (cols + 2)
    return int(_POOL) + _PUSHES_PER_CELL * cells + (rows + 2) * _words_a_row(cols)


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
    size = _memory_size(rows, cols)
    memory = workspace[: 2 * size].view(np.uint64)
    known = workspace[2 * size : 2 * size + cells // 2 + 1].view(np.int16)
    steps = workspace[2 * size + cells // 2 + 1 :].view(np.uint8)
    words = _words_a_row(cols)
    lines = np.uint64(size - (rows + 2) * words)

    for place in range(_FILLED, _OFFSETS):
        memory[place] = np.uint64(0)
    for number in range(8):
        memory[_OFFSETS + np.uint64(number)] = ROW_STEPS[number] * stride + COL_STEPS[number]
    _pack_lines(walls, np.uint64(words), lines, memory)
    for cell in range(cells):
        known[cell] = _UNSEEN

    # Unsigned indices, because Numba checks every index that might be negative.
    one = np.uint64(1)
    low = np.uint64(0xFFFF)
    width = np.uint64(stride)
    target = np.uint64((start_row + 1) * stride + start_col + 1)
    source = np.uint64((goal_row + 1) * stride + goal_col + 1)
    # An entry of a list: the next entry (upper 32 bits), row and column in the padded grid (16 bits each).
    memory[_POOL] = (_NONE << np.uint64(32)) + np.uint64(((goal_row + 1) << 16) + goal_col + 1)
    known[source] = 0
    steps[source] = 2 * NO_STEP
    memory[_HEADS] = 0
    memory[_FILLED] = one
    memory[_GROUPS] = one
    used = one
    bucket = np.uint64(0)
    while True:
        head = memory[_HEADS + bucket]
        if head == _NONE:
            bucket = _next_bucket(memory, bucket)
            if bucket == _NONE:
                return 0
            head = memory[_HEADS + bucket]
        entry = memory[_POOL + head]
        memory[_HEADS + bucket] = entry >> np.uint64(32)
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
        window = _window(memory, lines, np.uint64(words), row, col)
        worth = np.uint64(WORTH[(np.uint64(steps[index]) << np.uint64(8)) + window])
        while worth != 0:
            step = _lowest(worth)
            worth &= worth - one
            other = index + memory[_OFFSETS + step]
            seen = known[other]
            rise = RISES[kind + step]
            if rise >= ((seen - now) & _KEY) | (seen & ~_KEY):
                continue
            key = (bucket + np.uint64(rise)) & np.uint64(_KEY)
            known[other] = key
            steps[other] = step << one
            word = key >> np.uint64(6)
            bit = one << (key & np.uint64(63))
            following = memory[_HEADS + key]
            if memory[_FILLED + word] & bit == 0:
                following = _NONE
            memory[_POOL + used] = (following << np.uint64(32)) | ((entry + np.uint64(MOVES[step])) & _NONE)
            memory[_HEADS + key] = used
            memory[_FILLED + word] |= bit
            memory[_GROUPS + (word >> np.uint64(6))] |= one << (word & np.uint64(63))
            used += one


@kernel()
def _words_a_row(cols: int) -> int:
    """Number of words for a row of walls: those of its cells, one before and one behind."""
    return (cols + 31) // 32 + 2


@kernel()
def _pack_lines(
    walls: Bool[np.ndarray, "rows cols"],
    words: np.uint64,
    lines: np.uint64,
    memory: UInt64[np.ndarray, " size"],
) -> None:
    """Write the walls as bits from `lines` on, 32 a word, with a word of them to the left and a row above and below.

    Each word holds the following one, too, in its upper half.
    """
    rows, cols = walls.shape
    for place in range(lines, lines + np.uint64(rows + 2) * words):
        memory[place] = ~np.uint64(0)
    halves = memory.view(np.uint32)
    for first in range(0, cols, 32):
        line = lines + words + np.uint64(first // 32)
        pack_rows(walls, first, halves, int(2 * line) + 1, int(2 * words))
        for _ in range(rows):
            following = line + np.uint64(1)
            memory[following] &= (memory[line] >> np.uint64(32)) | (~np.uint64(0) << np.uint64(32))
            line += words


@kernel()
def _window(
    memory: UInt64[np.ndarray, " size"], lines: np.uint64, words: np.uint64, row: np.uint64, col: np.uint64
) -> np.uint64:
    """The walls among the 3 x 3 cells around a cell of the padded grid, row by row, lowest bit first."""
    seven = np.uint64(7)
    left = col + np.uint64(30)
    turn = left & np.uint64(31)
    place = lines + (row - np.uint64(1)) * words + (left >> np.uint64(5))
    above: np.uint64 = (memory[place] >> turn) & seven
    here: np.uint64 = (memory[place + words] >> turn) & seven
    below: np.uint64 = (memory[place + words + words] >> turn) & seven
    return above | (here << np.uint64(3)) | (below << np.uint64(6))


@kernel()
def _next_bucket(memory: UInt64[np.ndarray, " size"], bucket: np.uint64) -> np.uint64:
    """Take the current bucket away and find the next filled one, in circular order."""
    zero = np.uint64(0)
    one = np.uint64(1)
    six = np.uint64(6)
    low = np.uint64(63)
    word = bucket >> six
    group = word >> six
    memory[_FILLED + word] &= ~(one << (bucket & low))
    bits = memory[_FILLED + word] & (~zero << (bucket & low))
    if bits == 0:
        if memory[_FILLED + word] == 0:
            memory[_GROUPS + group] &= ~(one << (word & low))
        # In two shifts, because a shift by 64 is undefined.
        words = memory[_GROUPS + group] & ((~zero << (word & low)) << one)
        turns = 0
        while words == 0:
            if turns == 4:
                return _NONE
            group = (group + one) & np.uint64(3)
            words = memory[_GROUPS + group]
            turns += 1
        word = (group << six) + _lowest(words)
        bits = memory[_FILLED + word]
    return (word << six) + _lowest(bits)


@kernel()
def _lowest(bits: np.uint64) -> np.uint64:
    """Place of the lowest set bit."""
    return np.uint64(trailing_zeros(bits))  # type: ignore[call-arg]
