"""Horizons by the length of the way."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.horizons import AdaptiveHorizon
from anchordiff.masks import Spaced

settings_of = st.builds(
    AdaptiveHorizon,
    steps_per_unit=st.floats(0.1, 10),
    spacing=st.integers(1, 20),
    fewest=st.integers(2, 10),
    most=st.integers(10, 80),
)


@given(settings_of, st.lists(st.floats(0, 1e4), min_size=2, max_size=6))
def test_longer_ways_get_more_steps_within_bounds(adaptive, lengths):
    lengths = sorted(lengths)
    counts = adaptive.num_keypoints(torch.tensor(lengths, dtype=torch.float64)).tolist()
    assert counts == sorted(counts)
    for length, count in zip(lengths, counts, strict=True):
        assert adaptive.fewest <= count <= adaptive.most
        steps = adaptive.horizon(count) - 1
        if count < adaptive.most:
            assert steps >= length * adaptive.steps_per_unit - 1e-2
        if count > adaptive.fewest:
            assert steps - adaptive.spacing < length * adaptive.steps_per_unit + 1e-2


@given(settings_of)
def test_its_anchors_are_those_of_spaced(adaptive):
    for count in (adaptive.fewest, adaptive.most):
        mask = Spaced(adaptive.spacing).sample(1, adaptive.horizon(count))
        assert mask[0].nonzero()[:, 0].tolist() == [adaptive.spacing * k for k in range(count)]


def test_a_length_that_nobody_knows_gets_the_most():
    assert AdaptiveHorizon().num_keypoints(torch.tensor([math.inf, math.nan])).tolist() == [57, 57]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"steps_per_unit": 0.0}, "steps_per_unit must be above 0, found 0.0"),
        ({"spacing": 0}, "spacing must be an integer of at least 1, found 0"),
        ({"fewest": 1}, "fewest must be an integer of at least 2, found 1"),
        ({"most": 7}, "most must be an integer of at least 8, found 7"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_is_out_of_range(change, told):
    with pytest.raises(ValueError, match=told):
        AdaptiveHorizon(**change)
