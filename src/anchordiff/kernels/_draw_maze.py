"""Drawing mazes and pairs of cells from a random stream: the private kernels behind `maze` and `sample`."""

import numpy as np
from numpy.typing import NDArray

from anchordiff.kernels._jit import kernel
from anchordiff.kernels._random import draw, draw_below, draw_uniform


@kernel()
def scatter_walls(walls: NDArray[np.bool_], state: NDArray[np.uint64], lowest: float, highest: float) -> None:
    """Close the border; make each inner cell a wall with one probability drawn from [lowest, highest]."""
    rows, cols = walls.shape
    density = lowest + (highest - lowest) * draw_uniform(state)
    threshold = np.uint64(density * 65536.0 + 0.5)
    walls[0, :] = True
    walls[rows - 1, :] = True
    for i in range(1, rows - 1):
        row = walls[i]
        row[0] = True
        row[cols - 1] = True
        j = 1
        while j < cols - 1:
            word = draw(state)
            for k in range(j, min(j + 4, cols - 1)):
                row[k] = (word & np.uint64(0xFFFF)) < threshold
                word >>= np.uint64(16)
            j += 4


@kernel()
def draw_pair(
    walls: NDArray[np.bool_], state: NDArray[np.uint64], min_l1: int, pair: NDArray[np.int64]
) -> bool:
    """Write a start and a goal, (row, col, row, col), into `pair`; False if the draw hit a wall or lies too near."""
    rows, cols = walls.shape
    word = draw(state)
    sixteen = np.uint64(0xFFFF)
    for k in range(4):
        size = np.uint64(rows - 2 if k % 2 == 0 else cols - 2)
        pair[k] = 1 + np.int64(((word & sixteen) * size) >> np.uint64(16))
        word >>= np.uint64(16)
    if walls[pair[0], pair[1]] or walls[pair[2], pair[3]]:
        return False
    return abs(pair[0] - pair[2]) + abs(pair[1] - pair[3]) >= min_l1


@kernel()
def draw_maze(
    kind: int,
    walls: NDArray[np.bool_],
    state: NDArray[np.uint64],
    lowest: float,
    highest: float,
) -> None:
    """Draw walls of a kind (a number from `KINDS`)."""
    scatter_walls(walls, state, lowest, highest)
