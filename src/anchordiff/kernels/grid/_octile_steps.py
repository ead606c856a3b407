"""Tables that the search for 8-connected paths looks up at every cell.

The eight steps are numbered as in `anchordiff.kernels.grid._trace`: up, down, left, right, then the diagonals.
"""

import numpy as np
from jaxtyping import Int16, UInt8

from anchordiff.kernels.grid._trace import COL_STEPS, ROW_STEPS

STRAIGHT = 5741
DIAGONAL = 8119

# Stands for the step into the cell where a search begins.
NO_STEP = 8

Move = tuple[int, int]

_MOVES: list[Move] = list(zip(ROW_STEPS.tolist(), COL_STEPS.tolist(), strict=True))


def _octile(row: int, col: int) -> int:
    """Octile length of an offset."""
    return STRAIGHT * max(abs(row), abs(col)) + (DIAGONAL - STRAIGHT) * min(abs(row), abs(col))


def _rises_of_steps() -> Int16[np.ndarray, " kinds*8"]:
    """By how much each of the eight steps raises f, for each of 45 kinds of offset to the target.

    The kind is given by the signs of the offset in rows and in columns, and by how much the one is larger
    than the other in absolute value: by -2 or less, -1, 0, 1, 2 or more.
    """
    rises = np.zeros((3, 3, 5, 8), np.int16)
    for row in range(-4, 5):
        for col in range(-4, 5):
            kind = np.sign(row) + 1, np.sign(col) + 1, np.clip(abs(row) - abs(col), -2, 2) + 2
            for step, (down, right) in enumerate(_MOVES):
                length = STRAIGHT if step < 4 else DIAGONAL
                rises[(*kind, step)] = length + _octile(row + down, col + right) - _octile(row, col)
    return rises.ravel()


def _excuse_needed(step: Move, into: Move | None) -> Move | bool:
    """Whether to take a step from a cell only with an excuse, given the step `into` the cell.

    It is spared if the cell before leads to the same place without this one, by a shorter path, or by one of
    the same length that takes its diagonal steps earlier. These are the natural and forced neighbours of
    Harabor and Grastien (2011), for paths that cut no corner.

    Returns:
        False if the step is always worth taking, True if never; or the neighbour that must be blocked for it.
    """
    down, right = step
    if into is None or step == into:
        return False
    if into[0] != 0 and into[1] != 0:
        return down not in (0, into[0]) or right not in (0, into[1])
    if down * into[0] + right * into[1] < 0:
        return True
    # After a straight step, to the side only if the cell before could not go to that side.
    side = (0, right) if into[0] != 0 else (down, 0)
    return (side[0] - into[0], side[1] - into[1])


def _steps_worth_taking() -> UInt8[np.ndarray, " into*512"]:
    """Which steps are worth taking, as bits, for each step into a cell and all walls around it.

    The walls are given by the window of 3 × 3 cells, row by row, lowest bit first.
    """
    table = np.zeros((NO_STEP + 1, 512), np.uint8)
    walls = np.arange(512)
    blocked = {move: (walls >> (3 * move[0] + move[1] + 4) & 1).astype(bool) for move in _MOVES}
    for into, came in enumerate([*_MOVES, None]):
        for bit, (down, right) in enumerate(_MOVES):
            possible = ~blocked[down, right]
            if down != 0 and right != 0:
                possible &= ~blocked[down, 0] & ~blocked[0, right]
            excuse = _excuse_needed((down, right), came)
            taken = possible & (blocked[excuse] if isinstance(excuse, tuple) else not excuse)
            table[into] |= (taken << bit).astype(np.uint8)
    return table.ravel()


RISES = _rises_of_steps()
WORTH = _steps_worth_taking()

# A step as a change of (row << 16) + column.
MOVES = (ROW_STEPS << 16) + COL_STEPS
