"""Shortest paths where entering a cell costs something of its own: A* over a binary heap.

Costs are float64: a straight step costs 1, a diagonal one the square root of two, and every step adds the
cost of the cell that it enters. The distance without those costs is the heuristic; a cell whose cost falls
again through rounding is opened again.
"""

import math

import numpy as np
from jaxtyping import Bool, Float, Int

from anchordiff.kernels._jit import kernel
from anchordiff.kernels.grid._trace import COL_STEPS, ROW_STEPS


@kernel()
def _sift_up(
    heap: Int[np.ndarray, " cells"],
    slots: Int[np.ndarray, " cells"],
    keys: Float[np.ndarray, " cells"],
    at: int,
) -> None:
    """Move the entry of a heap towards the root while its key is smaller than its parent's."""
    cell = heap[at]
    while at > 0:
        parent = (at - 1) >> 1
        if keys[heap[parent]] <= keys[cell]:
            break
        heap[at] = heap[parent]
        slots[heap[at]] = at
        at = parent
    heap[at] = cell
    slots[cell] = at


@kernel()
def _sift_down(
    heap: Int[np.ndarray, " cells"],
    slots: Int[np.ndarray, " cells"],
    keys: Float[np.ndarray, " cells"],
    size: int,
) -> None:
    """Move the root of a heap down while one of its children has a smaller key."""
    cell = heap[0]
    at = 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and keys[heap[child + 1]] < keys[heap[child]]:
            child += 1
        if keys[heap[child]] >= keys[cell]:
            break
        heap[at] = heap[child]
        slots[heap[at]] = at
        at = child
    heap[at] = cell
    slots[cell] = at


@kernel()
def _weighted_path(
    walls: Bool[np.ndarray, "rows cols"],
    cell_cost: Float[np.ndarray, "rows cols"],
    start_row: int,
    start_col: int,
    goal_row: int,
    goal_col: int,
    connectivity: int,
    out_cells: Int[np.ndarray, "room 2"],
) -> int:
    """Find a cheapest path; returns its number of cells, 0 where there is none.

    Args:
        walls: bool (rows, cols).
        cell_cost: float64 (rows, cols), at least 0; added when a cell is entered.
        start_row: in the grid, as are the other three (not checked).
        start_col: see above.
        goal_row: see above.
        goal_col: see above.
        connectivity: 4, or 8 for diagonal steps that cut no corner.
        out_cells: int32 (at least rows * cols, 2), receives the (row, col) of the cells with both ends.
    """
    rows, cols = walls.shape
    if walls[start_row, start_col] or walls[goal_row, goal_col]:
        return 0
    cost = np.full(rows * cols, np.inf)
    keys = np.empty(rows * cols)
    came_from = np.empty(rows * cols, np.int8)
    heap = np.empty(rows * cols, np.int64)
    slots = np.full(rows * cols, -1, np.int64)
    root_two = math.sqrt(2.0)

    start = start_row * cols + start_col
    goal = goal_row * cols + goal_col
    cost[start] = 0.0
    keys[start] = 0.0
    came_from[start] = 0
    heap[0] = start
    slots[start] = 0
    size = 1
    while size > 0:
        cell = heap[0]
        if cell == goal:
            break
        slots[cell] = -1
        size -= 1
        if size > 0:
            heap[0] = heap[size]
            _sift_down(heap, slots, keys, size)
        row = cell // cols
        col = cell % cols
        for direction in range(connectivity):
            next_row = row + ROW_STEPS[direction]
            next_col = col + COL_STEPS[direction]
            if (
                next_row < 0
                or next_row >= rows
                or next_col < 0
                or next_col >= cols
                or walls[next_row, next_col]
            ):
                continue
            if direction >= 4 and (walls[row, next_col] or walls[next_row, col]):
                continue
            step = root_two if direction >= 4 else 1.0
            other = next_row * cols + next_col
            reached = cost[cell] + step + cell_cost[next_row, next_col]
            if reached >= cost[other]:
                continue
            away_r = abs(next_row - goal_row)
            away_c = abs(next_col - goal_col)
            heuristic = float(away_r + away_c)
            if connectivity == 8:
                heuristic = max(away_r, away_c) + (root_two - 1.0) * min(away_r, away_c)
            cost[other] = reached
            keys[other] = reached + heuristic
            came_from[other] = direction
            if slots[other] < 0:
                slots[other] = size
                heap[size] = other
                size += 1
            _sift_up(heap, slots, keys, slots[other])
    if cost[goal] == np.inf:
        return 0
    length = 1
    cell = goal
    while cell != start:
        cell -= ROW_STEPS[came_from[cell]] * cols + COL_STEPS[came_from[cell]]
        length += 1
    cell = goal
    for place in range(length - 1, -1, -1):
        out_cells[place, 0] = cell // cols
        out_cells[place, 1] = cell % cols
        cell -= ROW_STEPS[came_from[cell]] * cols + COL_STEPS[came_from[cell]]
    return length
