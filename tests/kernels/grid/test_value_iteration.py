"""Sweeps against the plain relaxation of every edge, and its laws."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from anchordiff.domains.maze.value_iteration import sweep
from anchordiff.kernels.grid.value_iteration import settle

FAR = 200.0
STEPS = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]


@st.composite
def problems(draw):
    """Upper bounds (0 at sources, FAR or less elsewhere) and costs that differ a lot."""
    batch, sources, rows, cols = (draw(st.integers(1, most)) for most in (2, 2, 6, 6))
    costs = draw(hnp.arrays(np.float32, (batch, 8, rows, cols), elements=st.floats(2.0**-6, 256.0, width=32)))
    bounds = st.sampled_from([0.0, 5.0, FAR, FAR, FAR, FAR])
    return draw(hnp.arrays(np.float32, (batch, sources, rows, cols), elements=bounds)), costs


def relaxed(distance, costs):
    """Bellman and Ford: relax all edges until nothing changes. In float32, so that sums are the same."""
    distance = distance.copy()
    _, _, rows, cols = distance.shape
    while True:
        before = distance.copy()
        for (b, s, r, c), _ in np.ndenumerate(before):
            for k, (i, j) in enumerate(STEPS):
                if 0 <= r + i < rows and 0 <= c + j < cols:
                    through = costs[b, k, r, c] + distance[b, s, r + i, c + j]
                    distance[b, s, r, c] = min(distance[b, s, r, c], through)
        if np.array_equal(before, distance):
            return distance


@given(problems())
def test_settle_equals_bellman_ford(problem):
    distance, costs = problem
    given_distance, given_costs = distance.copy(), costs.copy()
    np.testing.assert_array_equal(settle(distance, costs), relaxed(distance, costs))
    np.testing.assert_array_equal(distance, given_distance)
    np.testing.assert_array_equal(costs, given_costs)


@given(problems())
def test_settle_is_the_fixed_point_of_sweeps(problem):
    distance, costs = (torch.from_numpy(array) for array in problem)
    settled = torch.from_numpy(settle(*problem))
    swept = distance
    for _ in range(distance[0, 0].numel() + 1):
        swept = sweep(swept, costs)
    assert torch.equal(swept, settled)
    assert torch.equal(sweep(settled, costs), settled)


@given(problems())
def test_settle_only_lowers_and_is_idempotent(problem):
    distance, costs = problem
    settled = settle(distance, costs)
    assert (settled <= distance).all()
    assert (settled[distance == 0] == 0).all()
    np.testing.assert_array_equal(settle(settled, costs), settled)


def test_straight_and_diagonal_costs_give_octile_distances():
    rows, cols = 7, 11
    costs = np.empty((1, 8, rows, cols), dtype=np.float32)
    costs[0] = np.array([np.hypot(*step) for step in STEPS], dtype=np.float32)[:, None, None]
    distance = np.full((1, 1, rows, cols), FAR, dtype=np.float32)
    distance[0, 0, 2, 3] = 0
    down, right = np.abs(np.arange(rows) - 2)[:, None], np.abs(np.arange(cols) - 3)
    expected = np.maximum(down, right) + (np.sqrt(2) - 1) * np.minimum(down, right)
    np.testing.assert_allclose(settle(distance, costs)[0, 0], expected, rtol=1e-6)


def test_a_wound_corridor_is_walked_to_its_end():
    # Each turn needs another direction of sweeping: a single pass does not do.
    rows = cols = 15
    free = np.zeros((rows, cols), dtype=bool)
    free[::2] = True
    free[1::4, -1] = free[3::4, 0] = True
    costs = np.where(free, 1.0, 1e4).astype(np.float32)[None, None].repeat(8, axis=1)
    for k, step in enumerate(STEPS):
        if 0 not in step:
            costs[:, k] = 1e4
    distance = np.full((1, 1, rows, cols), 1e9, dtype=np.float32)
    distance[0, 0, 0, 0] = 0
    assert settle(distance, costs)[0, 0, -1, 0] == free.sum() - 1


@pytest.mark.parametrize(
    ("cost", "message"), [(np.nan, "found nan"), (0.0, "found 0.0"), (-1.0, "found -1.0")]
)
def test_costs_that_never_settle_are_refused(cost, message):
    costs = np.ones((2, 8, 5, 5), np.float32)
    costs[1, 3, 2, 2] = cost
    with pytest.raises(ValueError, match=f"costs must be positive, {message}"):
        settle(np.zeros((2, 1, 5, 5), np.float32), costs)


@pytest.mark.parametrize(
    ("distance", "costs"),
    [
        (np.zeros((3, 1, 5, 5), np.float32), np.ones((2, 8, 5, 5), np.float32)),
        (np.zeros((2, 1, 5, 5), np.float32), np.ones((2, 8, 5, 4), np.float32)),
        (np.zeros((2, 1, 5, 5), np.float32), np.ones((2, 8, 5, 5), np.float64)),
    ],
)
def test_arrays_that_do_not_fit_are_refused(distance, costs):
    with pytest.raises(ValueError, match="costs must be a float32 array"):
        settle(distance, costs)


def test_a_distance_that_is_no_number_is_refused():
    distance = np.full((1, 1, 3, 3), np.nan, np.float32)
    with pytest.raises(ValueError, match="distance must be numbers, found NaN"):
        settle(distance, np.ones((1, 8, 3, 3), np.float32))


def test_nothing_to_settle_is_no_error():
    assert settle(np.zeros((0, 2, 5, 5), np.float32), np.ones((0, 8, 5, 5), np.float32)).shape == (0, 2, 5, 5)
