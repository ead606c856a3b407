import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.metrics import (
    collision_rate,
    diversity,
    is_success,
    length_ratio,
    path_length,
    smoothness,
    ways,
)

# 7 x 7, closed border, a bar of walls at row 3 that leaves a gap at column 1.
WALLS = torch.ones(7, 7, dtype=torch.bool)
WALLS[1:6, 1:6] = False
WALLS[3, 2:6] = True
START, GOAL = (4.5, 1.5), (4.5, 5.5)
AROUND = [START, (1.5, 2.5), (1.5, 4.5), GOAL]


def condition(copies: int = 1) -> MazeCondition:
    return MazeCondition.from_arrays(
        WALLS.repeat(copies, 1, 1), torch.tensor([START] * copies), torch.tensor([GOAL] * copies)
    )


def line(*points: tuple[float, float]) -> torch.Tensor:
    return torch.tensor([points], dtype=torch.float32)


def test_a_free_way_that_reaches_the_goal_succeeds():
    assert is_success(condition(), line(*AROUND)).tolist() == [True]


def test_a_way_through_a_wall_fails_even_if_no_vertex_is_in_it():
    through = line(START, (4.5, 2.5), (4.5, 4.5), GOAL)
    assert collision_rate(condition(), through).tolist() == [0.0]
    assert is_success(condition(), through).tolist() == [False]


@pytest.mark.parametrize(("miss", "success"), [(0.05, True), (0.2, False)])
@pytest.mark.parametrize("end", [0, -1])
def test_both_ends_must_be_reached(miss, success, end):
    way = line(*AROUND)
    way[0, end, 0] += miss
    assert is_success(condition(), way).tolist() == [success]


def test_the_gap_between_start_and_first_point_is_checked_too():
    walls = torch.zeros(1, 5, 5, dtype=torch.bool)
    walls[0, 2, 2] = True
    corner = MazeCondition.from_arrays(walls, torch.tensor([[1.97, 1.99]]), torch.tensor([[0.5, 0.5]]))
    past = torch.tensor([[[2.03, 1.97], [1.5, 1.5], [0.5, 0.5]]])
    assert is_success(corner, past, reach=0.2).tolist() == [True]
    across = torch.tensor([[[1.97, 2.0], [1.5, 1.5], [0.5, 0.5]]])
    assert is_success(corner, across, reach=0.2).tolist() == [True]
    inside = torch.tensor([[[2.03, 2.01], [1.5, 1.5], [0.5, 0.5]]])
    assert is_success(corner, inside, reach=0.2).tolist() == [False]


def test_a_radius_asks_for_more_room():
    assert is_success(condition(), line(*AROUND), radius=0.45).tolist() == [True]
    assert is_success(condition(), line(*AROUND), radius=0.55).tolist() == [False]


def test_candidates_are_condition_major():
    good, bad = line(*AROUND), line(START, (4.5, 2.5), (4.5, 4.5), GOAL)
    both = torch.cat([good, bad, bad, good])
    assert is_success(condition(2), both).tolist() == [True, False, False, True]


def test_a_fraction_of_a_batch_is_refused():
    with pytest.raises(
        ValueError, match="trajectory must have a multiple of the 2 conditions as its length, found 3"
    ):
        is_success(condition(2), line(*AROUND).repeat(3, 1, 1))


@given(st.integers(0, 2**31))
def test_collision_rate_counts_points(seed):
    points = torch.rand(3, 9, 2, generator=torch.Generator().manual_seed(seed)) * 8 - 0.5
    expected = []
    for way in points.numpy():
        hits = 0
        for x, y in way:
            row, col = int(np.floor(y)), int(np.floor(x))
            outside = not (0 <= row < 7 and 0 <= col < 7)
            hits += outside or bool(WALLS[row, col])
        expected.append(hits / 9)
    assert collision_rate(condition(), points).tolist() == pytest.approx(expected)


def test_lengths_are_in_cells():
    assert path_length(line((0, 0), (3, 4), (3, 5))).tolist() == [6.0]
    assert length_ratio(line((0, 0), (0, 6)), line((0, 0), (3, 4))).tolist() == pytest.approx([1.2])


