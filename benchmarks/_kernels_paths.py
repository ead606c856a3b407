"""Shortest paths: single ones of several sizes, 4- and 8-connected, and batches; against named peers.

Each time is the mean over a set of mazes of one size, so that no single maze decides. Where all works run on one
thread, its processor time is measured, so that other programs on the machine count less. What a peer needs beside the
maze (float weights, its own grid object) is prepared outside the timed part. Run alone, it prints its table:
`python benchmarks/_kernels_paths.py`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import networkx as nx
import numpy as np
import pyastar2d
from cstar.pathfinding import run_astar_2D
from w9_pathfinding import envs, pf
from w9_pathfinding.diagonal_movement import DiagonalMovement

from _timing import Row, compare, format_table
from anchordiff.kernels.grid.geodesic import distance_field
from anchordiff.kernels.grid.grid_path import shortest_path, shortest_paths

Cell = tuple[int, int]
# Side and number of mazes.
SIZES = ((21, 500), (64, 100), (256, 40), (1024, 8))
Search = Callable[[int], object]


@dataclass(frozen=True, kw_only=True)
class Cases:
    """Mazes of one size with an end pair each.

    Attributes:
        walls: True where blocked, (count, side, side).
        starts: cells (row, col).
        goals: cells (row, col) that a path leads to.
    """

    walls: np.ndarray
    starts: list[Cell]
    goals: list[Cell]

    def __len__(self) -> int:
        return len(self.starts)


def random_cases(count: int, side: int, *, seed: int = 0) -> Cases:
    """Closed square mazes with 15 to 30 % random walls; the ends are connected and at least 10 cells apart.

    These are the library's own defaults for random mazes.
    """
    rng = np.random.default_rng(seed)
    walls: list[np.ndarray] = []
    starts: list[Cell] = []
    goals: list[Cell] = []
    while len(walls) < count:
        grid = rng.random((side, side)) < rng.uniform(0.15, 0.30)
        grid[[0, -1]] = True
        grid[:, [0, -1]] = True
        start, goal = (tuple(map(int, cell)) for cell in rng.permutation(np.argwhere(~grid))[:2])
        far_enough = abs(start[0] - goal[0]) + abs(start[1] - goal[1]) >= 10
        if far_enough and np.isfinite(distance_field(grid, start)[goal]):
            walls.append(grid)
            starts.append(start)
            goals.append(goal)
    return Cases(walls=np.stack(walls), starts=starts, goals=goals)


def each(search: Search, cases: Cases) -> Callable[[], None]:
    """Search the path of every case, one after the other."""

    def work() -> None:
        for number in range(len(cases)):
            search(number)

    return work


def pyastar_search(cases: Cases) -> Search:
    """pyastar2d without diagonal steps."""
    weights = [np.where(grid, np.inf, 1.0).astype(np.float32) for grid in cases.walls]
    return lambda i: pyastar2d.astar_path(weights[i], cases.starts[i], cases.goals[i], allow_diagonal=False)


def w9_search(cases: Cases, *, diagonal: bool) -> Search:
    """w9-pathfinding's A*; with diagonal steps it cuts no corner, as we."""
    movement = DiagonalMovement.only_when_no_obstacle if diagonal else DiagonalMovement.never
    finders = []
    for grid in cases.walls:
        weights = np.where(grid, -1.0, 1.0).tolist()
        grid_world = envs.Grid(weights, diagonal_movement=movement, diagonal_movement_cost_multiplier=2**0.5)
        finders.append(pf.AStar(grid_world))
    ends = [((s[1], s[0]), (g[1], g[0])) for s, g in zip(cases.starts, cases.goals, strict=True)]
    return lambda i: finders[i].find_path(*ends[i])


def cstar_search(cases: Cases) -> Search:
    """cstar-pathfinding's A*, which always has diagonal steps and lets them cut corners."""
    free = ~cases.walls
    return lambda i: run_astar_2D(free[i], *cases.starts[i], *cases.goals[i])


def networkx_search(cases: Cases) -> Search:
    """A* of networkx on a grid graph, with the Manhattan distance."""
    graphs = []
    for grid in cases.walls:
        graph = nx.grid_2d_graph(*grid.shape)
        graph.remove_nodes_from(map(tuple, np.argwhere(grid).tolist()))
        graphs.append(graph)

    def distance(a: Cell, b: Cell) -> int:
        return abs(a[0] - b[0]) + abs(a[1] - b[1])

    return lambda i: nx.astar_path(graphs[i], cases.starts[i], cases.goals[i], distance)


def single_row(side: int, count: int, connectivity: int) -> Row:
    """Single paths of one size."""
    cases = random_cases(count, side)
    grids = list(cases.walls)

    def ours(i: int) -> object:
        return shortest_path(grids[i], cases.starts[i], cases.goals[i], connectivity=connectivity)

    peers: dict[str, Search] = (
        {"w9-pathfinding": w9_search(cases, diagonal=connectivity == 8)} if side <= 256 else {}
    )
    if connectivity == 4:
        peers["pyastar2d"] = pyastar_search(cases)
        targets = {21: {"pyastar2d": 4.0}, 256: {"pyastar2d": 5.0}, 1024: {"pyastar2d": 5.0}}
        if side == 21:
            peers["networkx"] = networkx_search(cases)
    else:
        peers["cstar-pathfinding"] = cstar_search(cases)
        targets = {21: {"cstar-pathfinding": 1.5}, 256: {"cstar-pathfinding": 4.0}}
    return compare(
        f"shortest path {side}×{side}, {connectivity}-connected",
        each(ours, cases),
        {name: each(search, cases) for name, search in peers.items()},
        targets=targets.get(side, {}),
        per_run=count,
        clock=time.thread_time,
        note="cstar cuts corners" if connectivity == 8 else "",
    )


def batch_row(*, threads: int, count: int = 10_000, side: int = 21) -> Row:
    """A batch of 4-connected paths against the peer in a loop."""
    cases = random_cases(count, side)
    starts = np.array(cases.starts)
    goals = np.array(cases.goals)
    label = "1 thread" if threads == 1 else f"{threads} threads"
    return compare(
        f"batch of {count:,} paths {side}×{side}, 4-connected, {label}",
        lambda: shortest_paths(cases.walls, starts, goals, connectivity=4, threads=threads),
        {"pyastar2d in a loop": each(pyastar_search(cases), cases)},
        targets={"pyastar2d in a loop": 25.0} if threads > 1 else {},
        per_run=count,
        clock=time.thread_time if threads == 1 else time.perf_counter,
    )


def rows() -> list[Row]:
    """All rows of this section."""
    singles = [single_row(side, count, 4) for side, count in SIZES]
    diagonal = [single_row(side, count, 8) for side, count in SIZES]
    return [*singles, *diagonal, batch_row(threads=1), batch_row(threads=2)]


if __name__ == "__main__":
    print(format_table(rows()))
