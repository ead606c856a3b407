import heapq
import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.kernels.grid.geodesic import distance_field, distance_fields
from anchordiff.kernels.grid.grid_path import path_cost, shortest_path


def naive_field(walls, source, connectivity):
    """Dijkstra's algorithm with heapq, cell by cell."""
    field = np.full(walls.shape, np.inf)
    blocked = np.pad(walls, 1, constant_values=True)
    queue = [(0.0, *source)] if not walls[source] else []
    while queue:
        distance, row, col = heapq.heappop(queue)
        if distance >= field[row, col]:
            continue
        field[row, col] = distance
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                if connectivity == 4 and down != 0 and right != 0:
                    continue
                # All of the cells that the step touches are free; for a straight step some of them coincide.
                touched = blocked[
                    [row + 1 + down, row + 1 + down, row + 1], [col + 1 + right, col + 1, col + 1 + right]
                ]
                if not touched.any():
                    heapq.heappush(queue, (distance + math.hypot(down, right), row + down, col + right))
    return field


@st.composite
def problems(draw, max_side=16):
    rows, cols = draw(st.integers(1, max_side)), draw(st.integers(1, max_side))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    walls = rng.random((rows, cols)) < draw(st.sampled_from([0.0, 0.15, 0.3, 0.45]))
    return walls, (int(rng.integers(rows)), int(rng.integers(cols)))


@pytest.mark.parametrize("connectivity", [4, 8])
@given(problem=problems())
def test_field_agrees_with_naive_twin(connectivity, problem):
    walls, source = problem
    field = distance_field(walls, source, connectivity=connectivity)
    assert field.dtype == np.float32
    np.testing.assert_allclose(field, naive_field(walls, source, connectivity), rtol=1e-6)


@pytest.mark.parametrize("connectivity", [4, 8])
@given(problem=problems(max_side=10))
def test_field_is_the_cost_of_shortest_paths(connectivity, problem):
    walls, source = problem
    field = distance_field(walls, source, connectivity=connectivity)
    for cell in np.ndindex(walls.shape):
        path = shortest_path(walls, source, cell, connectivity=connectivity)
        assert field[cell] == pytest.approx(math.inf if path is None else path_cost(path), rel=1e-6)


def test_straight_field_agrees_with_networkx():
    walls = np.random.default_rng(0).random((40, 50)) < 0.3
    walls[0, 0] = False
    graph = nx.grid_2d_graph(*walls.shape)
    graph.remove_nodes_from(map(tuple, np.argwhere(walls).tolist()))
    expected = np.full(walls.shape, np.inf)
    for cell, length in nx.single_source_shortest_path_length(graph, (0, 0)).items():
        expected[cell] = length
    np.testing.assert_array_equal(distance_field(walls, (0, 0), connectivity=4), expected)


@pytest.mark.parametrize("connectivity", [4, 8])
@pytest.mark.parametrize("threads", [1, 2, 9])
def test_batch_equals_single(connectivity, threads):
    rng = np.random.default_rng(1)
    walls = rng.random((5, 13, 11)) < 0.3
    sources = np.stack([rng.integers(0, 13, 5), rng.integers(0, 11, 5)], axis=1)
    fields = distance_fields(walls, sources, connectivity=connectivity, threads=threads)
    for grid, source, field in zip(walls, sources, fields, strict=True):
        np.testing.assert_array_equal(field, distance_field(grid, source, connectivity=connectivity))


def test_free_grid_and_blocked_source():
    np.testing.assert_allclose(distance_field(np.zeros((1, 4), bool), (0, 1)), [[1, 0, 1, 2]])
    assert distance_field(np.zeros((5, 5), bool), (0, 0))[4, 3] == pytest.approx(1 + 3 * math.sqrt(2))
    assert np.isinf(distance_field(np.ones((3, 3), bool), (1, 1))).all()
    assert distance_fields(np.zeros((0, 3, 3), bool), np.zeros((0, 2), int)).shape == (0, 3, 3)


def test_errors_name_argument_rule_and_finding():
    walls = np.zeros((4, 5), bool)
    with pytest.raises(ValueError, match=r"source\[0\] must lie in the grid of 4 x 5 cells, found \(4, 0\)"):
        distance_field(walls, (4, 0))
    with pytest.raises(ValueError, match="source must be integers"):
        distance_field(walls, (0.5, 1.0))
    with pytest.raises(ValueError, match=r"sources must have shape \(1, 2\), found \(2, 2\)"):
        distance_fields(walls[None], np.zeros((2, 2), int))
    with pytest.raises(ValueError, match="connectivity must be 4 or 8, found 5"):
        distance_field(walls, (0, 0), connectivity=5)
    with pytest.raises(ValueError, match="threads must be an integer of at least 1, found -1"):
        distance_fields(walls[None], np.zeros((1, 2), int), threads=-1)
