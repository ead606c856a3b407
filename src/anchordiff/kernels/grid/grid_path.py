"""Shortest paths on a grid: single ones and batches, 4- and 8-connected.

Notation: `walls` is True where blocked; a cell is (row, col); everything outside the grid is wall. A
straight step is 1 long and a diagonal step sqrt(2); a diagonal step needs both cells beside it free (no
corner cutting). All paths are optimal. For use inside other kernels there is `_octile_path` in
`anchordiff.kernels.grid._astar8`.
"""

import math
import operator
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from numba.core.errors import TypingError

from anchordiff.checks import INTEGERS, check_array
from anchordiff.kernels.grid._grid_checks import (
    check_cells,
    check_connectivity,
    check_threads,
    check_walls,
    chunks,
)
from anchordiff.kernels.grid._path_batch import (
    NOT_READY,
    OUTSIDE_GOAL,
    OUTSIDE_START,
    find_path_checked,
    find_paths,
    memory_size,
)

_BOOL = np.dtype(np.bool_)


@dataclass(frozen=True, kw_only=True)
class GridPaths:
    """Paths of different lengths, one after the other.

    Attributes:
        cells: the (row, col) of all cells of all paths, int32.
        offsets: path i is `cells[offsets[i] : offsets[i + 1]]`; empty where there is no path. int64.
    """

    cells: Int[np.ndarray, "total 2"]
    offsets: Int[np.ndarray, " batch+1"]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, item: int) -> Int[np.ndarray, "steps 2"]:
        """The cells of one path, both ends included; empty where there is none."""
        item = range(len(self))[item]
        path: Int[np.ndarray, "steps 2"] = self.cells[self.offsets[item] : self.offsets[item + 1]]
        return path

    def __iter__(self) -> Iterator[Int[np.ndarray, "steps 2"]]:
        return (self[item] for item in range(len(self)))


class _Memory(threading.local):
    """What a thread keeps between calls: room for a path and for the search."""

    def __init__(self) -> None:
        self.pairs = np.empty((0, 2), np.int32)


_memory = _Memory()


def shortest_path(
    walls: Bool[np.ndarray, "rows cols"],
    start: tuple[int, int] | Int[np.ndarray, "2"],
    goal: tuple[int, int] | Int[np.ndarray, "2"],
    *,
    connectivity: Literal[4, 8] = 8,
    cell_cost: Float[np.ndarray, "rows cols"] | None = None,
) -> Int[np.ndarray, "steps 2"] | None:
    """A shortest path between two cells.

    Args:
        walls: True where blocked.
        start: the cell (row, col) to leave from.
        goal: the cell (row, col) to reach.
        connectivity: 4, or 8 for diagonal steps that cut no corner.
        cell_cost: at least 0, in cells; what entering a cell adds to the length of a step (for example more
            near walls). The sum is minimal.

    Returns:
        The (row, col) of the cells from start to goal, both included, int32; None where there is no path
        (also where an end is a wall).

    Raises:
        ValueError: an end lies outside the grid, or an argument has the wrong shape or dtype.

    >>> import numpy as np
    >>> walls = np.array([[False, True, False], [False, False, False]])
    >>> shortest_path(walls, (0, 0), (0, 2)).tolist()
    [[0, 0], [1, 0], [1, 1], [1, 2], [0, 2]]
    """
    # The checks are as few as can be: a path through a small maze takes about as long as they do.
    if (
        not isinstance(walls, np.ndarray)
        or walls.dtype is not _BOOL
        or walls.ndim != 2
        or not walls.flags.c_contiguous
    ):
        walls = check_walls(walls, ndim=2)
    try:
        start_row, start_col = start
        goal_row, goal_col = goal
        if (start_row | start_col | goal_row | goal_col).__class__ is not int:
            start_row, start_col, goal_row, goal_col = map(operator.index, (*start, *goal))
        if connectivity.__class__ is not int:
            connectivity = operator.index(check_connectivity(connectivity))  # type: ignore[assignment]
    except (TypeError, ValueError):
        for name, cell in (("start", start), ("goal", goal)):
            check_cells(name, (cell,), 1, walls.shape)
        raise
    if cell_cost is not None:
        ends = np.array([[start_row, start_col]]), np.array([[goal_row, goal_col]])
        path = shortest_paths(walls, *ends, connectivity=connectivity, cell_cost=cell_cost)[0]
        return path if len(path) else None
    pairs = _memory.pairs
    try:
        length = find_path_checked(walls, start_row, start_col, goal_row, goal_col, connectivity, pairs)
    except (OverflowError, TypingError):  # integers of more than 64 bits
        length = OUTSIDE_START if max(map(abs, (start_row, start_col))) >= 2**63 else OUTSIDE_GOAL
    if length == NOT_READY:
        rows, cols = check_walls(walls, ndim=2).shape
        check_connectivity(connectivity)
        _memory.pairs = np.empty((memory_size(rows, cols, connectivity), 2), np.int32)
        return shortest_path(walls, start, goal, connectivity=connectivity)
    if length < 0:
        name, (row, col) = ("start", start) if length == OUTSIDE_START else ("goal", goal)
        rows, cols = walls.shape
        raise ValueError(f"{name} must lie in the grid of {rows} x {cols} cells, found ({row}, {col})")
    return pairs[:length].copy() if length else None


