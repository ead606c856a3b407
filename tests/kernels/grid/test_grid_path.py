import heapq
import math
import threading
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchordiff.kernels.grid._astar4 import _manhattan_path, _manhattan_workspace_size
from anchordiff.kernels.grid._astar8 import _octile_path, _octile_workspace_size
from anchordiff.kernels.grid.grid_path import GridPaths, path_cost, shortest_path, shortest_paths

STEPS = [(-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1)]


def is_free(walls, row, col):
    return 0 <= row < walls.shape[0] and 0 <= col < walls.shape[1] and not walls[row, col]


def free_steps(walls, cell, connectivity):
    row, col = cell
    for down, right in STEPS[:connectivity]:
        sides = is_free(walls, row + down, col) and is_free(walls, row, col + right)
        if is_free(walls, row + down, col + right) and (down == 0 or right == 0 or sides):
            yield (row + down, col + right), math.hypot(down, right)


def naive_costs(walls, source, connectivity, cell_cost=None):
    """Dijkstra's algorithm with a dict and heapq; `cell_cost` is paid on entering a cell."""
    done = {}
    queue = [(0.0, source)] if is_free(walls, *source) else []
    while queue:
        cost, cell = heapq.heappop(queue)
        if cell in done:
            continue
        done[cell] = cost
        for other, length in free_steps(walls, cell, connectivity):
            extra = 0.0 if cell_cost is None else float(cell_cost[other])
            heapq.heappush(queue, (cost + length + extra, other))
    return done


def assert_valid(path, walls, start, goal, connectivity):
    cells = [tuple(cell) for cell in path.tolist()]
    assert path.dtype == np.int32
    assert cells[0] == start
    assert cells[-1] == goal
    assert is_free(walls, *start)
    for cell, following in pairwise(cells):
        assert following in dict(free_steps(walls, cell, connectivity))


@st.composite
def problems(draw, max_side=14):
    rows, cols = draw(st.integers(1, max_side)), draw(st.integers(1, max_side))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    walls = rng.random((rows, cols)) < draw(st.sampled_from([0.0, 0.15, 0.3, 0.45]))
    start, goal = ((int(rng.integers(rows)), int(rng.integers(cols))) for _ in range(2))
    return walls, start, goal


@pytest.mark.parametrize("connectivity", [4, 8])
@given(problem=problems())
def test_path_is_optimal_and_valid(connectivity, problem):
    walls, start, goal = problem
    costs = naive_costs(walls, start, connectivity)
    path = shortest_path(walls, start, goal, connectivity=connectivity)
    if goal not in costs:
        assert path is None
        return
    assert_valid(path, walls, start, goal, connectivity)
    assert path_cost(path) == pytest.approx(costs[goal], abs=1e-9)


@pytest.mark.parametrize("connectivity", [4, 8])
@given(problem=problems())
def test_there_and_back_cost_the_same(connectivity, problem):
    walls, start, goal = problem
    there = shortest_path(walls, start, goal, connectivity=connectivity)
    back = shortest_path(walls, goal, start, connectivity=connectivity)
    assert (there is None) == (back is None)
    if there is not None:
        assert path_cost(there) == pytest.approx(path_cost(back), abs=1e-9)


@pytest.mark.parametrize("connectivity", [4, 8])
@given(problem=problems())
def test_turning_and_mirroring_the_grid_keeps_the_cost(connectivity, problem):
    walls, start, goal = problem
    path = shortest_path(walls, start, goal, connectivity=connectivity)
    turned = shortest_path(walls.T, start[::-1], goal[::-1], connectivity=connectivity)
    last = walls.shape[1] - 1
    flipped_ends = (start[0], last - start[1]), (goal[0], last - goal[1])
    flipped = shortest_path(walls[:, ::-1], *flipped_ends, connectivity=connectivity)
    for other in (turned, flipped):
        assert (path is None) == (other is None)
        if path is not None:
            assert path_cost(other) == pytest.approx(path_cost(path), abs=1e-9)


@given(problem=problems())
def test_diagonal_steps_connect_no_more_and_cost_no_more(problem):
    walls, start, goal = problem
    straight = shortest_path(walls, start, goal, connectivity=4)
    octile = shortest_path(walls, start, goal, connectivity=8)
    assert (straight is None) == (octile is None)
    if straight is not None:
        assert path_cost(octile) <= path_cost(straight) + 1e-9


