from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.kernels.anchors import optimal_anchors, spread_evenly
from anchordiff.kernels.max_gap import draw_bounded_gaps


def error(row, anchors):
    """Squared error of linear interpolation from the given anchors."""
    steps = np.arange(len(row))
    rebuilt = np.stack([np.interp(steps, anchors, row[anchors, d]) for d in range(row.shape[1])], axis=1)
    return ((rebuilt - row) ** 2).sum()


def choices(taken, count):
    """Every way to add `count` free steps such that both ends are anchors."""
    free = np.flatnonzero(~taken)
    for drawn in combinations(free.tolist(), count):
        anchors = np.union1d(np.flatnonzero(taken), drawn).astype(int)
        if anchors[0] == 0 and anchors[-1] == len(taken) - 1:
            yield drawn, anchors


@st.composite
def tasks(draw):
    horizon = draw(st.integers(2, 9))
    taken = np.array(draw(st.lists(st.booleans(), min_size=horizon, max_size=horizon)))
    least, most = int(not taken[0]) + int(not taken[-1]), int((~taken).sum())
    return taken, draw(st.integers(least, most)), np.random.default_rng(draw(st.integers(0, 2**32)))


@given(tasks(), st.integers(1, 3))
def test_no_choice_is_better(task, dim):
    taken, count, rng = task
    row = rng.normal(size=(len(taken), dim)).cumsum(0)
    if count == 0:
        return
    (found,) = optimal_anchors(row[None], count, taken=taken[None])
    assert (np.diff(found) > 0).all()
    assert not taken[found].any()
    best = min(error(row, anchors) for _, anchors in choices(taken, count))
    together = np.union1d(np.flatnonzero(taken), found)
    np.testing.assert_allclose(error(row, together), best, rtol=1e-9, atol=1e-9)


def test_rows_and_dtypes_agree():
    rng = np.random.default_rng(0)
    trajectory = rng.normal(size=(40, 128, 2)).cumsum(1).astype(np.float32)
    expected = np.concatenate([optimal_anchors(row[None].astype(np.float64), 8) for row in trajectory])
    np.testing.assert_array_equal(optimal_anchors(trajectory, 8), expected)


def test_the_corners_of_a_polyline_are_found():
    corners = np.array([0, 7, 20, 33, 49])
    points = np.array([[0, 0], [3, 1], [3, 9], [12, 2], [5, 5]], dtype=float)
    steps = np.arange(50)
    line = np.stack([np.interp(steps, corners, points[:, d]) for d in range(2)], axis=1)
    np.testing.assert_array_equal(optimal_anchors(line[None], 5), [corners])


def test_affine_maps_that_keep_angles_keep_the_optimum():
    rng = np.random.default_rng(1)
    trajectory = rng.normal(size=(5, 40, 2)).cumsum(1)
    turned = 3.0 * trajectory @ np.array([[0.6, -0.8], [0.8, 0.6]]) + np.array([100.0, -7.0])
    np.testing.assert_array_equal(optimal_anchors(trajectory, 6), optimal_anchors(turned, 6))


def test_impossible_counts_are_refused():
    trajectory = np.zeros((2, 6, 2))
    with pytest.raises(ValueError, match="free steps of row 0, 2 to 6, found 1"):
        optimal_anchors(trajectory, 1)
    with pytest.raises(ValueError, match="found 7"):
        optimal_anchors(trajectory, 7)
    with pytest.raises(ValueError, match="num_keypoints must be an integer of at least 1"):
        optimal_anchors(trajectory, 0)
    with pytest.raises(
        ValueError, match=r"trajectory must be .* array \(batch, horizon, dim\), found float64"
    ):
        optimal_anchors(trajectory[0], 2)
    with pytest.raises(ValueError, match=r"taken must be a bool array \(2, 6\)"):
        optimal_anchors(trajectory, 2, taken=np.zeros((1, 6), bool))


@given(tasks())
def test_no_spread_has_a_smaller_widest_gap(task):
    taken, count, _ = task
    out = spread_evenly(taken[None], count)[0]
    assert out.sum() == count
    assert not (out & taken).any()
    widest = min(np.diff(anchors).max() for _, anchors in choices(taken, count))
    assert np.diff(np.flatnonzero(out | taken)).max() == widest