def test_velocities_are_not_positions():
    way = torch.cat([line(*AROUND), torch.full((1, 4, 2), 100.0)], dim=2)
    assert path_length(way).tolist() == path_length(line(*AROUND)).tolist()
    assert is_success(condition(), way).tolist() == [True]
    assert smoothness(way).tolist() == smoothness(line(*AROUND)).tolist()


def test_smoothness_is_the_mean_squared_second_difference():
    steps = torch.arange(10.0)
    parabola = torch.stack([steps, 0.5 * steps**2], dim=1)[None]
    assert smoothness(parabola).tolist() == pytest.approx([1.0])
    assert smoothness(torch.stack([steps, 2 * steps], dim=1)[None]).tolist() == pytest.approx([0.0])
    assert smoothness(line((0, 0), (1, 1))).tolist() == [0.0]


def test_diversity_is_the_mean_over_pairs():
    candidates = torch.rand(2, 4, 5, 2, generator=torch.Generator().manual_seed(0))
    expected = [
        np.mean([np.linalg.norm(a - b, axis=1).mean() for a, b in itertools.combinations(group, 2)])
        for group in candidates.numpy()
    ]
    assert diversity(candidates).tolist() == pytest.approx(expected)
    assert diversity(candidates[:, :1].repeat(1, 3, 1, 1)).tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="at least 2"):
        diversity(candidates[:, :1])


def test_the_way_from_the_start_to_the_first_point_counts():
    walls = torch.ones(5, 5, dtype=torch.bool)
    walls[1:4, 1:4] = False
    walls[2, 2] = True
    first, last = (2.03, 1.97), (3.5, 1.5)
    points = torch.tensor([[first, (3.5, 1.6), last]])
    # From the start the line to the first point runs through the corner (2, 2) of the wall.
    for start, free in (((1.97, 2.03), False), (first, True)):
        ends = torch.tensor([start]), torch.tensor([last])
        asked = MazeCondition.from_arrays(walls[None], *ends)
        assert is_success(asked, points).tolist() == [free]


# 9 x 9 with two islands of walls: one cell, and a block of two.
ISLANDS = torch.ones(9, 9, dtype=torch.bool)
ISLANDS[1:8, 1:8] = False
ISLANDS[4, 2] = ISLANDS[4, 5] = ISLANDS[4, 6] = True


def through(*gaps: float) -> torch.Tensor:
    """Ways from the left to the right side through the gaps above or below each island."""
    ends = [(1.5, 4.5), (7.5, 4.5)]
    middle = [(2.5, gaps[0]), (4.0, 4.5), (6.0, gaps[1])]
    points = torch.tensor([ends[0], *middle, ends[1]])
    return torch.nn.functional.interpolate(points.T[None], size=41, mode="linear", align_corners=True)[0].T


def test_ways_are_told_apart_by_what_they_go_around():
    there = MazeCondition.from_arrays(ISLANDS[None], torch.tensor([[1.5, 4.5]]), torch.tensor([[7.5, 4.5]]))
    four = [through(*gaps) for gaps in itertools.product((2.0, 7.0), repeat=2)]

    def count(*candidates):
        return ways(there, torch.stack(candidates)[None]).tolist()

    assert count(*four) == [4]
    assert count(four[0], four[1], four[1] + 0.0) == [2]
    bent = through(1.5, 2.5)  # the same side, another shape
    assert bool(is_success(there, bent[None]).all())
    assert count(four[0], bent) == [1]
    wall = torch.lerp(torch.tensor([1.5, 4.5]), torch.tensor([7.5, 4.5]), torch.linspace(0, 1, 41)[:, None])
    assert count(four[3], wall) == [1]  # what is not free takes no way
    assert count(wall, wall) == [0]
    twice = torch.cat([four[0], four[2].flip(0), four[0]])  # once around the first island more
    assert bool(is_success(there, twice[None]).all())
    once = torch.nn.functional.interpolate(
        four[0].T[None], size=len(twice), mode="linear", align_corners=True
    )[0].T
    assert count(once, twice) == [2]
