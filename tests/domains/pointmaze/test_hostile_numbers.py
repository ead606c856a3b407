"""Numbers that are none, of a wrong shape or out of range are refused, wherever they come in."""

from dataclasses import replace

import numpy as np
import pytest

from anchordiff.domains.pointmaze.benchmark import Random, load_starts, run_episode, shortest_planner
from anchordiff.domains.pointmaze.benchmark.measures import paired_difference
from anchordiff.domains.pointmaze.benchmark.starts import draw_starts
from anchordiff.domains.pointmaze.data import PointMazeConfig, ShortestBetween, held_out_episodes
from anchordiff.domains.pointmaze.planner import PointMazePlanner
from anchordiff.domains.pointmaze.world import (
    POINT_MAZES,
    PointMazeEnv,
    WallBoxes,
    find_point_maze,
    find_walls,
)
from anchordiff.domains.pointmaze.world.numbers import check_above_zero, check_numbers

MAZE = POINT_MAZES["umaze"]
STARTS = load_starts("umaze", task="single", episodes=3)
WALLS = find_walls(MAZE)
NAN = np.full(2, np.nan)


def planner():
    return PointMazePlanner(pipeline=None, maze=MAZE)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: check_numbers("x", "ab", (2,)), r"x must be finite numbers of shape \(2,\), found <U2"),
        (lambda: check_numbers("x", [[1], [1, 2]], (2,)), r"x must be finite numbers of shape \(2,\), found"),
        (lambda: check_numbers("x", [True, False], (2,)), "found bool"),
        (lambda: check_numbers("x", np.array([1, 2], object), (2,)), "found object"),
        (lambda: check_above_zero("x", np.nan), "x must be finite numbers"),
        (lambda: MAZE.place((5, 1)), "the row of cell must be at most the last one = 4, found 5"),
        (lambda: MAZE.centre((1, -1)), "the column of cell must be an integer of at least 0, found -1"),
        (lambda: MAZE.centre((1.5, 1)), "the row of cell must be an integer"),
        (lambda: MAZE.centre(3), r"cell must be a pair \(row, col\), found 3"),
        (lambda: MAZE.score(np.nan), "rewarded must be a finite number, found nan"),
        (lambda: find_point_maze([]), "maze must be one of umaze"),
        (lambda: WALLS.contains(NAN), "points must be finite, with 2 columns"),
        (lambda: WALLS.overlap(np.zeros((3, 4)), radius=0.1), r"with 2 columns, found shape \(3, 4\)"),
        (lambda: WallBoxes(WALLS.low, WALLS.high[:1]), r"high must be finite numbers of shape \(\d+, 2\)"),
        (lambda: WallBoxes(WALLS.low * np.inf, WALLS.high), "low must be finite numbers"),
        (lambda: planner()(np.full(4, np.nan), MAZE.target), r"state must be finite numbers of shape \(4,\)"),
        (lambda: planner()(np.zeros(4), NAN), r"target must be finite numbers of shape \(2,\)"),
        (lambda: shortest_planner(MAZE, horizon=2.5), "horizon must be an integer of at least 2, found 2.5"),
        (
            lambda: paired_difference(np.zeros(3), np.zeros(1)),
            r"others must be finite numbers of shape \(3,\)",
        ),
        (lambda: paired_difference(NAN, np.zeros(2)), "scores must be finite numbers"),
        (lambda: paired_difference(np.zeros(0), np.zeros(0)), r"scores must be .* found shape \(0,\)"),
        (lambda: replace(STARTS, position=STARTS.position * np.nan), "position must be finite"),
        (
            lambda: replace(STARTS, target=STARTS.target[:1]),
            r"target must be finite numbers of shape \(3, 2\)",
        ),
        (lambda: draw_starts(MAZE, episodes=0), "episodes must be an integer of at least 1, found 0"),
        (
            lambda: load_starts("umaze", task="single", episodes=2.5),
            "episodes must be an integer .* found 2.5",
        ),
        (lambda: held_out_episodes(2.5, share=0.1, block=1, seed=0), "count must be an integer"),
        (lambda: ShortestBetween(count=1.5), "count must be an integer of at least 1, found 1.5"),
        (
            lambda: PointMazeConfig(grid=(9,)),
            r"grid must be a tuple \(an integer, an integer\) or None, found \(9,\)",
        ),
        (lambda: PointMazeConfig(grid=(9, 0)), "grid must be an integer of at least 1, found 0"),
        (lambda: PointMazeConfig(dim=2.0), "dim must be one of 2, 4, found 2.0"),
    ],
)
def test_what_is_no_number_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_episodes_that_are_not_stored_are_refused():
    with PointMazeEnv(MAZE) as env:
        for number in (-1, 3):
            with pytest.raises(ValueError, match=f"number must be .*, found {number}"):
                run_episode(env, Random(), STARTS, number)
        with pytest.raises(ValueError, match="seed must be an integer of at least 0, found -1"):
            run_episode(env, Random(), STARTS, 0, seed=-1)


def test_numbers_are_copied_as_float64():
    given = np.array([1, 2], ">i4")
    taken = check_numbers("x", given, (2,))
    assert (taken.dtype, taken.tolist()) == (np.float64, [1.0, 2.0])
    floats = np.zeros(2)
    assert not np.shares_memory(check_numbers("x", floats, (None,)), floats)


@pytest.mark.parametrize("other", [3, "x", None])
def test_filters_go_together_with_filters_alone(other):
    kept = ShortestBetween(count=2)
    for join in (lambda: kept & other, lambda: kept | other):
        with pytest.raises(TypeError, match="unsupported operand type"):
            join()
