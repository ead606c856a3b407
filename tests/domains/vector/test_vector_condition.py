"""What may be given of a trajectory of numbers: parts, absence, and what does not fit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.domains.vector import VectorCondition
from anchordiff.domains.vector.condition import PARTS

HORIZON = 5


def full(batch: int = 3, *, seed: int = 0) -> VectorCondition:
    random = torch.Generator().manual_seed(seed)
    return VectorCondition(
        start=torch.randn(batch, 2, generator=random),
        goal=torch.randn(batch, 4, generator=random),
        known=torch.randn(batch, HORIZON, 4, generator=random),
        is_known=torch.rand(batch, HORIZON, 4, generator=random) < 0.3,
        context=torch.randn(batch, 6, generator=random),
        tokens=torch.randn(batch, 7, 3, generator=random),
        visible=torch.rand(batch, 7, generator=random) < 0.5,
    )


def test_what_is_given_is_kept():
    condition = full()
    condition.check()
    assert len(condition) == 3
    assert condition.device == torch.device("cpu")
    assert condition.goal.shape == (3, 4)
    assert [condition.has(part).tolist() for part in PARTS] == [[True] * 3] * 4
    assert torch.equal(condition.seen, condition.visible)
    assert torch.equal(condition.known_steps(HORIZON), condition.is_known.any(dim=2))


@pytest.mark.usefixtures("unchecked")
def test_arrays_of_any_numbers_become_single_precision():
    condition = VectorCondition(start=np.arange(6).reshape(3, 2), goal=[[0.5], [1.5], [2.5]])
    assert condition.start.dtype == condition.goal.dtype == torch.float32
    assert condition.goal[:, 0].tolist() == [0.5, 1.5, 2.5]
    condition.check()
    with pytest.raises(ValueError, match=r"start must be an array or a tensor, found str"):
        VectorCondition(start="here")


def test_nothing_may_be_given():
    empty = VectorCondition.empty(4)
    empty.check()
    assert len(empty) == 4
    assert empty.known_steps(9) is None
    assert [empty.has(part) for part in PARTS] == [None] * 4
    with pytest.raises(ValueError, match="VectorCondition must be given at least one part"):
        VectorCondition()
    with pytest.raises(ValueError, match="batch must be at least 1, found 0"):
        VectorCondition.empty(0)


@given(
    parts=st.lists(st.sampled_from(PARTS), max_size=4),
    where=st.lists(st.booleans(), min_size=3, max_size=3),
    again=st.sampled_from(PARTS),
)
def test_parts_are_taken_from_some_and_do_not_come_back(parts, where, again):
    condition, chosen = full(), torch.tensor(where)
    less = condition.without(*parts, where=chosen)
    for place, part in enumerate(PARTS):
        expected = [not (part in parts and taken) for taken in where]
        assert less.given[:, place].tolist() == expected
        assert less.has(part).tolist() == expected
    assert less.start is condition.start
    assert condition.given is None
    further = less.without(again)
    assert not bool(further.has(again).any())
    for part in PARTS:
        assert bool((further.has(part) <= less.has(part)).all())
    less.check()


def test_what_guidance_strengthens():
    without = full().without_guided()
    assert without.given.tolist() == [[True, True, False, False]] * 3
    assert not bool(without.seen.any())
    with pytest.raises(
        ValueError, match="guidance must be left out where there is neither context nor tokens"
    ):
        VectorCondition(start=torch.zeros(1, 2)).without_guided()
    with pytest.raises(ValueError, match="parts must be among start, goal, context, tokens, found 'known'"):
        full().without("known")


@given(seed=st.integers(0, 99), times=st.integers(1, 3))
def test_conditions_are_records(seed, times):
    condition = full(4, seed=seed).without("goal", where=torch.tensor([True, False, False, True]))
    for name, value in vars(condition).items():
        assert torch.equal(getattr(condition.repeat(times), name), value.repeat_interleave(times, dim=0))
        assert torch.equal(getattr(condition[1:3], name), value[1:3])
        joined = VectorCondition.collate([condition[:1], condition[1:]])
        assert torch.equal(getattr(joined, name), value)
    assert condition.to("cpu").start.device == torch.device("cpu")


def test_conditions_of_which_some_lack_parts_are_not_joined_in_silence():
    condition = full()
    for parts in ([condition, condition.without("goal")], [condition.without("goal"), condition]):
        with pytest.raises(ValueError, match="records must all have given, or none of them"):
            VectorCondition.collate(parts)
    with pytest.raises(ValueError, match="records must all have visible, or none of them"):
        VectorCondition.collate([condition, replace(condition, visible=None)])


def changed(**changes: Any) -> VectorCondition:
    return replace(full(), **changes)


NAN = torch.tensor([[0.0, 0.0], [0.0, torch.nan], [0.0, 0.0]])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: changed(start=torch.zeros(3)),
            r"start must be a floating-point tensor of shape \(batch, numbers\), found torch.float32 \(3,\)",
        ),
        (
            lambda: changed(tokens=torch.zeros(3, 7)),
            r"tokens must be a floating-point tensor of shape \(batch, places, features\), found",
        ),
        (lambda: changed(is_known=None), "known and is_known must be given together, found no is_known"),
        (lambda: changed(known=None), "known and is_known must be given together, found no known"),
        (lambda: changed(tokens=None), "visible must be left out without tokens, found it alone"),
        (
            lambda: changed(is_known=torch.ones(3, HORIZON, 3, dtype=torch.bool)),
            r"is_known must be booleans of shape \(3, 5, 4\), found torch.bool \(3, 5, 3\)",
        ),
        (
            lambda: changed(visible=torch.ones(3, 7)),
            r"visible must be booleans of shape \(3, 7\), found torch.float32 \(3, 7\)",
        ),
        (
            lambda: changed(given=torch.ones(3, 2, dtype=torch.bool)),
            r"given must be booleans of shape \(3, 4\), found torch.bool \(3, 2\)",
        ),
        (lambda: changed(start=NAN), r"start\[1, 1\] must be finite, found nan"),
        (lambda: changed(goal=NAN), r"goal\[1, 1\] must be finite, found nan"),
        (lambda: changed(context=NAN / 0), r"context\[0, 0\] must be finite, found nan"),
        (
            lambda: changed(goal=torch.ones(3, 2, device="meta")),
            "goal must be a floating-point tensor .* found torch.strided on meta",
        ),
    ],
)
def test_what_does_not_fit_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make().check()


@pytest.mark.usefixtures("unchecked")
def test_lengths_must_be_one():
    message = "the parts of a condition must have one length, found {'start': 2, 'goal': 3}"
    with pytest.raises(ValueError, match=message):
        VectorCondition(start=torch.zeros(2, 1), goal=torch.zeros(3, 1))


def test_numbers_that_are_not_given_may_be_anything():
    condition = full()
    condition.known[~condition.is_known] = torch.nan
    condition.tokens[~condition.visible] = torch.inf
    condition.check()
    gone = changed(start=NAN).without("start", where=torch.tensor([False, True, False]))
    gone.check()
    with pytest.raises(ValueError, match=r"known\["):
        replace(condition, is_known=torch.ones_like(condition.is_known)).check()
    with pytest.raises(ValueError, match=r"tokens\[.* must be finite, found inf"):
        replace(condition, visible=None).check()


def test_way_points_are_for_one_horizon():
    with pytest.raises(ValueError, match="known must have the horizon 8 of the call, found 5"):
        full().known_steps(8)
    assert VectorCondition(start=torch.zeros(1, 2)).known_steps(8) is None
