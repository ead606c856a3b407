"""What is special about each family of samplers."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.anchors import AnchorSet
from anchordiff.interpolation import interpolate
from anchordiff.masks import Ends, Even, Jittered, MaxGap, Mixture, Optimal, Random, Spaced, Stride, TopScore


def steps(mask):
    return [row.nonzero()[:, 0].tolist() for row in mask]


def test_random_draws_all_steps_alike(generator):
    share = Random(3).sample(20_000, 10, generator=generator).double().mean(0)
    torch.testing.assert_close(share, torch.full((10,), 0.3, dtype=torch.float64), atol=0.02, rtol=0)


def test_random_never_draws_taken_steps_even_when_all_free_ones_are_needed(generator):
    taken = Random(4).sample(50, 9, generator=generator)
    assert torch.equal(Random(5).sample(50, 9, taken=taken, generator=generator), ~taken)


def test_even_gives_equal_gaps_where_it_can():
    assert steps(Even(8).sample(1, 64)) == [[0, 9, 18, 27, 36, 45, 54, 63]]
    assert steps(Even(2).sample(1, 5)) == [[0, 4]]
    assert steps(Even(1).sample(1, 5)) == [[0]]
    assert steps(Even(0).sample(1, 5)) == [[]]


@given(st.integers(2, 200), st.data())
def test_even_gaps_differ_by_at_most_one(horizon, data):
    count = data.draw(st.integers(2, horizon))
    gaps = AnchorSet.from_mask(Even(count).sample(1, horizon)).gaps
    assert gaps.max() - gaps.min() <= 1
    assert torch.equal(Even(count).sample(2, horizon), (Ends() + Even(count - 2)).sample(2, horizon))


def test_even_after_even_halves_every_gap():
    assert torch.equal((Even(5) + Even(4)).sample(1, 65), Even(9).sample(1, 65))


def test_stride_counts_free_steps():
    assert steps(Stride(4).sample(1, 10)) == [[0, 4, 8]]
    assert steps(Stride(4, offset=3).sample(1, 10)) == [[3, 7]]
    assert steps((Ends() + Stride(2)).sample(1, 8)) == [[0, 1, 3, 5, 7]]
    assert steps((Stride(4) | Ends()).sample(1, 10)) == [[0, 4, 8, 9]]


@given(st.integers(2, 200), st.integers(1, 30))
def test_spaced_anchors_are_even_and_as_far_apart_as_they_can_be(horizon, spacing):
    mask = Spaced(spacing).sample(2, horizon)
    assert torch.equal(mask, Even(int(mask[0].sum())).sample(2, horizon))
    gaps = mask[0].nonzero()[:, 0].diff()
    # One anchor more or less would miss the spacing by as much or more.
    assert abs((horizon - 1) / len(gaps) - spacing) <= max(spacing / (2 * len(gaps)), spacing - 1) + 1e-9
    if (horizon - 1) % spacing == 0:
        assert set(gaps.tolist()) == {spacing}


@given(st.integers(4, 60), st.integers(0, 6), st.data())
def test_jitter_keeps_count_order_and_ends(horizon, amount, data):
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 2**32)))
    base = Even(data.draw(st.integers(2, horizon)))
    before = AnchorSet.from_mask(base.sample(5, horizon))
    after = AnchorSet.from_mask(Jittered(base, amount).sample(5, horizon, generator=generator))
    assert after.num_keypoints == before.num_keypoints
    assert ((after.index - before.index).abs() <= amount).all()


def test_jitter_reaches_every_place(generator):
    drawn = Jittered(Even(3), 2).sample(500, 11, generator=generator)
    assert drawn.any(0).nonzero()[:, 0].tolist() == [0, 3, 4, 5, 6, 7, 10]


def test_jitter_jumps_over_taken_steps(generator):
    drawn = (Stride(2) + Jittered(Random(3), 3)).sample(200, 16, generator=generator)
    assert (drawn.sum(1) == 11).all()


@given(st.integers(10, 60), st.integers(0, 2**32))
def test_max_gap_keeps_its_promise(horizon, seed):
    generator = torch.Generator().manual_seed(seed)
    count, gap = 6, -(-(horizon - 1) // 5) + 1
    mask = MaxGap(count, gap=gap).sample(10, horizon, generator=generator)
    anchors = AnchorSet.from_mask(mask)
    assert anchors.num_keypoints == count
    assert anchors.gaps.max() <= gap
    both = AnchorSet.from_mask((Ends() + MaxGap(count - 2, gap=gap)).sample(10, horizon, generator=generator))
    assert both.num_keypoints == count
    assert both.gaps.max() <= gap


def test_max_gap_counts_taken_steps_as_anchors(generator):
    mask = (Random(5) + MaxGap(10, gap=8)).sample(100, 64, generator=generator)
    assert (mask.sum(1) == 15).all()
    assert AnchorSet.from_mask(mask).gaps.max() <= 8


def test_max_gap_takes_a_middle_that_must_be(generator):
    assert steps(MaxGap(3, gap=4).sample(1, 9, generator=generator)) == [[0, 4, 8]]


def test_optimal_beats_even_and_keeps_what_is_taken(generator):
    x = torch.randn(6, 40, 2, generator=generator).cumsum(1)

    def error(mask):
        anchors = AnchorSet.from_mask(mask)
        return (interpolate(anchors.gather(x), anchors) - x).square().sum((1, 2))

    alone = error(Optimal(7, x).sample(6, 40))
    given_four = error((Even(4) + Optimal(3, x)).sample(6, 40))
    assert (alone <= given_four).all()
    assert (given_four < error(Even(7).sample(6, 40))).all()
    assert torch.equal((Even(4) + Optimal(0, x)).sample(6, 40), Even(4).sample(6, 40))


def test_top_score_takes_the_highest_free_scores():
    scores = torch.tensor([[0.1, 0.9, 0.3, 0.9, 0.2], [5.0, -1.0, 4.0, -2.0, 4.0]])
    assert steps(TopScore(2, scores).sample(2, 5)) == [[1, 3], [0, 2]]
    assert steps((Ends() + TopScore(1, scores)).sample(2, 5)) == [[0, 1, 4], [0, 2, 4]]


def test_mixture_chooses_with_its_probabilities(generator):
    mask = Mixture([(0.2, Even(2)), (0.8, Even(3))]).sample(10_000, 9, generator=generator)
    assert mask.sum(1).double().mean().item() == pytest.approx(2.8, abs=0.02)
    assert set(mask.sum(1).tolist()) == {2, 3}


def test_mixture_never_chooses_what_has_no_probability(generator):
    mask = Mixture([(0.0, Even(2)), (1.0, Even(3))]).sample(1000, 9, generator=generator)
    assert (mask.sum(1) == 3).all()
