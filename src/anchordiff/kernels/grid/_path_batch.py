"""One search for every size and connectivity, singly and over a batch."""

import numpy as np
from jaxtyping import Bool, Float, Int

from anchordiff.kernels._jit import kernel
from anchordiff.kernels.grid._astar4 import _manhattan_path, _manhattan_workspace_size
from anchordiff.kernels.grid._astar8 import _octile_path, _octile_workspace_size
from anchordiff.kernels.grid._bit_search import bit_path, bit_workspace_size
from anchordiff.kernels.grid._flood import SIDE
from anchordiff.kernels.grid._grid_checks import MAX_SIDE
from anchordiff.kernels.grid._weighted import _weighted_path

OUTSIDE_START = -1
OUTSIDE_GOAL = -2
NOT_READY = -3


@kernel()
def workspace_size(rows: int, cols: int, connectivity: int) -> int:
    """Number of int32 that `find_path` needs as workspace for a grid."""
    if connectivity != 4:
        return _octile_workspace_size(rows, cols)
    if rows <= SIDE and cols <= SIDE:
        return bit_workspace_size(rows, cols)
    return _manhattan_workspace_size(rows, cols)


@kernel()
def memory_size(rows: int, cols: int, connectivity: int) -> int:
    """Number of pairs of int32 that `find_path_checked` needs for a grid."""
    return rows * cols + (workspace_size(rows, cols, connectivity) + 1) // 2


@kernel()
def find_path(
    walls: Bool[np.ndarray, "rows cols"],
    start_row: int,
    start_col: int,
    goal_row: int,
    goal_col: int,
    connectivity: int,
    out_cells: Int[np.ndarray, "room 2"],
    workspace: Int[np.ndarray, " size"],
) -> int:
    """Search with the algorithm that suits the grid; arguments and result as those of `_octile_path`."""
    if connectivity == 8:
        return _octile_path(walls, start_row, start_col, goal_row, goal_col, out_cells, workspace)
    if walls.shape[0] <= SIDE and walls.shape[1] <= SIDE:
        words = workspace.view(np.uint32)
        return bit_path(walls, start_row, start_col, goal_row, goal_col, out_cells, 0, words)
    return _manhattan_path(walls, start_row, start_col, goal_row, goal_col, out_cells, workspace)


@kernel()
def find_path_checked(
    walls: Bool[np.ndarray, "rows cols"],
    start_row: int,
    start_col: int,
    goal_row: int,
    goal_col: int,
    connectivity: int,
    memory: Int[np.ndarray, "size 2"],
) -> int:
    """`find_path` into the first rows of `memory`, which is the workspace too; a negative number is an error."""
    rows, cols = walls.shape
    room = rows * cols
    if rows > MAX_SIDE or cols > MAX_SIDE or (connectivity != 4 and connectivity != 8):
        return NOT_READY
    if len(memory) < memory_size(rows, cols, connectivity):
        return NOT_READY
    if start_row < 0 or start_row >= rows or start_col < 0 or start_col >= cols:
        return OUTSIDE_START
    if goal_row < 0 or goal_row >= rows or goal_col < 0 or goal_col >= cols:
        return OUTSIDE_GOAL
    workspace = memory[room:].reshape(-1)
    return find_path(walls, start_row, start_col, goal_row, goal_col, connectivity, memory[:room], workspace)


@kernel()
def find_paths(
    walls: Bool[np.ndarray, "grids rows cols"],
    starts: Int[np.ndarray, "batch 2"],
    goals: Int[np.ndarray, "batch 2"],
    connectivity: int,
    cell_cost: Float[np.ndarray, "costs rows cols"],
    out_offsets: Int[np.ndarray, " batch+1"],
) -> Int[np.ndarray, "total 2"]:
    """Search the path of each item; one grid is shared, as is one array of costs; none means no costs."""
    batch = len(starts)
    rows, cols = walls.shape[1:]
    workspace = np.empty(workspace_size(rows, cols, connectivity), np.int32)
    words = workspace.view(np.uint32)
    weighted = len(cell_cost) > 0
    small = connectivity == 4 and rows <= SIDE and cols <= SIDE and not weighted
    room = rows * cols
    cells = np.empty((room + batch * (rows + cols), 2), np.int32)
    total = 0
    out_offsets[0] = 0
    for item in range(batch):
        if len(cells) - total < room:
            wider = np.empty((2 * len(cells), 2), np.int32)
            for place in range(total):
                wider[place, 0] = cells[place, 0]
                wider[place, 1] = cells[place, 1]
            cells = wider
        grid = walls[item if len(walls) > 1 else 0]
        start_row, start_col = starts[item, 0], starts[item, 1]
        goal_row, goal_col = goals[item, 0], goals[item, 1]
        if small:
            # Called here and with a place, because a slice and one more call cost as much as half a search.
            length = bit_path(grid, start_row, start_col, goal_row, goal_col, cells, total, words)
        elif weighted:
            cost = cell_cost[item if len(cell_cost) > 1 else 0]
            out = cells[total:]
            length = _weighted_path(grid, cost, start_row, start_col, goal_row, goal_col, connectivity, out)
        else:
            out = cells[total:]
            length = find_path(grid, start_row, start_col, goal_row, goal_col, connectivity, out, workspace)
        total += length
        out_offsets[item + 1] = total
    return cells[:total]
