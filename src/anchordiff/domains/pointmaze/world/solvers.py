"""Paths of cells as the scripts behind the published PointMaze data sets searched them.

Both move to the four neighbours and look at them in the same order: right, left, up, down. Q-iteration finds a shortest
path, depth-first search any path, which loops where the maze does.

Sources: `d4rl/pointmaze/q_iteration.py` of D4RL (Fu et al. 2020, https://arxiv.org/abs/2004.07219), and
`scripts/pointmaze/maze_solver.py` of Farama's minari-dataset-generation-scripts, whose search this follows.

Example:
    >>> from anchordiff.domains.pointmaze.world import POINT_MAZES
    >>> walls = POINT_MAZES["umaze"].maze.walls
    >>> q_iteration_path(walls, (1, 2), (2, 3))
    ((1, 2), (1, 3), (2, 3))
"""

from collections.abc import Callable, Mapping
from numbers import Integral
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool

Cell = tuple[int, int]
Path = tuple[Cell, ...]
Solver = Callable[[Bool[np.ndarray, "rows cols"], Cell, Cell], Path]
SolverName = Literal["qiter", "dfs"]

MOVES: Final[tuple[Cell, ...]] = ((0, 1), (0, -1), (-1, 0), (1, 0))
"""Steps (rows, columns) in the order in which the solvers try them."""

SWEEPS: Final = 50
DISCOUNT: Final = 0.99


def q_iteration_path(walls: Bool[np.ndarray, "rows cols"], start: Cell, goal: Cell) -> Path:
    """A shortest path by Q-iteration: 50 sweeps at a discount of 0.99, then greedy steps.

    A step into the goal's cell is worth 1 and a step into a wall leads nowhere; of equal values the first in order
    is taken.

    Args:
        walls: True where blocked.
        start: cell (row, col).
        goal: cell (row, col).

    Returns:
        The cells from `start` to `goal`, both included; one where they are the same.

    Raises:
        ValueError: if an end is not a free cell of the grid, or no path of at most 50 steps joins them.
    """
    _check_ends(walls, start, goal)
    if start == goal:
        return (start,)
    rows, cols = walls.shape
    q = np.zeros((len(MOVES), rows, cols))
    for _ in range(SWEEPS):
        value = np.pad(np.where(walls, 0.0, q.max(axis=0)), 1)
        for number, (down, right) in enumerate(MOVES):
            q[number] = DISCOUNT * value[1 + down : 1 + down + rows, 1 + right : 1 + right + cols]
            entry = (goal[0] - down, goal[1] - right)
            if 0 <= entry[0] < rows and 0 <= entry[1] < cols:
                q[number][entry] += 1.0
    path = [start]
    while path[-1] != goal:
        row, col = path[-1]
        values = q[:, row, col]
        if len(path) > SWEEPS or not values.max() > 0.0:
            raise ValueError(
                f"goal must be within {SWEEPS} steps of start, found none from {start} to {goal}"
            )
        down, right = MOVES[int(values.argmax())]
        path.append((row + down, col + right))
    return tuple(path)


def depth_first_path(walls: Bool[np.ndarray, "rows cols"], start: Cell, goal: Cell) -> Path:
    """The path of a depth-first search that marks a cell when it sees it and goes on from the last one seen.

    It visits the neighbours in the reverse of their order, and its paths are often not the shortest.

    Args:
        walls: True where blocked.
        start: cell (row, col).
        goal: cell (row, col).

    Returns:
        The cells from `start` to `goal`, both included; one where they are the same.

    Raises:
        ValueError: if an end is not a free cell of the grid, or no path joins them.
    """
    _check_ends(walls, start, goal)
    before: dict[Cell, Cell | None] = {start: None}
    frontier = [start]
    while frontier:
        cell = frontier.pop()
        if cell == goal:
            return _trace(before, goal)
        for down, right in MOVES:
            following = (cell[0] + down, cell[1] + right)
            if following not in before and _is_free(walls, following):
                before[following] = cell
                frontier.append(following)
    raise ValueError(f"goal must be reachable from start, found no path from {start} to {goal}")


SOLVERS: Final[Mapping[SolverName, Solver]] = MappingProxyType(
    {"qiter": q_iteration_path, "dfs": depth_first_path}
)
"""The solvers by the names that commands use."""


def _trace(before: Mapping[Cell, Cell | None], goal: Cell) -> Path:
    path = [goal]
    while (cell := before[path[-1]]) is not None:
        path.append(cell)
    return tuple(reversed(path))


def _is_free(walls: Bool[np.ndarray, "rows cols"], cell: Cell) -> bool:
    rows, cols = walls.shape
    return 0 <= cell[0] < rows and 0 <= cell[1] < cols and not walls[cell]


def check_cell(walls: Bool[np.ndarray, "rows cols"], name: str, cell: Cell) -> None:
    """Refuse what is no free cell (row, col) of the grid.

    Raises:
        ValueError: says what was found, and calls it `name`.
    """
    whole = len(cell) == 2 and all(isinstance(number, Integral) for number in cell)
    if not whole or not _is_free(walls, cell):
        raise ValueError(f"{name} must be a free cell (row, col) of the grid, found {cell}")


def _check_ends(walls: Bool[np.ndarray, "rows cols"], start: Cell, goal: Cell) -> None:
    if np.ndim(walls) != 2 or np.asarray(walls).dtype != bool:
        raise ValueError(
            f"walls must be booleans of shape (rows, cols), found {np.asarray(walls).dtype} of shape {np.shape(walls)}"
        )
    check_cell(walls, "start", start)
    check_cell(walls, "goal", goal)
