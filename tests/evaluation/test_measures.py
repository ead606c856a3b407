"""Measures of trajectories in any space, against NumPy's loops, and what they are blind and not blind to."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anchordiff.domains.vector import metrics
from anchordiff.evaluation import Attempt, measures
from anchordiff.evaluation.results import Column, MethodResult
from anchordiff.states import StateSpace

seeds = st.integers(0, 2**31)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(seed=seeds, steps=st.integers(1, 9), axes=st.integers(1, 4))
def test_length_and_smoothness_are_numpys(seed, steps, axes):
    points = draw(3, steps, axes, seed=seed)
    for element in range(3):
        way = points[element].numpy()
        length = sum(np.linalg.norm(way[i + 1] - way[i]) for i in range(steps - 1))
        bends = [np.sum((way[i] - 2 * way[i + 1] + way[i + 2]) ** 2) for i in range(steps - 2)]
        assert float(measures.path_length(points)[element]) == pytest.approx(length)
        found = float(measures.smoothness(points)[element])
        assert found == pytest.approx(np.mean(bends) if bends else 0.0)


@given(seed=seeds, shift=st.floats(-9, 9), stretch=st.floats(0.1, 5))
def test_lengths_and_bends_know_no_place_and_grow_with_scale(seed, shift, stretch):
    points = draw(3, 8, 2, seed=seed)
    moved = stretch * points + shift
    torch.testing.assert_close(measures.path_length(moved), stretch * measures.path_length(points))
    torch.testing.assert_close(measures.smoothness(moved), stretch**2 * measures.smoothness(points))


@given(seed=seeds, candidates=st.integers(2, 5))
def test_diversity_is_the_mean_distance_of_pairs(seed, candidates):
    x = draw(2, candidates, 4, 3, seed=seed)
    for element in range(2):
        pairs = [
            np.linalg.norm(x[element, i, step] - x[element, j, step])
            for i in range(candidates)
            for j in range(i)
            for step in range(4)
        ]
        assert float(measures.diversity(x)[element]) == pytest.approx(np.mean(pairs))
    assert measures.diversity(x[:, :1].expand(-1, 3, -1, -1)).tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="candidates must hold at least 2 for a condition, found 1"):
        measures.diversity(x[:, :1])


def naive_energy(samples: np.ndarray, data: np.ndarray, *, paired: bool) -> float:
    def mean(a: np.ndarray, b: np.ndarray, *, leave_out: bool) -> float:
        found = [
            np.linalg.norm(a[i] - b[j])
            for i in range(len(a))
            for j in range(len(b))
            if not (leave_out and i == j)
        ]
        return float(np.mean(found))

    between = mean(samples, data, leave_out=paired)
    return 2 * between - mean(samples, samples, leave_out=True) - mean(data, data, leave_out=True)


@given(seed=seeds, rows=st.integers(2, 30), features=st.integers(1, 4), paired=st.booleans())
def test_the_energy_distance_is_what_loops_over_pairs_give(seed, rows, features, paired):
    samples, data = (
        draw(rows, features, seed=seed),
        draw(rows if paired else rows + 2, features, seed=seed + 1),
    )
    terms = measures.energy_terms(samples, data, paired=paired)
    assert terms.shape == (rows,)
    expected = naive_energy(samples.numpy(), data.numpy(), paired=paired)
    assert float(terms.mean()) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=20)
@given(seed=seeds, rows=st.sampled_from([5, 60]), shift=st.sampled_from([0.0, 1e3, 1e4]))
def test_the_energy_distance_does_not_see_where_zero_is(seed, rows, shift):
    # In single precision, products of matrices would lose all digits of small distances far from zero.
    samples, data = draw(rows, 3, seed=seed), 1 + draw(rows, 3, seed=seed + 1)
    exact = float(measures.energy_terms(samples, data).mean())
    moved = measures.energy_terms((samples + shift).float(), (data + shift).float())
    assert float(moved.mean()) == pytest.approx(exact, abs=2e-7 * shift + 1e-5)


def test_the_energy_distance_of_one_distribution_is_zero_and_of_others_is_not():
    many = 1500
    first, second = draw(many, 2, seed=0), draw(many, 2, seed=1)
    # Two draws of one distribution: as likely below zero as above it.
    same = measures.energy_terms(first, second)
    assert abs(float(same.mean())) < 0.01
    # A mode that is missing, one that is narrower, one that is elsewhere.
    sides = torch.where(first[:, :1] > 0, 2.0, -2.0)
    both, one = second + torch.cat([sides, sides], dim=1), first + 2.0
    assert float(measures.energy_terms(one, both).mean()) > 0.5
    assert float(measures.energy_terms(0.3 * first, second).mean()) > 0.1
    # In one dimension it is twice the squared distance of distribution functions, here of N(0, 1) and N(1, 1).
    grid = np.linspace(-8, 9, 4001)
    cdf = np.array([0.5 * (1 + math.erf(v / 2**0.5)) for v in grid])
    shifted = np.interp(grid - 1, grid, cdf)
    expected = 2 * np.trapezoid((cdf - shifted) ** 2, grid)
    found = measures.energy_terms(draw(4000, 1, seed=2), 1 + draw(4000, 1, seed=3))
    assert float(found.mean()) == pytest.approx(expected, rel=0.1)


def test_pairs_that_belong_together_are_left_out():
    data = draw(40, 3)
    copies = measures.energy_terms(data, data, paired=True)
    assert float(copies.mean()) == pytest.approx(0.0, abs=1e-9)
    assert float(measures.energy_terms(data, data).mean()) < -0.01


def test_rows_that_are_too_few_or_do_not_pair_are_refused():
    for samples, data, paired, message in (
        (1, 5, False, "samples must hold at least 2 rows, found 1"),
        (5, 1, False, "data must hold at least 2 rows, found 1"),
        (5, 6, True, "samples must be as many as data where they are paired, found 5 and 6"),
    ):
        with pytest.raises(ValueError, match=message):
            measures.energy_terms(draw(samples, 2), draw(data, 2), paired=paired)


# In a space of states: units, and angles without a seam.

SPACE = StateSpace(positions=3, angles=(1,), unit=(2.0, 1.0, 0.5), velocities=True)


def walks(seed: int, *, batch: int = 4) -> torch.Tensor:
    return SPACE.with_velocities(SPACE.wrap(draw(batch, 9, 3, seed=seed).cumsum(dim=1)))


@given(seed=seeds, angle=st.floats(-9, 9))
def test_measures_of_states_do_not_see_where_an_angle_has_its_seam(seed, angle):
    x, y = walks(seed), walks(seed + 1)
    by = torch.tensor([0.0, angle, 0.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    turned, other = SPACE.wrap(x + by), SPACE.wrap(y + by)
    for measure in (metrics.path_length, metrics.smoothness):
        torch.testing.assert_close(measure(SPACE, turned), measure(SPACE, x), atol=1e-6, rtol=1e-6)
    close = {"atol": 1e-6, "rtol": 1e-6}
    error = metrics.position_error
    torch.testing.assert_close(error(SPACE, turned, other), error(SPACE, x, y), **close)
    energy = metrics.energy_terms
    torch.testing.assert_close(energy(SPACE, turned, other), energy(SPACE, x, y), **close)
    torch.testing.assert_close(
        metrics.diversity(SPACE, turned[None]), metrics.diversity(SPACE, x[None]), **close
    )


@given(seed=seeds)
def test_errors_count_in_units_and_positions_alone(seed):
    x, y = walks(seed), walks(seed + 1)
    expected = []
    for element in range(4):
        away = (x[element] - y[element]).numpy()[:, :3]
        away[:, 1] = np.angle(np.exp(1j * away[:, 1]))
        expected.append(np.linalg.norm(away / np.array([2.0, 1.0, 0.5]), axis=1).mean())
    np.testing.assert_allclose(metrics.position_error(SPACE, x, y).numpy(), expected, rtol=1e-6)
    other = x.clone()
    other[..., 3:] += 100.0
    assert metrics.position_error(SPACE, x, other).tolist() == [0.0] * 4


def test_limits_are_those_of_positions_and_none_is_free():
    x = torch.zeros(3, 5, 6, dtype=torch.float64)
    x[0, 2, 0], x[1, 4, 2], x[2, 0, 5] = 3.0, -2.0, 99.0
    low, high = torch.full((3,), -1.0).double(), torch.full((3,), 1.0).double()
    assert metrics.limit_violation(SPACE, x, low, high).tolist() == [1.0, 2.0, 0.0]
    free = torch.full((3,), torch.inf).double()
    assert metrics.limit_violation(SPACE, x, -free, free).tolist() == [0.0] * 3


def test_figures_of_what_was_measured():
    result = MethodResult(
        name="a",
        attempt=Attempt(trajectory=torch.zeros(3, 2, 1)),
        values={"error": torch.tensor([1.0, 2.0, 9.0]), "success": torch.tensor([1, 1, 0])},
    )
    columns = (
        Column(measure="error", statistic="mean", key="mean"),
        Column(measure="error", statistic="median", key="median"),
        Column(measure="error", statistic="90th", key="tail"),
        Column(measure="error", statistic="mean", key="of_good", of_successes=True),
        Column(measure="success", statistic="share", key="success"),
        Column(measure="length", statistic="mean", key="length"),
    )
    found = result.summary(columns)
    assert (found["mean"], found["median"], found["of_good"]) == (4.0, 2.0, 1.5)
    assert found["tail"] == pytest.approx(np.quantile([1.0, 2.0, 9.0], 0.9))
    assert found["success"] == pytest.approx(2 / 3)
    low, high = found["success_interval_95"]
    assert low < 2 / 3 < high
    assert found["length"] is None
    assert found["failures"] == [2]
