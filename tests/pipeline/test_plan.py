import numpy as np
import pytest
import torch
from torch.testing import assert_close

from anchordiff.conditions import MazeCondition
from anchordiff.pipeline.selection import choose


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
    index, valid, length = choose(condition, torch.tensor(candidates), clearance=clearance)
    return int(index), bool(valid), pytest.approx(float(length))


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


def test_plan(pipe, condition):
    plan = pipe.plan(condition, candidates=4, generator=torch.Generator().manual_seed(0), batch_size=3)
    assert len(plan) == 3
    assert len(plan.generation) == 12
    samples = pipe.generate(condition, num_samples=4, generator=torch.Generator().manual_seed(0))
    assert_close(plan.generation.trajectory, samples.trajectory, rtol=0, atol=1e-4)
    assert torch.equal(plan.trajectory, plan.chosen.trajectory)
    rows = torch.arange(3) * 4 + plan.index
    assert torch.equal(plan.trajectory, plan.generation.trajectory[rows])
    lengths = plan.trajectory.diff(dim=1).norm(dim=2).sum(1)
    assert_close(plan.length, lengths, rtol=1e-5, atol=0)
    assert plan.valid.dtype == torch.bool
    assert torch.equal(plan.to("cpu").trajectory, plan.trajectory)


def test_a_plan_that_is_free_on_its_way_but_misses_the_ends_counts_the_gaps(pipe, new_condition):
    condition = new_condition(2)
    clamped = pipe.plan(condition, candidates=2, generator=torch.Generator().manual_seed(0))
    loose = pipe.plan(condition, candidates=2, generator=torch.Generator().manual_seed(0), clamp="none")
    own = loose.trajectory.diff(dim=1).norm(dim=2).sum(1)
    assert (loose.length > own).all()
    assert clamped.trajectory.shape == loose.trajectory.shape


@pytest.mark.parametrize("clearance", [-0.1, float("nan"), float("inf")])
def test_bad_clearance(pipe, condition, clearance):
    with pytest.raises(ValueError, match="clearance must be at least 0"):
        pipe.plan(condition, clearance=clearance)
