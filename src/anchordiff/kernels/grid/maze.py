"""Random mazes: scattered walls, perfect mazes, rooms and caves, with starts and goals.

A maze has a closed border. Its starts and goals are free cells (row, col), connected with one another and at least
`min_l1` apart, |Δrow| + |Δcol|. Each maze is a pure function of (seed, index) and the options, whatever the
batch around it.

>>> import numpy as np
>>> batch = perfect_mazes(0, np.arange(3), rows=7, cols=7, method="wilson", min_l1=4)
>>> batch.walls.shape, batch.starts.shape, int((~batch.walls[0]).sum())
((3, 7, 7), (3, 1, 2), 17)
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int
from numpy.typing import NDArray

from anchordiff.checks import INTEGERS, check_array, check_integer, check_number
from anchordiff.kernels._jit import kernel
from anchordiff.kernels.grid._draw_maze import (
    CAVES,
    DEPTH_FIRST,
    RANDOM,
    ROOMS,
    WILSON,
    draw_maze,
    draw_pair,
    label_regions,
)
from anchordiff.kernels.grid._grid_checks import MAX_SIDE
from anchordiff.kernels.grid._random import open_stream

Kind = Literal["random", "depth_first", "wilson", "rooms", "caves"]

KINDS: dict[str, int] = {
    "random": RANDOM, "depth_first": DEPTH_FIRST, "wilson": WILSON, "rooms": ROOMS, "caves": CAVES,
}  # fmt: skip

ON_LATTICE: frozenset[int] = frozenset((DEPTH_FIRST, WILSON, ROOMS))
"""Kinds whose free cells lie on a lattice, so that sides must be odd."""

MOST_PAIRS = 1_000_000

_ATTEMPTS = 1000
_DRAWS_A_PAIR = 64


@dataclass(frozen=True)
class MazeBatch:
    """A batch of mazes with start and goal cells.

    Attributes:
        walls: True where blocked.
        starts: start cells (row, col).
        goals: goal cells (row, col).
    """

    walls: Bool[np.ndarray, "batch rows cols"]
    starts: Int[np.ndarray, "batch pairs 2"]
    goals: Int[np.ndarray, "batch pairs 2"]

    def __len__(self) -> int:
        return len(self.walls)


def random_mazes(
    seed: int,
    index: Int[np.ndarray, " batch"],
    *,
    rows: int = 21,
    cols: int = 21,
    density: tuple[float, float] = (0.15, 0.30),
    min_l1: int = 10,
    pairs: int = 1,
) -> MazeBatch:
    """Scatter walls: each inner cell is one with a probability that is itself uniform in `density`.

    Where no pair is found, the maze is drawn again.

    Args:
        seed: of the whole sequence of mazes.
        index: which mazes of it to make.
        rows: of the grid, border included.
        cols: of the grid, border included.
        density: least and largest share of walls inside.
        min_l1: least distance between start and goal, |Δrow| + |Δcol|, in cells.
        pairs: starts and goals a maze.
    """
    return _mazes(RANDOM, seed, index, rows, cols, density, min_l1, pairs)


def perfect_mazes(
    seed: int,
    index: Int[np.ndarray, " batch"],
    *,
    rows: int = 21,
    cols: int = 21,
    method: Literal["depth_first", "wilson"] = "depth_first",
    min_l1: int = 10,
    pairs: int = 1,
) -> MazeBatch:
    """Make mazes in which exactly one path joins any two cells.

    Args:
        seed: of the whole sequence of mazes.
        index: which mazes of it to make.
        rows: of the grid, border included; odd.
        cols: of the grid, border included; odd.
        method: `depth_first` makes long winding corridors; `wilson` draws uniformly from all perfect mazes.
        min_l1: least distance between start and goal, |Δrow| + |Δcol|, in cells.
        pairs: starts and goals a maze.
    """
    if method not in ("depth_first", "wilson"):
        raise ValueError(f"method must be 'depth_first' or 'wilson', found {method!r}")
    return _mazes(KINDS[method], seed, index, rows, cols, (0.0, 0.0), min_l1, pairs)


def room_mazes(
    seed: int,
    index: Int[np.ndarray, " batch"],
    *,
    rows: int = 21,
    cols: int = 21,
    min_l1: int = 10,
    pairs: int = 1,
) -> MazeBatch:
    """Divide the grid into rooms, by walls with doors of one cell.

    Args:
        seed: of the whole sequence of mazes.
        index: which mazes of it to make.
        rows: of the grid, border included; odd.
        cols: of the grid, border included; odd.
        min_l1: least distance between start and goal, |Δrow| + |Δcol|, in cells.
        pairs: starts and goals a maze.
    """
    return _mazes(ROOMS, seed, index, rows, cols, (0.0, 0.0), min_l1, pairs)


def cave_mazes(
    seed: int,
    index: Int[np.ndarray, " batch"],
    *,
    rows: int = 21,
    cols: int = 21,
    min_l1: int = 10,
    pairs: int = 1,
) -> MazeBatch:
    """Grow caves: scattered walls that a cellular automaton joins into rock, with ways of any width between.

    Args:
        seed: of the whole sequence of mazes.
        index: which mazes of it to make.
        rows: of the grid, border included.
        cols: of the grid, border included.
        min_l1: least distance between start and goal, |Δrow| + |Δcol|, in cells.
        pairs: starts and goals a maze.
    """
    return _mazes(CAVES, seed, index, rows, cols, (0.0, 0.0), min_l1, pairs)


def check_maze_options(
    kind: int, rows: int, cols: int, density: tuple[float, float], min_l1: int
) -> tuple[float, float]:
    """Return `density`, or say which option no maze can have."""
    for name, side in (("rows", rows), ("cols", cols)):
        check_integer(name, side, least=3, most=MAX_SIDE, most_is="the longest side")
        if kind in ON_LATTICE and side % 2 == 0:
            raise ValueError(f"{name} must be odd and at least 3, found {side}")
    try:
        lowest, highest = (check_number("density", bound) for bound in density)
        if not 0.0 <= lowest <= highest <= 1.0:
            raise ValueError
    except (TypeError, ValueError):
        raise ValueError(
            f"density must be an interval (lowest, highest) within [0, 1], found {density}"
        ) from None
    check_integer("min_l1", min_l1, least=0)
    if not 0 <= min_l1 <= rows + cols - 6:
        raise ValueError(
            f"min_l1 must be between 0 and {rows + cols - 6} in {rows} x {cols} cells, found {min_l1}"
        )
    return lowest, highest


def check_index(seed: int, index: NDArray[np.integer]) -> NDArray[np.int64]:
    """Return `index` as contiguous int64, or say what is wrong with it or with `seed`."""
    check_integer("seed", seed, least=0, most=2**63 - 1, most_is="2**63 - 1")
    index = check_array("index", index, INTEGERS, ("batch",))
    outside = (index < 0) | (index > np.iinfo(np.int64).max)
    if outside.any():
        first = int(outside.argmax())
        raise ValueError(f"index[{first}] must be at least 0 and at most 2**63 - 1, found {index[first]}")
    return index.astype(np.int64)


def _mazes(
    kind: int,
    seed: int,
    index: NDArray[np.integer],
    rows: int,
    cols: int,
    density: tuple[float, float],
    min_l1: int,
    pairs: int,
) -> MazeBatch:
    lowest, highest = check_maze_options(kind, rows, cols, density, min_l1)
    index = check_index(seed, index)
    check_integer("pairs", pairs, most=MOST_PAIRS, most_is="the most pairs")
    walls = np.empty((len(index), rows, cols), np.bool_)
    ends = np.empty((len(index), pairs, 4), np.int64)
    made = _fill(seed, index, kind, lowest, highest, min_l1, walls, ends)
    if made < len(index):
        raise ValueError(
            f"no maze {index[made]} with {pairs} connected pairs at least min_l1={min_l1} apart was found in "
            f"{_ATTEMPTS} attempts; lower density or min_l1"
        )
    return MazeBatch(walls, ends[..., :2].copy(), ends[..., 2:].copy())


@kernel()
def _fill(
    seed: int,
    index: NDArray[np.int64],
    kind: int,
    lowest: float,
    highest: float,
    min_l1: int,
    all_walls: NDArray[np.bool_],
    all_ends: NDArray[np.int64],
) -> int:
    """Fill the arrays with the mazes of `index`; return how many were made before one could not be."""
    rows, cols = all_walls.shape[1:]
    state = np.empty(1, np.uint64)
    work = np.empty(rows * cols + 8, np.int64)
    labels = np.empty((rows, cols), np.int32)
    pairs = all_ends.shape[1]
    for b in range(index.shape[0]):
        walls, ends = all_walls[b], all_ends[b]
        found = 0
        for attempt in range(_ATTEMPTS):
            open_stream(state, seed, index[b], attempt)
            draw_maze(kind, walls, state, lowest, highest, work)
            label_regions(walls, labels, work)
            found = 0
            for _ in range(_DRAWS_A_PAIR * pairs):
                pair = ends[found]
                if (
                    draw_pair(walls, state, min_l1, pair)
                    and labels[pair[0], pair[1]] == labels[pair[2], pair[3]]
                ):
                    found += 1
                    if found == pairs:
                        break
            if found == pairs:
                break
        if found < pairs:
            return b
    return len(index)