@pytest.mark.parametrize("connectivity", [4, 8])
@given(problem=problems(max_side=10), seed=st.integers(0, 1000))
def test_cell_cost_enters_the_sum(connectivity, problem, seed):
    walls, start, goal = problem
    cell_cost = np.random.default_rng(seed).exponential(size=walls.shape)
    costs = naive_costs(walls, start, connectivity, cell_cost)
    path = shortest_path(walls, start, goal, connectivity=connectivity, cell_cost=cell_cost)
    if goal not in costs:
        assert path is None
        return
    assert_valid(path, walls, start, goal, connectivity)
    entered = cell_cost[path[1:, 0], path[1:, 1]].sum()
    assert path_cost(path) + entered == pytest.approx(costs[goal], abs=1e-9)


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("side", [21, 40])
def test_costs_agree_with_networkx(connectivity, side):
    rng = np.random.default_rng(side)
    walls = rng.random((side, side)) < 0.25
    graph = nx.Graph()
    for cell in map(tuple, np.argwhere(~walls).tolist()):
        graph.add_node(cell)
        graph.add_weighted_edges_from(
            (cell, other, length) for other, length in free_steps(walls, cell, connectivity)
        )
    free = np.argwhere(~walls)
    for _ in range(30):
        start, goal = (tuple(map(int, free[rng.integers(len(free))])) for _ in range(2))
        path = shortest_path(walls, start, goal, connectivity=connectivity)
        if nx.has_path(graph, start, goal):
            expected = nx.dijkstra_path_length(graph, start, goal)
            assert path_cost(path) == pytest.approx(expected, abs=1e-9)
        else:
            assert path is None


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("weighted", [False, True])
@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), threads=st.integers(1, 3), shape=st.sampled_from([(6, 9), (33, 5)]))
def test_batch_equals_single_and_shared_equals_repeated(connectivity, weighted, seed, threads, shape):
    rng = np.random.default_rng(seed)
    batch = 7
    walls = rng.random((batch, *shape)) < 0.25
    cell_cost = rng.random((batch, *shape)) if weighted else None
    starts, goals = (np.stack([rng.integers(0, side, batch) for side in shape], axis=1) for _ in range(2))
    options = {"connectivity": connectivity, "threads": threads}

    paths = shortest_paths(walls, starts, goals, cell_cost=cell_cost, **options)
    assert len(paths) == batch
    for i, path in enumerate(paths):
        cost = None if cell_cost is None else cell_cost[i]
        single = shortest_path(walls[i], starts[i], goals[i], connectivity=connectivity, cell_cost=cost)
        np.testing.assert_array_equal(path, np.empty((0, 2)) if single is None else single)

    first_cost = None if cell_cost is None else cell_cost[0]
    shared = shortest_paths(walls[0], starts, goals, cell_cost=first_cost, **options)
    repeated_cost = None if cell_cost is None else np.repeat(cell_cost[:1], batch, axis=0)
    repeated = shortest_paths(
        np.repeat(walls[:1], batch, axis=0), starts, goals, cell_cost=repeated_cost, **options
    )
    np.testing.assert_array_equal(shared.cells, repeated.cells)
    np.testing.assert_array_equal(shared.offsets, repeated.offsets)


@given(problem=problems())
def test_both_searches_for_straight_steps_agree(problem):
    walls, start, goal = problem
    out_cells = np.empty((walls.size, 2), np.int32)
    workspace = np.empty(_manhattan_workspace_size(*walls.shape), np.int32)
    length = _manhattan_path(walls, *start, *goal, out_cells, workspace)
    path = shortest_path(walls, start, goal, connectivity=4)
    assert length == (0 if path is None else len(path))
    if path is not None:
        assert_valid(out_cells[:length], walls, start, goal, 4)


@pytest.mark.parametrize("fill", [0, -1, 2**31 - 1])
def test_content_of_the_workspace_does_not_matter(fill):
    rng = np.random.default_rng(3)
    walls = rng.random((12, 12)) < 0.2
    walls[0, 0] = walls[11, 11] = False
    out_cells = np.full((walls.size, 2), fill, np.int32)
    workspace = np.full(_octile_workspace_size(12, 12), fill, np.int32)
    length = _octile_path(walls, 0, 0, 11, 11, out_cells, workspace)
    np.testing.assert_array_equal(out_cells[:length], shortest_path(walls, (0, 0), (11, 11)))


@pytest.mark.parametrize("connectivity", [4, 8])
def test_serpentine_visits_every_row(connectivity):
    side = 65
    walls = np.zeros((side, side), bool)
    walls[1::4, :-1] = walls[3::4, 1:] = True
    path = shortest_path(walls, (0, 0), (side - 1, 0), connectivity=connectivity)
    assert_valid(path, walls, (0, 0), (side - 1, 0), connectivity)
    assert path_cost(path) == pytest.approx(naive_costs(walls, (0, 0), connectivity)[side - 1, 0])
    assert len(path) > side * side // 3


def test_corner_is_not_cut():
    walls = np.array([[False, True], [False, False]])
    assert shortest_path(walls, (0, 0), (1, 1)).tolist() == [[0, 0], [1, 0], [1, 1]]
    assert shortest_path(np.array([[False, True], [True, False]]), (0, 0), (1, 1)) is None


@pytest.mark.parametrize("connectivity", [4, 8])
def test_ends(connectivity):
    walls = np.array([[False, False, True]])
    assert shortest_path(walls, (0, 1), (0, 1), connectivity=connectivity).tolist() == [[0, 1]]
    assert shortest_path(walls, (0, 0), (0, 2), connectivity=connectivity) is None
    assert shortest_path(walls, (0, 2), (0, 2), connectivity=connectivity) is None


