from collections import Counter

import numpy as np
import pytest

from anchordiff.domains.pointmaze.benchmark import load_starts
from anchordiff.domains.pointmaze.benchmark.starts import STORED, draw_starts
from anchordiff.domains.pointmaze.world import POINT_MAZES

NAMES = tuple(POINT_MAZES)


@pytest.mark.parametrize("name", NAMES)
def test_stored_starts_are_those_that_the_command_draws(name):
    drawn, stored = draw_starts(POINT_MAZES[name]), load_starts(name, task="multi", episodes=STORED)
    for attribute in ("position", "velocity", "target"):
        assert np.array_equal(getattr(drawn, attribute), getattr(stored, attribute))


@pytest.mark.parametrize("name", NAMES)
def test_tasks_are_paired_and_the_single_goal_is_fixed(name):
    single, multi = (load_starts(name, task=task, episodes=50) for task in ("single", "multi"))
    assert np.array_equal(single.position, multi.position)
    assert np.array_equal(single.velocity, multi.velocity)
    assert (single.target == POINT_MAZES[name].target).all()
    assert len(np.unique(multi.target, axis=0)) == 50
    assert np.array_equal(load_starts(name, task="multi", episodes=20).position, multi.position[:20])


@pytest.mark.parametrize("name", NAMES)
def test_every_round_starts_once_in_every_cell(name):
    maze = POINT_MAZES[name]
    starts = load_starts(name, task="multi", episodes=STORED)
    for points in (starts.position, starts.target):
        cells = [tuple(cell) for cell in np.floor(maze.maze.from_world(points))[:, ::-1].astype(int).tolist()]
        for first in range(0, STORED - len(maze.cells) + 1, len(maze.cells)):
            assert Counter(cells[first : first + len(maze.cells)]) == Counter(maze.cells)
        offset = points - np.array([maze.place(cell) for cell in cells])
        assert np.abs(offset).max() <= 0.1 + 1e-12
        np.testing.assert_allclose(offset.std(axis=0), 0.1 / np.sqrt(3), rtol=0.15)
    np.testing.assert_allclose(starts.velocity.std(axis=0), 0.1, rtol=0.15)


def test_wrong_arguments_are_refused(unchecked):
    with pytest.raises(ValueError, match="maze must be one of umaze, medium, large, found 'tiny'"):
        load_starts("tiny", task="single")
    with pytest.raises(ValueError, match='task must be "single" or "multi", found \'both\''):
        load_starts("umaze", task="both")
    for episodes in (0, STORED + 1):
        with pytest.raises(
            ValueError,
            match=rf"episodes must be (an integer of at least 1|at most .* = 200), found {episodes}",
        ):
            load_starts("umaze", task="single", episodes=episodes)
