import pytest
import torch
from torch.testing import assert_close

from anchordiff.domains.maze.judge import MazeJudge


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
    assert_close(plan.cost, lengths, rtol=1e-5, atol=0)
    assert plan.valid.dtype == torch.bool
    assert torch.equal(plan.to("cpu").trajectory, plan.trajectory)


def test_a_plan_that_is_free_on_its_way_but_misses_the_ends_counts_the_gaps(pipe, new_condition):
    condition = new_condition(2)
    clamped = pipe.plan(condition, candidates=2, generator=torch.Generator().manual_seed(0))
    loose = pipe.plan(condition, candidates=2, generator=torch.Generator().manual_seed(0), clamp="none")
    own = loose.trajectory.diff(dim=1).norm(dim=2).sum(1)
    assert (loose.cost > own).all()
    assert clamped.trajectory.shape == loose.trajectory.shape


def test_a_judge_of_ones_own_chooses_instead_of_the_domains(pipe, condition):
    options = {"candidates": 4, "generator": torch.Generator().manual_seed(0)}
    generation = pipe.generate(condition, num_samples=4, generator=torch.Generator().manual_seed(0))
    height = generation.trajectory[..., 1].amax(dim=1).view(3, 4)

    def score(trajectories, condition):
        assert len(trajectories) == len(condition) == 12
        return torch.ones(12, dtype=torch.bool), trajectories[..., 1].amax(dim=1)

    plan = pipe.plan(condition, judge=score, **options)
    assert torch.equal(plan.index, height.argmin(dim=1))
    assert_close(plan.cost, height.amin(dim=1))
    assert bool(plan.valid.all())


def test_the_judges_settings_reach_the_choice(pipe, condition):
    seen = [
        pipe.plan(condition, candidates=4, judge=judge, generator=torch.Generator().manual_seed(0)).valid
        for judge in (None, MazeJudge(clearance=0.0), MazeJudge(clearance=5.0))
    ]
    assert torch.equal(seen[0], seen[1])
    assert not bool(seen[2].any())


@pytest.mark.usefixtures("unchecked")
def test_where_there_is_no_judge_planning_is_refused_before_any_network_runs(new_pipeline, condition):
    pipe = new_pipeline()
    pipe.judge = None
    pipe.keypoints.encode = lambda condition: pytest.fail("a network ran")
    with pytest.raises(ValueError, match="judge must be given to plan"):
        pipe.plan(condition)
    with pytest.raises(ValueError, match="judge must be a Judge or a function of trajectories, found 3"):
        pipe.plan(condition, judge=3)
