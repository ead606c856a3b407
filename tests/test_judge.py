"""A judge made of a function: which candidate it takes, and what it does not take from the function."""

from dataclasses import dataclass

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from anchordiff.conditions import Condition
from anchordiff.judge import FunctionJudge


@dataclass(frozen=True, kw_only=True, eq=False)
class Goal(Condition):
    """A number to reach."""

    value: Tensor

    def check(self) -> None:
        """Every number will do."""


def judge(valid: list[list[bool]], cost: list[list[float]]):
    """What is chosen of such candidates."""
    conditions, candidates = len(valid), len(valid[0])
    told = torch.tensor(valid).flatten(), torch.tensor(cost, dtype=torch.float64).flatten()
    ways = torch.arange(conditions * candidates).float().view(-1, 1, 1).expand(-1, 2, 1)
    return FunctionJudge(lambda trajectories, condition: told).choose(
        Goal(value=torch.zeros(conditions)), ways
    )


costs = st.floats(0.0, 10.0)


@given(data=st.data(), conditions=st.integers(1, 3), candidates=st.integers(1, 5))
def test_the_least_cost_of_the_valid_ones_is_taken_or_the_least_of_all(data, conditions, candidates):
    def table(values):
        row = st.lists(values, min_size=candidates, max_size=candidates)
        return data.draw(st.lists(row, min_size=conditions, max_size=conditions))

    valid, cost = table(st.booleans()), table(costs)
    choice = judge(valid, cost)
    for element in range(conditions):
        good = [c for c, fine in zip(cost[element], valid[element], strict=True) if fine]
        index = int(choice.index[element])
        assert bool(choice.valid[element]) == bool(good)
        assert float(choice.cost[element]) == cost[element][index] == min(good or cost[element])
        assert valid[element][index] == bool(good)


def test_ties_go_to_the_first_and_what_is_no_number_comes_last():
    choice = judge([[True, True, True], [False, False, False]], [[2.0, 1.0, 1.0], [float("nan"), 3.0, 3.0]])
    assert choice.index.tolist() == [1, 1]
    assert choice.valid.tolist() == [True, False]
    assert choice.cost.tolist() == [1.0, 3.0]


def test_the_function_sees_a_condition_for_each_trajectory():
    seen = []

    def score(trajectories, condition):
        seen.append((trajectories, condition.value.tolist()))
        return trajectories[:, 0, 0] > 0, (trajectories[:, 0, 0] - condition.value).abs()

    ways = torch.tensor([1.0, 4.0, -1.0, 8.0]).view(4, 1, 1)
    choice = FunctionJudge(score).choose(Goal(value=torch.tensor([3.0, -1.0])), ways)
    assert seen[0][0] is ways
    assert seen[0][1] == [3.0, 3.0, -1.0, -1.0]
    assert choice.index.tolist() == [1, 1]
    assert choice.cost.tolist() == [1.0, 9.0]
    with pytest.raises(ValueError, match=r"trajectories must have a multiple of the 2 .* found 3"):
        FunctionJudge(score).choose(Goal(value=torch.zeros(2)), ways[:3])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("told", "message"),
    [
        (
            (torch.ones(3, dtype=torch.bool), torch.ones(4)),
            r"valid as a tensor of shape \(4,\), found \(3,\)",
        ),
        ((torch.ones(4, dtype=torch.bool), [1.0] * 4), r"cost as a tensor of shape \(4,\), found list"),
        ((torch.ones(4), torch.ones(4)), r"judge must give valid as booleans, found torch.float32"),
    ],
)
def test_what_a_function_must_give(told, message):
    with pytest.raises(ValueError, match=message):
        FunctionJudge(lambda *_: told).choose(Goal(value=torch.zeros(2)), torch.zeros(4, 2, 1))


@pytest.mark.usefixtures("unchecked")
def test_a_judge_is_made_of_a_function():
    with pytest.raises(ValueError, match="judge must be a Judge or a function of trajectories, found 3"):
        FunctionJudge(3)
