"""`FunctionJudge` in a plan: what it is shown, and that it decides."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.domains.vector import VectorCondition, VectorEncoderConfig
from anchordiff.judge import Choice, FunctionJudge, Judge
from anchordiff.nn.config import TransformerConfig
from anchordiff.pipeline import TwoStagePipeline
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.keypoints import KeypointDiffusion

seeds = st.integers(0, 2**31)


@pytest.fixture(scope="module")
def pipe() -> TwoStagePipeline:
    torch.manual_seed(0)
    shared: dict[str, Any] = {"encoder": VectorEncoderConfig(), "horizon": 8, "num_keypoints": 4}
    shared["transformer"] = TransformerConfig(width=16, depth=1, heads=2)
    return TwoStagePipeline(
        KeypointDiffusion(KeypointDiffusionConfig(**shared)),
        InterpDenoiser(InterpDenoiserConfig(**shared)),
    )


def condition(count: int = 2) -> VectorCondition:
    return VectorCondition(start=torch.zeros(count, 2), goal=torch.arange(2.0 * count).view(count, 2))


@given(seed=seeds, conditions=st.integers(1, 4), candidates=st.integers(1, 6))
def test_choosing_is_lexicographic_in_validity_cost_and_place(seed, conditions, candidates):
    random = torch.Generator().manual_seed(seed)
    valid = torch.rand(conditions * candidates, generator=random) < 0.4
    cost = torch.randint(0, 4, (conditions * candidates,), generator=random).float()
    ways = torch.zeros(conditions * candidates, 2, 2)
    choice = FunctionJudge(lambda *_: (valid, cost)).choose(condition(conditions), ways)
    for element in range(conditions):
        rows = range(element * candidates, (element + 1) * candidates)
        best = min(rows, key=lambda row: (not bool(valid[row]), float(cost[row]), row))
        assert int(choice.index[element]) == best - element * candidates
        assert bool(choice.valid[element]) == bool(valid[best])
        assert float(choice.cost[element]) == float(cost[best])


@given(seed=seeds)
def test_conditions_do_not_see_each_other(seed):
    ways = torch.randn(12, 5, 2, generator=torch.Generator().manual_seed(seed))

    def score(x, given_):
        return x[:, 2, 0] > 0, (x[:, -1] - given_.goal).norm(dim=-1)

    judge, given_there = FunctionJudge(score), condition(3)
    whole = judge.choose(given_there, ways)
    for element in range(3):
        alone = judge.choose(given_there[[element]], ways[4 * element : 4 * element + 4])
        assert int(alone.index) == int(whole.index[element])
        assert bool(alone.valid) == bool(whole.valid[element])
        assert float(alone.cost) == float(whole.cost[element])


def test_numbers_that_are_none_come_last_even_among_invalid_ones():
    cost = torch.tensor([torch.nan, 5.0, torch.nan, torch.nan])
    for valid, expected, fine in (
        ([True, True, False, False], 1, True),
        ([False, False, False, False], 1, False),
        ([True, False, True, False], 0, True),
    ):
        judge = FunctionJudge(lambda *_, valid=valid: (torch.tensor(valid), cost))
        choice = judge.choose(condition(1), torch.zeros(4, 2, 2))
        assert (int(choice.index), bool(choice.valid)) == (expected, fine)
        assert float(choice.cost) == (5.0 if expected == 1 else float("inf"))


def test_a_plan_takes_what_a_function_prefers(pipe):
    shown = []

    def score(x, given_):
        shown.append((x.shape, given_))
        return x[:, 3, 1] > x[:, 3, 1].median(), x[:, 4, 0]

    options: dict[str, Any] = {"candidates": 9, "generator": torch.Generator().manual_seed(0)}
    plan = pipe.plan(condition(), judge=score, **options)
    assert shown[0][0] == (18, 8, 2)
    assert torch.equal(shown[0][1].goal, condition().goal.repeat_interleave(9, dim=0))
    valid, cost = score(plan.generation.trajectory, None)
    cost = cost.where(valid, torch.inf).view(2, 9)
    assert torch.equal(plan.index, cost.argmin(dim=1))
    assert torch.equal(plan.cost, cost.min(dim=1).values)
    assert torch.equal(plan.trajectory, plan.generation.trajectory.view(2, 9, 8, 2)[[0, 1], plan.index])
    assert torch.equal(plan.chosen.trajectory, plan.trajectory)


class Third(Judge):
    """Takes the third one, whatever it is."""

    def choose(self, condition, trajectories) -> Choice:
        index = torch.full((len(condition),), 2)
        return Choice(index=index, valid=index > 0, cost=torch.zeros(len(condition)))


def test_a_judge_of_ones_own_serves_a_call_or_a_pipeline(pipe):
    own = TwoStagePipeline(pipe.keypoints, pipe.denoiser, judge=Third())
    for plan in (pipe.plan(condition(), candidates=4, judge=Third()), own.plan(condition(), candidates=4)):
        assert plan.index.tolist() == [2, 2]
    assert own.plan(
        condition(), candidates=4, judge=lambda x, _: (x[:, 0, 0] >= 0, x[:, 0, 0])
    ).index.tolist() == [
        0,
        0,
    ]


def test_vectors_have_no_judge_of_their_own(pipe):
    with pytest.raises(ValueError, match=r"judge must be given to plan.*generate\(\) needs none"):
        pipe.plan(condition())
    with pytest.raises(ValueError, match="candidates must be an integer of at least 1, found 0"):
        pipe.plan(condition(), candidates=0, judge=Third())


@pytest.mark.usefixtures("unchecked")
def test_a_function_that_gives_too_little_is_told_so_by_plan(pipe):
    with pytest.raises(ValueError, match=r"judge must give cost as a tensor of shape \(6,\), found \(\)"):
        pipe.plan(condition(), candidates=3, judge=lambda x, _: (x[:, 0, 0] >= 0, x.sum()))
    with pytest.raises(
        ValueError, match="judge must be a Judge or a function of trajectories, found 'shortest'"
    ):
        pipe.plan(condition(), judge="shortest")
