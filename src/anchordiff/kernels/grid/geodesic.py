"""Distances along the grid: how far each cell is from a source when walls are in the way.

Notation: `walls` is True where blocked; a source is a cell (row, col); distances are in cells. Everything
outside the grid is wall. With connectivity 8 a diagonal step is sqrt(2) long and cuts no corner.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from anchordiff.kernels._jit import kernel
from anchordiff.kernels.grid._grid_checks import (
    check_cells,
    check_connectivity,
    check_threads,
    check_walls,
    chunks,
)
from anchordiff.kernels.grid._octile_steps import DIAGONAL, STRAIGHT


@kernel()
def _field(
    walls: Bool[np.ndarray, "rows cols"],
    source_row: int,
    source_col: int,
    connectivity: int,
    state: Int[np.ndarray, " size"],
    queue: Int[np.ndarray, "room 2"],
    out: Float[np.ndarray, "rows cols"],
) -> None:
    """Dijkstra with two queues: with only two lengths of steps, each queue is filled in ascending order."""
    rows, cols = walls.shape
    stride = cols + 2
    cells = (rows + 2) * stride
    out[:] = np.inf
    if walls[source_row, source_col]:
        return
    # The scaled distance of a cell; 0 where it is blocked, so that nothing can improve it.
    far = np.int64(1) << 62
    state[:cells] = 0
    for row in range(rows):
        for col in range(cols):
            if not walls[row, col]:
                state[(row + 1) * stride + col + 1] = far
    straight_first = 0
    straight_last = 1
    diagonal_first = 4 * cells
    diagonal_last = 4 * cells
    source = (source_row + 1) * stride + source_col + 1
    queue[0, 0] = source
    queue[0, 1] = 1
    state[source] = 1
    while straight_first < straight_last or diagonal_first < diagonal_last:
        if diagonal_first == diagonal_last or (
            straight_first < straight_last and queue[straight_first, 1] <= queue[diagonal_first, 1]
        ):
            taken = straight_first
            straight_first += 1
        else:
            taken = diagonal_first
            diagonal_first += 1
        cell = queue[taken, 0]
        length = queue[taken, 1]
        if length > state[cell]:
            continue
        out[cell // stride - 1, cell % stride - 1] = np.float32((length - 1) / STRAIGHT)
        north = state[cell - stride] != 0
        south = state[cell + stride] != 0
        west = state[cell - 1] != 0
        east = state[cell + 1] != 0
        reached = length + STRAIGHT
        for other in (cell - stride, cell + stride, cell - 1, cell + 1):
            if reached < state[other]:
                state[other] = reached
                queue[straight_last, 0] = other
                queue[straight_last, 1] = reached
                straight_last += 1
        if connectivity == 4:
            continue
        reached = length + DIAGONAL
        for other, allowed in (
            (cell - stride - 1, north and west),
            (cell - stride + 1, north and east),
            (cell + stride - 1, south and west),
            (cell + stride + 1, south and east),
        ):
            if allowed and reached < state[other]:
                state[other] = reached
                queue[diagonal_last, 0] = other
                queue[diagonal_last, 1] = reached
                diagonal_last += 1


@kernel()
def _fields(
    walls: Bool[np.ndarray, "batch rows cols"],
    sources: Int[np.ndarray, "batch 2"],
    connectivity: int,
    out: Float[np.ndarray, "batch rows cols"],
) -> None:
    """Run `_field` for each grid of a batch."""
    rows, cols = walls.shape[1:]
    cells = (rows + 2) * (cols + 2)
    state = np.empty(cells, np.int64)
    queue = np.empty((8 * cells, 2), np.int64)
    for item in range(len(walls)):
        _field(walls[item], sources[item, 0], sources[item, 1], connectivity, state, queue, out[item])


def distance_field(
    walls: Bool[np.ndarray, "rows cols"],
    source: tuple[int, int] | Int[np.ndarray, "2"],
    *,
    connectivity: Literal[4, 8] = 8,
) -> Float[np.ndarray, "rows cols"]:
    """Length of the shortest grid path from a source to every cell.

    Args:
        walls: True where blocked.
        source: the cell (row, col) to measure from.
        connectivity: 4, or 8 for diagonal steps that cut no corner.

    Returns:
        float32, in cells; infinite in walls and where no path leads. All infinite if the source is a wall.

    >>> import numpy as np
    >>> distance_field(np.array([[False, False, False], [False, True, False]]), (1, 0), connectivity=4)
    array([[ 1.,  2.,  3.],
           [ 0., inf,  4.]], dtype=float32)
    """
    walls = check_walls(walls, ndim=2)
    sources = check_cells("source", np.asarray(source)[None], 1, walls.shape)
    fields = distance_fields(walls[None], sources, connectivity=connectivity)
    return fields.reshape(walls.shape)


def distance_fields(
    walls: Bool[np.ndarray, "batch rows cols"],
    sources: Int[np.ndarray, "batch 2"],
    *,
    connectivity: Literal[4, 8] = 8,
    threads: int = 1,
) -> Float[np.ndarray, "batch rows cols"]:
    """`distance_field` of each grid of a batch.

    Args:
        walls: True where blocked.
        sources: one cell (row, col) a grid.
        connectivity: 4, or 8 for diagonal steps that cut no corner.
        threads: into how many threads the batch is split.
    """
    walls = check_walls(walls, ndim=3)
    sources = check_cells("sources", sources, len(walls), walls.shape[1:])
    check_connectivity(connectivity)
    out = np.empty(walls.shape, np.float32)

    def fill(part: slice) -> None:
        _fields(walls[part], sources[part], connectivity, out[part])

    parts = chunks(len(walls), check_threads(threads))
    if len(parts) == 1:
        fill(parts[0])
    else:
        with ThreadPoolExecutor(len(parts)) as pool:
            list(pool.map(fill, parts))
    return out
