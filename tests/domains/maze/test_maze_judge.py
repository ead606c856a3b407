"""What is chosen among a maze's candidates: the shortest that is free, checked as a whole and with its ends."""

import numpy as np
import pytest
import torch

from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.judge import MazeJudge


def room(*, wall=None):
    """An open room of 7 x 7 cells, with a wall if wanted, from (1.5, 1.5) to (5.5, 5.5)."""
    walls = np.zeros((1, 7, 7), bool)
    if wall is not None:
        walls[0, wall[0], wall[1]] = True
    ends = np.float32([[1.5, 1.5]]), np.float32([[5.5, 5.5]])
    return MazeCondition.from_arrays(walls, *ends)


STRAIGHT = [(1.5, 1.5), (3.5, 3.5), (5.5, 5.5)]
AROUND = [(1.5, 1.5), (1.5, 5.5), (5.5, 5.5)]
FAR_AROUND = [(1.5, 1.5), (0.5, 5.5), (5.5, 5.5)]


def pick(condition, *candidates, clearance=0.0):
    choice = MazeJudge(clearance=clearance).choose(condition, torch.tensor(candidates))
    return int(choice.index), bool(choice.valid), pytest.approx(float(choice.cost))


def test_the_shortest_free_candidate_wins():
    assert pick(room(), AROUND, STRAIGHT, FAR_AROUND) == (1, True, 32**0.5)
    assert pick(room(wall=(3, 3)), FAR_AROUND, STRAIGHT, AROUND) == (2, True, 8.0)


def test_ties_go_to_the_first():
    assert pick(room(), AROUND, STRAIGHT, STRAIGHT)[0] == 1


def test_the_sweep_sees_a_corner_that_no_step_touches():
    cut = [(2.9, 1.5), (3.9, 2.5)]
    assert pick(room(wall=(1, 3)), cut)[1] is False
    assert pick(room(wall=(0, 6)), cut)[1] is True


def test_clearance_counts():
    walls = room(wall=(3, 3))
    near = [(1.5, 1.5), (2.8, 4.2), (5.5, 5.5)]
    assert pick(walls, near, AROUND)[0] == 0
    assert pick(walls, near, AROUND, clearance=0.3)[0] == 1


def test_where_all_collide_the_fewest_segments_decide():
    walls = room(wall=(slice(2, 5), 3))
    twice = [(1.5, 1.5), (2.5, 3.5), (3.5, 3.5), (5.5, 5.5)]
    once = [(1.5, 1.5), (2.5, 3.5), (4.5, 3.5), (5.5, 5.5)]
    longer = [(1.5, 1.5), (1.5, 3.5), (4.5, 3.5), (5.5, 5.5)]
    index, valid, _ = pick(walls, twice, longer, once)
    assert (index, valid) == (2, False)


def test_not_a_number_is_never_chosen():
    broken = [(1.5, 1.5), (float("nan"), 3.5), (5.5, 5.5)]
    assert pick(room(), broken, AROUND)[0] == 1
    assert pick(room(wall=(3, 3)), broken, STRAIGHT)[:2] == (1, False)


def test_gaps_to_the_ends_are_a_part_of_the_way():
    short = [(2.5, 2.5), (3.5, 3.5), (4.5, 4.5)]
    assert pick(room(), short, AROUND) == (0, True, 32**0.5)
    assert (
        pick(room(wall=(1, 2)), [(2.5, 2.5), (3.5, 3.5), (5.5, 5.5)])[1] is False
    )  # by the corner of the wall
    beside = [(1.5, 3.5), (3.5, 5.5), (5.5, 5.5)]
    assert pick(room(wall=(2, 1)), beside)[1] is False
    assert pick(room(wall=(2, 2)), beside)[:2] == (0, True)


def test_each_condition_has_its_own_candidates_and_velocities_are_left_alone():
    both = MazeCondition.collate([room(), room(wall=(3, 3))])
    ways = torch.tensor([AROUND, STRAIGHT, AROUND, STRAIGHT])
    for trajectories in (ways, torch.cat([ways, torch.full_like(ways, 9.0)], dim=2)):
        choice = MazeJudge().choose(both, trajectories)
        assert choice.index.tolist() == [1, 0]
        assert choice.valid.tolist() == [True, True]
        assert choice.cost.tolist() == pytest.approx([32**0.5, 8.0])
    with pytest.raises(ValueError, match="trajectories must have a multiple of the 2 conditions"):
        MazeJudge().choose(both, ways[:3])


@pytest.mark.parametrize("clearance", [-0.1, float("nan"), float("inf")])
def test_bad_clearance(clearance):
    with pytest.raises(ValueError, match="clearance must be at least 0"):
        MazeJudge(clearance=clearance)


@pytest.mark.usefixtures("unchecked")
def test_a_condition_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="condition must be a MazeCondition, found dict"):
        MazeJudge().choose({}, torch.tensor([STRAIGHT]))