def test_result_does_not_share_the_workspace():
    walls = np.zeros((5, 5), bool)
    first = shortest_path(walls, (0, 0), (4, 4))
    copy = first.copy()
    shortest_path(walls, (4, 0), (0, 4))
    np.testing.assert_array_equal(first, copy)


def test_threads_have_workspaces_of_their_own():
    rng = np.random.default_rng(0)
    walls = rng.random((60, 60)) < 0.2
    walls[0, 0] = walls[59, 59] = False
    expected = shortest_path(walls, (0, 0), (59, 59))
    wrong = []

    def search():
        for _ in range(50):
            found = shortest_path(walls, (0, 0), (59, 59))
            wrong.extend([found] if not np.array_equal(found, expected) else [])

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_small_batches_and_their_lengths():
    paths = shortest_paths(np.zeros((3, 3), bool), np.zeros((0, 2), int), np.zeros((0, 2), int))
    assert len(paths) == 0
    assert paths.cells.shape == (0, 2)
    paths = GridPaths(cells=np.array([[1, 2], [1, 3]], np.int32), offsets=np.array([0, 0, 2]))
    assert [len(path) for path in paths] == [0, 2]
    assert paths[-1].tolist() == [[1, 2], [1, 3]]
    with pytest.raises(IndexError):
        paths[2]


@pytest.mark.parametrize("strided", [np.s_[::2, ::2], np.s_[::-1, :]])
def test_walls_need_not_be_contiguous(strided):
    walls = (np.random.default_rng(1).random((20, 20)) < 0.2)[strided]
    start, goal = (tuple(map(int, cell)) for cell in np.argwhere(~walls)[[0, -1]])
    path = shortest_path(walls, start, goal)
    np.testing.assert_array_equal(path, shortest_path(walls.copy(), start, goal))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": (0, 5)}, r"start must lie in the grid of 4 x 5 cells, found \(0, 5\)"),
        ({"goal": (-1, 0)}, r"goal must lie in the grid of 4 x 5 cells, found \(-1, 0\)"),
        ({"connectivity": 6}, "connectivity must be 4 or 8, found 6"),
        ({"walls": np.zeros((4, 5), np.uint8)}, "walls must be a bool array .* found uint8"),
        (
            {"walls": np.zeros((2, 4, 5), bool)},
            r"walls must be a bool array \(rows, cols\), found bool \(2, 4, 5\)",
        ),
        ({"walls": np.zeros((1, 40_000), bool)}, "1 to 32000 rows and cols"),
        ({"cell_cost": np.full((4, 5), -1.0)}, "cell_cost must be at least 0 everywhere, found -1.0"),
        ({"cell_cost": np.full((4, 5), np.nan)}, "cell_cost must be at least 0 everywhere, found nan"),
        ({"cell_cost": np.zeros((5, 4))}, r"cell_cost must have shape \(4, 5\)"),
    ],
)
def test_errors_name_argument_rule_and_finding(change, message):
    arguments = {"walls": np.zeros((4, 5), bool), "start": (0, 0), "goal": (3, 4)} | change
    with pytest.raises(ValueError, match=message):
        shortest_path(**arguments)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"starts": np.array([[0, 0], [9, 0]])},
            r"starts\[1\] must lie in the grid of 4 x 5 cells, found \(9, 0\)",
        ),
        ({"goals": np.array([[0, -1], [0, 0]])}, r"goals\[0\] must lie in the grid"),
        ({"goals": np.zeros((3, 2), int)}, r"goals must have shape \(2, 2\), found \(3, 2\)"),
        ({"starts": np.zeros((2, 2))}, "starts must be integers"),
        (
            {"walls": np.zeros((3, 4, 5), bool)},
            r"walls must hold one grid a start \(2\) or one for all, found 3",
        ),
        ({"threads": 0}, "threads must be an integer of at least 1, found 0"),
    ],
)
def test_batch_errors_name_the_element(change, message):
    ends = np.zeros((2, 2), int)
    arguments = {"walls": np.zeros((2, 4, 5), bool), "starts": ends, "goals": ends} | change
    with pytest.raises(ValueError, match=message):
        shortest_paths(**arguments)


@pytest.mark.parametrize("shape", [(1, 31), (1, 32), (4, 7), (32, 1), (3, 11), (32, 32), (33, 32), (32, 33)])
def test_sides_around_the_width_of_a_word(shape):
    rng = np.random.default_rng(sum(shape))
    for density in (0.0, 0.1, 0.3):
        walls = rng.random(shape) < density
        costs = naive_costs(walls, (0, 0), 4)
        goals = {(0, 0), (shape[0] - 1, shape[1] - 1)} | {
            tuple(map(int, rng.integers(shape))) for _ in range(8)
        }
        for goal in goals:
            path = shortest_path(walls, (0, 0), goal, connectivity=4)
            assert (path is None) == (goal not in costs)
            if path is not None:
                assert_valid(path, walls, (0, 0), goal, 4)
                assert len(path) == costs[goal] + 1
