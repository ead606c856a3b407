"""The laws that every mask sampler and every combination of them keeps."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anchordiff.masks import (
    Ends,
    Even,
    Jittered,
    MaxGap,
    Mixture,
    Optimal,
    Random,
    Spaced,
    Stride,
    TopScore,
)

BATCH = 3


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def trajectory(horizon, seed=0):
    return torch.randn(BATCH, horizon, 2, generator=seeded(seed)).cumsum(1)


def samplers_of(count, horizon):
    """One sampler of each family that can draw `count` of `horizon` steps, both ends among them."""
    return [
        Ends() + Random(count - 2),
        Even(count),
        Jittered(Even(count), 2),
        MaxGap(count, gap=horizon),
        Optimal(count, trajectory(horizon)),
        Ends() + TopScore(count - 2, trajectory(horizon)[..., 0]),
        Stride(horizon // count) | Ends(),
        Spaced(horizon // count),
        Mixture([(0.25, Even(count)), (0.75, Ends() + Random(count - 2))]),
    ]


def assert_draws_free_steps(sampler, taken):
    drawn = sampler.sample(*taken.shape, taken=taken, generator=seeded())
    assert drawn.dtype == torch.bool
    assert drawn.shape == taken.shape
    assert not (drawn & taken).any()


def assert_counts_add(first, second, horizon):
    """A sum holds as many anchors as its parts."""
    one = first.sample(BATCH, horizon, generator=seeded())
    two = second.sample(BATCH, horizon, taken=one, generator=seeded())
    both = (first + second).sample(BATCH, horizon, generator=seeded())
    assert torch.equal(both.sum(1), one.sum(1) + two.sum(1))


def assert_repeatable(sampler, horizon):
    """The same generator gives the same mask; the global one is not touched."""
    before = torch.get_rng_state()
    one = sampler.sample(BATCH, horizon, generator=seeded(7))
    assert torch.equal(one, sampler.sample(BATCH, horizon, generator=seeded(7)))
    assert torch.equal(before, torch.get_rng_state())


@settings(max_examples=20)
@given(st.integers(6, 40), st.data())
def test_every_family_keeps_the_laws(horizon, data):
    count = data.draw(st.integers(2, horizon // 3))
    extra = data.draw(st.integers(0, horizon // 3))
    for sampler in samplers_of(count, horizon):
        assert_repeatable(sampler, horizon)
        mask = sampler.sample(BATCH, horizon, generator=seeded())
        assert mask[:, [0, -1]].all()
        for second in (Random(extra), Even(extra), TopScore(extra, trajectory(horizon)[..., 1])):
            assert_counts_add(sampler, second, horizon)
            assert_draws_free_steps(second, mask)


@given(st.integers(4, 40), st.integers(0, 2**32))
def test_unions_hold_both_and_share(horizon, seed):
    one, two = Stride(3), Stride(2)
    mask = (one | two).sample(BATCH, horizon)
    assert torch.equal(mask, one.sample(BATCH, horizon) | two.sample(BATCH, horizon))
    mixed = (Even(4) | Random(3)).sample(BATCH, horizon, generator=seeded(seed))
    assert (mixed & Even(4).sample(BATCH, horizon)).sum() == 4 * BATCH
    assert ((mixed.sum(1) >= 4) & (mixed.sum(1) <= 7)).all()


def test_sums_and_unions_are_values():
    assert Ends() + Random(3) == Ends() + Random(3)
    assert Ends() + Random(3) != Ends() + Random(4)
    assert repr(Even(2) | Stride(4)) == "Union(first=Even(count=2), second=Stride(step=4, offset=0))"


def test_sums_associate():
    one = ((Ends() + Even(3)) + Even(4)).sample(1, 40)
    assert torch.equal(one, (Ends() + (Even(3) + Even(4))).sample(1, 40))


@pytest.mark.parametrize(
    ("sampler", "batch", "horizon", "message"),
    [
        (Random(9), 1, 8, "count must be at most horizon = 8, found 9"),
        (Even(9), 1, 8, "count must be at most horizon = 8, found 9"),
        (Even(5) + Random(4), 1, 8, "count must be at most the 3 free steps of row 0, found 4"),
        (Ends() + Ends(), 1, 8, "both ends free for Ends.., found step 0 taken in row 0"),
        (Stride(2, offset=8), 1, 8, "count must be at most horizon = 8, found 9"),
        (Even(2), 0, 8, "batch must be an integer of at least 1, found 0"),
        (Even(2), 1, 1, "horizon must be an integer of at least 2, found 1"),
        (MaxGap(4, gap=3), 1, 64, "count must be 22 to 64 to keep every gap of row 0 within 3, found 4"),
        (Optimal(1, torch.zeros(1, 8, 2)), 1, 8, "2 to 8, found 1"),
        (
            Optimal(2, torch.zeros(1, 8, 2)),
            2,
            8,
            r"horizon \(2, 8\), found \(1, 8\)",
        ),
        (
            TopScore(2, torch.zeros(1, 8)),
            1,
            9,
            r"horizon \(1, 9\), found \(1, 8\)",
        ),
    ],
)
def test_impossible_draws_are_refused(sampler, batch, horizon, message):
    with pytest.raises(ValueError, match=message):
        sampler.sample(batch, horizon, generator=seeded())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Random(-1), "count must be an integer of at least 0, found -1"),
        (lambda: Even(-2), "count must be an integer of at least 0"),
        (lambda: TopScore(-2, torch.zeros(1, 8)), "count must be an integer of at least 0"),
        (lambda: MaxGap(3, gap=0), "gap must be an integer of at least 1, found 0"),
        (lambda: Spaced(0), "spacing must be an integer of at least 1, found 0"),
        (lambda: Stride(0), "step must be an integer of at least 1, found 0"),
        (lambda: Stride(2, offset=-1), "offset must be an integer of at least 0"),
        (lambda: Jittered(Even(3), -1), "amount must be an integer of at least 0"),
        (lambda: Mixture([(0.5, Even(3))]), r"add up to 1, found \[0.5\]"),
        (
            lambda: Mixture([(-0.5, Even(3)), (1.5, Even(3))]),
            "a probability in parts must be a finite number of at least 0, found -0.5",
        ),
        (lambda: Mixture([]), "add up to 1"),
        (
            lambda: TopScore(1, torch.tensor([[0.0, torch.nan]])),
            r"finite, found nan at \[0, 1\]",
        ),
        (lambda: Optimal(2, torch.full((1, 2, 1), torch.inf)), "trajectory must be finite, found inf"),
    ],
)
def test_impossible_samplers_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.usefixtures("unchecked")
def test_taken_must_fit():
    with pytest.raises(ValueError, match=r"taken must be .* shape \(2, 8\), found torch.bool \(2, 7\)"):
        Random(2).sample(2, 8, taken=torch.zeros(2, 7, dtype=torch.bool))
