import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.domains.pointmaze.world import POINT_MAZES
from anchordiff.domains.pointmaze.world.solvers import SOLVERS, depth_first_path, q_iteration_path
from anchordiff.kernels.grid.geodesic import distance_field

WALLS = {name: maze.maze.walls for name, maze in POINT_MAZES.items()}
CELLS = {name: maze.cells for name, maze in POINT_MAZES.items()}


@st.composite
def tasks(draw):
    name = draw(st.sampled_from(sorted(WALLS)))
    cells = st.sampled_from(CELLS[name])
    return WALLS[name], draw(cells), draw(cells)


@pytest.mark.parametrize("name", sorted(SOLVERS))
@given(task=tasks())
def test_paths_are_of_free_neighbours_and_never_cross_themselves(name, task):
    walls, start, goal = task
    path = SOLVERS[name](walls, start, goal)
    assert path[0] == start
    assert path[-1] == goal
    assert len(set(path)) == len(path)
    assert not any(walls[cell] for cell in path)
    assert all(abs(a[0] - b[0]) + abs(a[1] - b[1]) == 1 for a, b in itertools.pairwise(path))


@given(tasks())
def test_q_iteration_finds_a_shortest_path(task):
    walls, start, goal = task
    steps = distance_field(walls, start, connectivity=4)[goal]
    assert len(q_iteration_path(walls, start, goal)) - 1 == steps
    assert len(depth_first_path(walls, start, goal)) - 1 >= steps


def test_equal_ways_are_told_apart_by_the_order_of_moves():
    free = np.zeros((3, 3), bool)
    assert q_iteration_path(free, (0, 0), (1, 1)) == ((0, 0), (0, 1), (1, 1))
    assert q_iteration_path(free, (2, 2), (1, 1)) == ((2, 2), (2, 1), (1, 1))
    # The search goes on from the last neighbour that it saw: down before up, left before right.
    assert depth_first_path(free, (0, 0), (0, 2)) == ((0, 0), (1, 0), (2, 0), (2, 1), (2, 2), (1, 2), (0, 2))


@pytest.mark.parametrize("name", sorted(SOLVERS))
def test_ends_must_be_free_and_joined(name):
    walls = WALLS["umaze"]
    with pytest.raises(ValueError, match=r"goal must be a free cell .* found \(2, 1\)"):
        SOLVERS[name](walls, (1, 1), (2, 1))
    with pytest.raises(ValueError, match=r"start must be a free cell .* found \(-1, 0\)"):
        SOLVERS[name](walls, (-1, 0), (1, 1))
    parted = np.array([[False, True, False]])
    with pytest.raises(ValueError, match="start"):
        SOLVERS[name](parted, (0, 0), (0, 2))
