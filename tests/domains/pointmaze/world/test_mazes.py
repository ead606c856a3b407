import numpy as np
import pytest

from anchordiff.domains.pointmaze.world import POINT_MAZES, find_point_maze

# Layouts, goals, steps and scores as D4RL has them.
CELLS = {"umaze": 7, "medium": 26, "large": 46}
TARGETS = {"umaze": (1, 1), "medium": (6, 6), "large": (7, 9)}
STEPS = {"umaze": 300, "medium": 600, "large": 800}
RETURNS = {"umaze": (23.85, 161.86), "medium": (13.13, 277.39), "large": (6.7, 273.99)}


@pytest.mark.parametrize("name", POINT_MAZES)
def test_mazes_are_d4rls(name):
    maze = POINT_MAZES[name]
    assert (maze.steps, maze.target_cell, maze.reference_returns) == (
        STEPS[name],
        TARGETS[name],
        RETURNS[name],
    )
    assert len(maze.cells) == len(set(maze.cells)) == CELLS[name]
    assert maze.cells[-1] == maze.target_cell
    assert list(maze.cells[:-1]) == sorted(maze.cells[:-1])
    assert all(not maze.maze.walls[cell] for cell in maze.cells)


@pytest.mark.parametrize("name", POINT_MAZES)
def test_places_are_d4rls_in_the_world_of_gymnasium_robotics(name):
    maze = POINT_MAZES[name]
    rows, cols = maze.maze.walls.shape
    for cell in maze.cells:
        row, col = cell  # D4RL's position is (row, col)
        there = np.array([col + 0.7 - cols / 2, rows / 2 - 0.7 - row])
        np.testing.assert_allclose(maze.place(cell), there, atol=1e-12)
        assert tuple(np.floor(maze.maze.from_world(maze.place(cell))).astype(int)) == (col, row)


def test_score_is_linear_between_the_references():
    for maze in POINT_MAZES.values():
        least, most = maze.reference_returns
        assert maze.score(least) == 0.0
        assert maze.score(most) == pytest.approx(100.0)


def test_unknown_maze_is_named():
    assert find_point_maze("large") is POINT_MAZES["large"]
    with pytest.raises(ValueError, match="maze must be one of umaze, medium, large, found 'huge'"):
        find_point_maze("huge")