@given(tasks(), st.integers(1, 5))
def test_bounded_gaps_are_kept_or_refused(task, gap):
    taken, count, rng = task
    batch = np.repeat(taken[None], 20, axis=0)
    possible = [drawn for drawn, anchors in choices(taken, count) if np.diff(anchors).max() <= gap]
    uniform = rng.random(batch.shape)
    if not possible:
        with pytest.raises(ValueError, match=f"to keep every gap of row 0 within {gap}, found {count}"):
            draw_bounded_gaps(batch, count, gap=gap, uniform=uniform)
        return
    drawn = draw_bounded_gaps(batch, count, gap=gap, uniform=uniform)
    assert {tuple(np.flatnonzero(row)) for row in drawn} <= set(possible)


def test_bounded_gaps_are_drawn_uniformly():
    taken = np.zeros((40_000, 9), bool)
    taken[:, 4] = True
    uniform = np.random.default_rng(0).random(taken.shape)
    drawn = draw_bounded_gaps(taken, 5, gap=3, uniform=uniform)
    possible = [d for d, anchors in choices(taken[0], 5) if all(b - a <= 3 for a, b in pairwise(anchors))]
    seen, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(seen) == len(possible)
    np.testing.assert_allclose(counts / len(drawn), 1 / len(possible), atol=0.01)


def test_the_refusal_names_the_bounds():
    uniform = np.zeros((1, 64))
    with pytest.raises(ValueError, match=r"count must be 8 to 64 .* within 9, found 7"):
        draw_bounded_gaps(np.zeros((1, 64), bool), 7, gap=9, uniform=uniform)
    assert draw_bounded_gaps(np.zeros((1, 64), bool), 8, gap=9, uniform=uniform).sum() == 8


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: optimal_anchors(np.zeros((1, 3, 2)), 3, taken=np.ones((1, 3), int)),
            r"taken must be a bool array \(1, 3\), found int64 \(1, 3\)",
        ),
        (lambda: optimal_anchors(np.full((1, 3, 2), np.nan), 2), "trajectory must be finite, found nan"),
        (lambda: optimal_anchors(np.geomspace(1, 1e300, 4).reshape(1, 4, 1), 2), "squares are finite"),
        (lambda: optimal_anchors(np.zeros((1, 3, 2)), 2.5), "num_keypoints must be an integer"),
        (lambda: spread_evenly(np.zeros((1000, 0), bool), 5), "horizon of at least 2 steps, found 0"),
        (lambda: spread_evenly(np.zeros((2, 4), bool), 5), "at most the free steps of row 0, 4, found 5"),
        (lambda: spread_evenly(np.zeros(4, bool), 2), r"taken must be a bool array \(batch, horizon\)"),
        (lambda: spread_evenly(np.zeros((2, 4), bool), -1), "count must be an integer of at least 0"),
        (
            lambda: draw_bounded_gaps(np.zeros((2, 4), bool), 2, gap=0, uniform=np.zeros((2, 4))),
            "gap must be",
        ),
        (
            lambda: draw_bounded_gaps(np.zeros((2, 4), bool), 2, gap=3, uniform=np.ones((2, 4))),
            r"uniform must lie in \[0, 1\), found 1.0",
        ),
        (
            lambda: draw_bounded_gaps(np.zeros((2, 4), bool), 2, gap=3, uniform=np.zeros((2, 3))),
            r"uniform must be a float64 array \(2, 4\)",
        ),
    ],
)
def test_arrays_and_numbers_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_gap_beyond_the_horizon_binds_nothing():
    uniform = np.random.default_rng(0).random((5, 16))
    taken = np.zeros((5, 16), bool)
    wide = draw_bounded_gaps(taken, 4, gap=2**63 - 1, uniform=uniform)
    assert (wide == draw_bounded_gaps(taken, 4, gap=15, uniform=uniform)).all()
    assert (wide.sum(axis=1) == 4).all()
