import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.masks import Ends, Even, Jittered, Mixture, Nested, Optimal, Random, TopScore

GROWTHS = ("doubling", "linear", "geometric")


def assert_nested(masks, base_count):
    """Level 0 is full, every level holds the next one, the last has the base's count."""
    assert masks[:, 0].all()
    assert (masks[:, :-1] >= masks[:, 1:]).all()
    assert (masks[:, -1].sum(1) == base_count).all()


@pytest.mark.parametrize("growth", GROWTHS)
@given(horizon=st.integers(8, 50), num_levels=st.integers(1, 9), seed=st.integers(0, 2**32), data=st.data())
def test_levels_nest_whatever_the_base(growth, horizon, num_levels, seed, data):
    generator = torch.Generator().manual_seed(seed)
    count = data.draw(st.integers(2, horizon))
    x = torch.randn(3, horizon, 2, generator=generator)
    scores = x[..., 0]
    for nested in (
        Nested(Ends() + Random(count - 2), num_levels, growth),
        Nested(Even(count), num_levels, growth, fill=Even),
        Nested(Jittered(Even(count), 2), num_levels, growth, fill=Even),
        Nested(TopScore(count, scores), num_levels, growth, fill=lambda n: TopScore(n, scores)),
        Nested(Optimal(count, x), num_levels, growth, fill=lambda n: Optimal(n, x)),
    ):
        masks = nested.sample(3, horizon, generator=generator)
        assert masks.shape == (3, num_levels + 1, horizon)
        assert_nested(masks, count)
        assert masks.sum(2).tolist() == [nested.counts(count, horizon)] * 3


def test_scores_give_the_best_steps_at_every_level(generator):
    scores = torch.randn(2, 32, generator=generator)
    masks = Nested(TopScore(4, scores), 3, fill=lambda n: TopScore(n, scores)).sample(2, 32)
    for level, count in enumerate([32, 16, 8, 4]):
        assert torch.equal(masks[:, level], TopScore(count, scores).sample(2, 32))


@pytest.mark.parametrize(
    ("growth", "expected"),
    [
        ("doubling", [64, 64, 32, 16, 8]),
        ("linear", [64, 50, 36, 22, 8]),
        ("geometric", [64, 38, 23, 13, 8]),
    ],
)
def test_counts_follow_the_growth(growth, expected):
    assert Nested(Even(8), 4, growth).counts(8, 64) == expected


@given(st.sampled_from(GROWTHS), st.integers(1, 100), st.integers(2, 500), st.data())
def test_counts_never_shrink_towards_level_0(growth, num_levels, horizon, data):
    counts = Nested(Even(2), num_levels, growth).counts(data.draw(st.integers(1, horizon)), horizon)
    assert counts[0] == horizon
    assert counts == sorted(counts, reverse=True)
    assert len(counts) == num_levels + 1


def test_many_levels_do_not_overflow():
    assert math.prod(Nested(Even(2), 10_000).counts(2, 8)[:3]) == 8**3


def test_rows_must_have_one_count(generator):
    uneven = Nested(Mixture([(0.5, Even(3)), (0.5, Even(4))]), 2)
    with pytest.raises(ValueError, match="same number of anchors in every row, found 3 to 4"):
        uneven.sample(50, 20, generator=generator)


@pytest.mark.usefixtures("unchecked")
def test_impossible_nestings_are_refused():
    with pytest.raises(ValueError, match="num_levels must be an integer of at least 1, found 0"):
        Nested(Even(3), 0)
    with pytest.raises(ValueError, match=r"growth must be .* found 'cubic'"):
        Nested(Even(3), 2, "cubic")
    with pytest.raises(ValueError, match="between 1 and horizon = 8 anchors, found 0"):
        Nested(Even(0), 2).sample(1, 8)
    with pytest.raises(ValueError, match="count must be at most horizon = 8, found 9"):
        Nested(Even(9), 2).sample(1, 8)