def shortest_paths(
    walls: Bool[np.ndarray, "batch rows cols"] | Bool[np.ndarray, "rows cols"],
    starts: Int[np.ndarray, "batch 2"],
    goals: Int[np.ndarray, "batch 2"],
    *,
    connectivity: Literal[4, 8] = 8,
    cell_cost: Float[np.ndarray, "batch rows cols"] | Float[np.ndarray, "rows cols"] | None = None,
    threads: int = 1,
) -> GridPaths:
    """A shortest path for each item of a batch.

    Args:
        walls: True where blocked; one grid an item, or one for all.
        starts: the cells (row, col) to leave from.
        goals: the cells (row, col) to reach.
        connectivity: 4, or 8 for diagonal steps that cut no corner.
        cell_cost: as for `shortest_path`; one an item, or one for all.
        threads: into how many threads the batch is split.

    Returns:
        The paths, as `shortest_path` finds them; empty where there is none.

    >>> import numpy as np
    >>> paths = shortest_paths(np.zeros((4, 4), bool), np.array([[0, 0], [1, 3]]), np.array([[3, 3], [1, 3]]))
    >>> [path.tolist() for path in paths]
    [[[0, 0], [1, 1], [2, 2], [3, 3]], [[1, 3]]]
    """
    starts = np.asarray(starts)
    batch = len(starts) if starts.ndim else 1
    if isinstance(walls, np.ndarray) and walls.ndim == 2:
        walls = walls[None]
    walls = check_walls(walls, ndim=3)
    if len(walls) not in (1, batch):
        raise ValueError(f"walls must hold one grid a start ({batch}) or one for all, found {len(walls)}")
    starts = check_cells("starts", starts, batch, walls.shape[1:])
    goals = check_cells("goals", goals, batch, walls.shape[1:])
    check_connectivity(connectivity)
    costs = _check_costs(cell_cost, walls.shape[1:], batch)

    def search(part: slice) -> tuple[Int[np.ndarray, "total 2"], Int[np.ndarray, " part+1"]]:
        offsets = np.empty(part.stop - part.start + 1, np.int64)
        grids = walls if len(walls) < 2 else walls[part]
        extra = costs if len(costs) < 2 else costs[part]
        return find_paths(grids, starts[part], goals[part], connectivity, extra, offsets), offsets

    parts = chunks(batch, check_threads(threads))
    if len(parts) == 1:
        cells, offsets = search(parts[0])
        return GridPaths(cells=cells, offsets=offsets)
    # The calling thread takes a part too: to start another one takes as long as some hundred small searches.
    with ThreadPoolExecutor(len(parts) - 1) as pool:
        others = pool.map(search, parts[1:])
        found = [search(parts[0]), *others]
    lengths = np.concatenate([np.diff(offsets) for _, offsets in found])
    return GridPaths(
        cells=np.concatenate([cells for cells, _ in found]),
        offsets=np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]),
    )


def _check_costs(
    cell_cost: Float[np.ndarray, "..."] | None, grid: tuple[int, ...], batch: int
) -> Float[np.ndarray, "..."]:
    """Return the costs as contiguous float64 with a batch axis: length 1 if shared, 0 if there are none."""
    if cell_cost is None:
        return np.zeros((0, 1, 1))
    costs = np.asarray(cell_cost)
    if costs.dtype.kind not in "fiu":
        raise ValueError(f"cell_cost must be an array of numbers, found {costs.dtype}")
    if costs.shape != grid and costs.shape not in ((1, *grid), (batch, *grid)):
        raise ValueError(f"cell_cost must have shape {grid} or {(batch, *grid)}, found {costs.shape}")
    if not (costs >= 0).all():
        raise ValueError(f"cell_cost must be at least 0 everywhere, found {costs[~(costs >= 0)][0]}")
    return np.ascontiguousarray(costs.reshape(-1, *grid), dtype=np.float64)


def path_cost(path: Int[np.ndarray, "steps 2"]) -> float:
    """Octile length of a path in cells: 1 a straight step, sqrt(2) a diagonal one.

    >>> import numpy as np
    >>> path_cost(np.array([[0, 0], [0, 1], [1, 2]]))
    2.414213562373095
    """
    path = check_array("path", path, INTEGERS, ("steps", 2))
    steps = np.abs(np.diff(path, axis=0)).sum(axis=1)
    diagonal = int((steps == 2).sum())
    return (len(steps) - diagonal) + diagonal * math.sqrt(2.0)
