import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.kernels.grid.grid_path import shortest_path
from anchordiff.kernels.grid.maze import perfect_mazes, random_mazes, room_mazes
from anchordiff.kernels.grid.polyline import polyline_is_free, smooth_path, string_pull

CLEARANCES = [0.05, 0.2, 0.4]


def length(points):
    return np.linalg.norm(np.diff(points, axis=0), axis=1).sum()


def paths(walls, starts, goals):
    """The paths of cells of a batch, with positions off the centres at both ends."""
    for grid, start, goal in zip(walls, starts[:, 0], goals[:, 0], strict=True):
        cells = shortest_path(grid, tuple(start), tuple(goal))
        yield grid, cells, start[::-1] + np.array([0.45, 0.55]), goal[::-1] + np.array([0.52, 0.41])


def sees(walls, a, b, grow):
    """Whether a segment stays out of all open grown squares, by clipping it to each."""
    for i, j in np.argwhere(np.pad(walls, 1, constant_values=True)) - 1:
        low, high = 0.0, 1.0
        for start, step, least in ((a[0], b[0] - a[0], j), (a[1], b[1] - a[1], i)):
            near, far = least - grow - start, least + 1 + grow - start
            if abs(step) < 1e-12:
                if near >= -1e-9 or far <= 1e-9:
                    low, high = 1.0, 0.0
                continue
            enter, leave = sorted((near / step, far / step))
            low, high = max(low, enter), min(high, leave)
        if high - low > 1e-7:
            return False
    return True


def shortest_length(walls, start, goal, clearance):
    """Length of the shortest of all polylines, from the visibility graph of all grown corners."""
    nodes = [tuple(start), tuple(goal)]
    for i, j in itertools.product(range(1, walls.shape[0]), range(1, walls.shape[1])):
        around = walls[i - 1 : i + 1, j - 1 : j + 1]
        if around.sum() == 1:
            down, right = np.argwhere(around)[0]
            nodes.append(
                (j + (clearance if right == 0 else -clearance), i + (clearance if down == 0 else -clearance))
            )
    graph = nx.Graph()
    graph.add_nodes_from(nodes)
    for a, b in itertools.combinations(nodes, 2):
        if sees(walls, a, b, clearance - 1e-7):
            graph.add_edge(a, b, weight=np.hypot(a[0] - b[0], a[1] - b[1]))
    return nx.shortest_path_length(graph, nodes[0], nodes[1], weight="weight")


def test_pulled_paths_are_nearly_the_shortest():
    batch = random_mazes(1, np.arange(12), rows=9, cols=9, density=(0.2, 0.35), min_l1=6)
    ratios = []
    for walls, cells, start, goal in paths(batch.walls, batch.starts, batch.goals):
        best = shortest_length(walls, start, goal, 0.2)
        ratios.append(length(smooth_path(walls, cells, start, goal)) / best)
    assert min(ratios) > 1 - 1e-6
    assert np.median(ratios) < 1.0001
    assert max(ratios) < 1.1


@pytest.mark.parametrize("clearance", CLEARANCES)
@pytest.mark.parametrize("make", [random_mazes, perfect_mazes, room_mazes])
def test_pulled_paths_keep_their_clearance_and_get_shorter(make, clearance):
    batch = make(2, np.arange(60))
    for walls, cells, start, goal in paths(batch.walls, batch.starts, batch.goals):
        pulled = smooth_path(walls, cells, start, goal, clearance=clearance)
        centres = np.concatenate([[start], cells[1:-1, ::-1] + 0.5, [goal]])
        assert polyline_is_free(walls, pulled, radius=clearance - 1e-4)
        assert length(pulled) <= length(centres) + 1e-9
        np.testing.assert_array_equal(pulled[[0, -1]], centres[[0, -1]])
        np.testing.assert_allclose(string_pull(walls, pulled, clearance=clearance), pulled, atol=1e-5)


@given(
    st.integers(0, 2**25 - 1),
    st.lists(st.tuples(st.floats(0.01, 4.99), st.floats(0.01, 4.99)), min_size=1, max_size=6),
    st.sampled_from(CLEARANCES),
)
def test_any_polyline_stays_as_free_as_it_was(bits, path, clearance):
    walls = np.array([bool(bits >> k & 1) for k in range(25)]).reshape(5, 5)
    points = np.array(path)
    pulled = string_pull(walls, points, clearance=clearance)
    assert length(pulled) <= length(points) + 1e-6
    np.testing.assert_array_equal(pulled[[0, -1]], points[[0, -1]])
    for radius in (0.0, clearance - 1e-4):
        if polyline_is_free(walls, points, radius=radius):
            assert polyline_is_free(walls, pulled, radius=radius)


def test_a_path_around_an_island_changes_sides_when_that_is_shorter():
    walls = np.zeros((9, 9), bool)
    walls[4, 2:8] = True
    around = np.array([[2.5, 3.5], [8.5, 3.5], [8.5, 5.5], [2.5, 5.5]])
    pulled = string_pull(walls, around)
    assert length(pulled) < length(around)
    free = np.zeros((9, 9), bool)
    np.testing.assert_array_equal(string_pull(free, around), around[[0, -1]])


def test_grids_wider_than_a_word():
    walls = np.zeros((5, 200), bool)
    walls[1:4, [63, 64, 127, 128]] = True
    cells = shortest_path(walls, (2, 1), (2, 198))
    pulled = smooth_path(walls, cells, np.array([1.5, 2.5]), np.array([198.5, 2.5]))
    assert polyline_is_free(walls, pulled, radius=0.1999)
    np.testing.assert_allclose(np.abs(pulled - [0, 2.5]), [[1.5, 0], [62.8, 1.7], [129.2, 1.7], [198.5, 0]])


def test_kept_dtype_and_errors():
    walls = np.zeros((3, 3), bool)
    assert string_pull(walls, np.ones((2, 2), np.float32)).dtype == np.float32
    assert string_pull(walls, np.ones((1, 2))).shape == (1, 2)
    for clearance in (0.0, 0.5, float("nan")):
        with pytest.raises(
            ValueError, match="clearance must be a finite number of more than 0 and less than 0\\.5, found"
        ):
            string_pull(walls, np.ones((2, 2)), clearance=clearance)
