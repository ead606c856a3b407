"""Shortest paths on a grid: single ones and batches, 4- and 8-connected.

Notation: `walls` is True where blocked; a cell is (row, col); everything outside the grid is wall. A straight
step is 1 long and a diagonal step sqrt(2); a diagonal step needs both cells beside it free (no corner cutting).
All paths are optimal. For use inside other kernels there is `_octile_path` (see `anchordiff.kernels._astar8`).
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

from anchordiff.kernels._astar4 import _manhattan_path, _manhattan_workspace_size
from anchordiff.kernels._astar8 import _octile_path, _octile_workspace_size
from anchordiff.kernels._grid_checks import (
    check_cells,
    check_connectivity,
    check_threads,
    check_walls,
    chunks,
)
from anchordiff.kernels._jit import kernel
from anchordiff.kernels._weighted import _weighted_path

_OUTSIDE_START = -1
_OUTSIDE_GOAL = -2
_TOO_SMALL = -3


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


class _Workspace(threading.local):
    """Memory that a thread keeps between calls."""

    def __init__(self) -> None:
        self.cells = np.empty((0, 2), np.int32)
        self.memory = np.empty(0, np.int32)

    def grow(self, rows: int, cols: int) -> None:
        """Make room for the searches on a grid."""
        self.cells = np.empty((rows * cols, 2), np.int32)
        size = max(_octile_workspace_size(rows, cols), _manhattan_workspace_size(rows, cols))
        self.memory = np.empty(size, np.int32)


_workspace = _Workspace()


@kernel()
def _single(
    walls: Bool[np.ndarray, "rows cols"],
    start_row: int,
    start_col: int,
    goal_row: int,
    goal_col: int,
    connectivity: int,
    out_cells: Int[np.ndarray, "room 2"],
    workspace: Int[np.ndarray, " size"],
) -> int:
    """Check the arguments and search one path; a negative number says what is wrong."""
    rows, cols = walls.shape
    if start_row < 0 or start_row >= rows or start_col < 0 or start_col >= cols:
        return _OUTSIDE_START
    if goal_row < 0 or goal_row >= rows or goal_col < 0 or goal_col >= cols:
        return _OUTSIDE_GOAL
    if len(out_cells) < rows * cols:
        return _TOO_SMALL
    if connectivity == 8:
        if len(workspace) < _octile_workspace_size(rows, cols):
            return _TOO_SMALL
        return _octile_path(walls, start_row, start_col, goal_row, goal_col, out_cells, workspace)
    if len(workspace) < _manhattan_workspace_size(rows, cols):
        return _TOO_SMALL
    return _manhattan_path(walls, start_row, start_col, goal_row, goal_col, out_cells, workspace)


@kernel()
def _batch(
    walls: Bool[np.ndarray, "items rows cols"],
    starts: Int[np.ndarray, "batch 2"],
    goals: Int[np.ndarray, "batch 2"],
    connectivity: int,
    cell_cost: Float[np.ndarray, "costs rows cols"],
    out_offsets: Int[np.ndarray, " batch+1"],
) -> Int[np.ndarray, "total 2"]:
    """Search the path of each item; walls and cell_cost of batch size 1 are shared."""
    batch = len(starts)
    rows, cols = walls.shape[1:]
    if connectivity == 8:
        workspace = np.empty(_octile_workspace_size(rows, cols), np.int32)
    else:
        workspace = np.empty(_manhattan_workspace_size(rows, cols), np.int32)
    room = rows * cols
    cells = np.empty((room + batch * (rows + cols), 2), np.int32)
    total = 0
    out_offsets[0] = 0
    for item in range(batch):
        if len(cells) - total < room:
            wider = np.empty((2 * len(cells), 2), np.int32)
            wider[:total] = cells[:total]
            cells = wider
        grid = walls[item % len(walls)]
        start_row, start_col = starts[item, 0], starts[item, 1]
        goal_row, goal_col = goals[item, 0], goals[item, 1]
        out = cells[total:]
        if len(cell_cost) > 0:
            cost = cell_cost[item % len(cell_cost)]
            length = _weighted_path(grid, cost, start_row, start_col, goal_row, goal_col, connectivity, out)
        elif connectivity == 8:
            length = _octile_path(grid, start_row, start_col, goal_row, goal_col, out, workspace)
        else:
            length = _manhattan_path(grid, start_row, start_col, goal_row, goal_col, out, workspace)
        total += length
        out_offsets[item + 1] = total
    return cells[:total]


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
    if cell_cost is not None:
        ends = np.array([start]), np.array([goal])
        paths = shortest_paths(walls[None], *ends, connectivity=connectivity, cell_cost=cell_cost)
        return paths[0] if len(paths[0]) else None
    if (
        walls.__class__ is not np.ndarray
        or walls.dtype.char != "?"
        or walls.ndim != 2
        or not walls.flags.c_contiguous
    ):
        walls = check_walls(walls, ndim=2)
    if connectivity not in (4, 8):
        check_connectivity(connectivity)
    start_row, start_col = start
    goal_row, goal_col = goal
    ends_ = (
        operator.index(start_row),
        operator.index(start_col),
        operator.index(goal_row),
        operator.index(goal_col),
    )
    workspace = _workspace
    length = _single(walls, *ends_, connectivity, workspace.cells, workspace.memory)
    if length < 0:
        if length != _TOO_SMALL:
            name, cell = ("start", ends_[:2]) if length == _OUTSIDE_START else ("goal", ends_[2:])
            raise ValueError(
                f"{name} must lie in the grid of {walls.shape[0]} x {walls.shape[1]} cells, found {cell}"
            )
        check_walls(walls, ndim=2)
        workspace.grow(*walls.shape)
        length = _single(walls, *ends_, connectivity, workspace.cells, workspace.memory)
    return workspace.cells[:length].copy() if length else None


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
    batch = len(starts)
    walls = check_walls(walls if np.ndim(walls) == 3 else walls[None], ndim=3)
    if len(walls) not in (1, batch):
        raise ValueError(
            f"walls must hold one grid for each of the {batch} starts or one for all, found {len(walls)}"
        )
    starts = check_cells("starts", starts, batch, walls.shape[1:])
    goals = check_cells("goals", goals, batch, walls.shape[1:])
    check_connectivity(connectivity)
    costs = _check_costs(cell_cost, walls.shape[1:], batch)

    def search(part: slice) -> tuple[Int[np.ndarray, "total 2"], Int[np.ndarray, " part+1"]]:
        offsets = np.empty(part.stop - part.start + 1, np.int64)
        grids = walls if len(walls) < 2 else walls[part]
        extra = costs if len(costs) < 2 else costs[part]
        return _batch(grids, starts[part], goals[part], connectivity, extra, offsets), offsets

    parts = chunks(batch, check_threads(threads))
    if len(parts) == 1:
        cells, offsets = search(parts[0])
        return GridPaths(cells=cells, offsets=offsets)
    with ThreadPoolExecutor(len(parts)) as pool:
        found = list(pool.map(search, parts))
    lengths = np.concatenate([np.diff(offsets) for _, offsets in found])
    return GridPaths(
        cells=np.concatenate([cells for cells, _ in found]),
        offsets=np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]),
    )


def _check_costs(
    cell_cost: Float[np.ndarray, "..."] | None, grid: tuple[int, ...], batch: int
) -> Float[np.ndarray, "..."]:
    """Return the costs of entering cells as contiguous float64 with a batch axis (of length 1 if shared, 0 if there are none)."""
    if cell_cost is None:
        return np.zeros((0, 1, 1))
    costs = np.asarray(cell_cost)
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
    steps = np.abs(np.diff(path, axis=0)).sum(axis=1)
    diagonal = int((steps == 2).sum())
    return (len(steps) - diagonal) + diagonal * math.sqrt(2.0)
