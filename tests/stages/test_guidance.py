"""Guidance against Gaussians, where theory says what samples must be."""

import numpy as np
import pytest
import torch
from gaussian_walk import (
    COUNT,
    MANY,
    SAMPLERS,
    SCHEDULES,
    START,
    Linear,
    covariance,
    gaussian,
    lowered,
    sample,
    seeded,
    walk,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from anchordiff.costs import WayPointCost
from anchordiff.samplers import FlowSampler
from anchordiff.schedules import Cosine, LinearBeta, Rectified
from anchordiff.stages.guidance import ClassifierFreeGuidance, CostGuidance, GuidedStep


@settings(max_examples=20)
@given(
    sampler=st.sampled_from(SAMPLERS),
    schedule=st.sampled_from(SCHEDULES),
    seed=st.integers(0, 99),
    weight=st.floats(-2.0, 4.0),
    iterations=st.integers(1, 3),
)
def test_a_linear_cost_moves_every_sample_by_weight_times_covariance_times_slope(
    sampler, schedule, seed, weight, iterations
):
    step, cost = walk(20, schedule=schedule), Linear(seed)
    guide = CostGuidance(cost, weight=weight, iterations=iterations)
    plain = sample(step, gaussian(step), sampler)
    steered = sample(step, guide.wrap(gaussian(step), step), sampler)
    # All samples move alike, so the variance is what it was.
    expected = torch.from_numpy(lowered(step, cost, weight)).float().expand_as(plain)
    # With linear_beta a trace of the data is left at t = 1, where samplers begin without it.
    slack = 0.02 if schedule == LinearBeta() else 1e-4
    torch.testing.assert_close(steered - plain, expected, atol=slack * (1 + abs(weight)), rtol=slack)


def test_samples_have_the_mean_of_the_tilted_density_and_the_old_variance():
    step, cost, weight = walk(MANY), Linear(3), 1.5
    steered = sample(step, CostGuidance(cost, weight=weight).wrap(gaussian(step), step), FlowSampler(64))
    x = step.states.fill_in(steered, step.anchors)
    # The reference is drawn: covariance of interpolated walks, and their mean weighed by exp(-w g · x).
    u = step.frame.spread * torch.randn(step.frame.spread.shape, generator=seeded(5))
    free = step.states.fill_in(step.frame.denormalise(u), step.anchors)
    _, cov = covariance(step)
    slope = cost.g.double().numpy()
    mean = free.double().numpy().mean(axis=0)
    for i in range(2):
        drawn = np.cov(free[..., i].double().numpy().T)
        error = 5 * np.sqrt(2 / MANY) * np.abs(cov[i]).max()
        np.testing.assert_allclose(drawn, cov[i], atol=error)
        expected = np.array(START)[i] - weight * cov[i] @ slope[:, i]
        sem = np.sqrt(np.diag(cov[i]) / MANY)
        assert bool((np.abs(x[..., i].double().numpy().mean(axis=0) - expected) <= 5 * sem + 1e-5).all())
        # Euler's 64 steps cost a few per cent of the variance, the same without guidance.
        found = x[..., i].double().numpy().var(axis=0)
        np.testing.assert_allclose(found[1:], np.diag(cov[i])[1:], rtol=0.06 + 5 * np.sqrt(2 / MANY))
    tilt = (-weight * (cost(free) - cost(free).mean())).double().exp()
    weighed = ((tilt[:, None, None] * free).mean(dim=0) / tilt.mean()).numpy()
    effective = float(tilt.sum() ** 2 / tilt.square().sum())
    assert effective > 100
    deviation = np.sqrt(np.stack([np.diag(own) for own in cov], axis=1))
    assert bool(
        (np.abs(x.double().numpy().mean(axis=0) - weighed) <= 6 * deviation / effective**0.5 + 1e-5).all()
    )
    assert np.abs(weighed - mean).max() > 10 * deviation.max() / np.sqrt(MANY)


@pytest.mark.parametrize(
    ("strength", "iterations", "tolerance"), [(0.1, 1, 0.08), (0.5, 1, 0.35), (2.0, 4, 0.35)]
)
def test_a_way_point_draws_the_mean_to_where_conditioning_puts_it(strength, iterations, tolerance):
    """Strength is w c, with c the variance at the step; then the mean moves by w c / (1 + w c) of the way there.

    The gradient is taken at the mean of the posterior and not over it, which is exact to first order in w c.
    """
    step, at, wanted = walk(MANY), 7, torch.tensor([2.0, 1.0])
    _, cov = covariance(step)
    sem = [np.sqrt(np.diag(own) / MANY) for own in cov]
    for i in range(2):
        c = cov[i][at, at]
        target = [*START]
        target[i] = float(wanted[i])
        cost = WayPointCost(step=at, state=target[: i + 1] if i == 0 else target)
        guide = CostGuidance(cost, weight=strength / c, iterations=iterations)
        x = step.states.fill_in(sample(step, guide.wrap(gaussian(step), step), FlowSampler(32)), step.anchors)
        moved = x[..., i].double().numpy().mean(axis=0) - START[i]
        expected = cov[i][:, at] * (strength / c) / (1 + strength) * (target[i] - START[i])
        assert abs(moved[at] / expected[at] - 1) < tolerance + 5 * sem[i][at] / abs(expected[at])
        # The other steps move with it as their covariance says.
        np.testing.assert_allclose(
            moved / moved[at], expected / expected[at], atol=tolerance + 10 * sem[i].max() / abs(moved[at])
        )


def test_more_iterations_keep_a_steep_cost_from_overshooting():
    # From pure noise the clean estimate is the prior's mean, and its variance the prior's.
    step, at, strength = walk(2), 9, 6.0
    _, cov = covariance(step)
    cost = WayPointCost(step=at, state=[3.0])
    for iterations in (1, 16):
        guide = CostGuidance(cost, weight=strength / cov[0][at, at], iterations=iterations)
        u = guide.wrap(gaussian(step), step)(torch.randn(2, COUNT, 2, generator=seeded()), torch.ones(2))
        place = step.states.fill_in(step.frame.denormalise(u), step.anchors)[:, at, 0]
        left = (1 - strength / iterations) ** iterations
        torch.testing.assert_close(
            place, torch.full((2,), 3.0 - left * (3.0 - START[0])), atol=1e-4, rtol=1e-4
        )
    assert 0 < left < 1e-3


@settings(max_examples=20)
@given(
    sampler=st.sampled_from(SAMPLERS),
    schedule=st.sampled_from([Rectified(), Cosine()]),
    weight=st.floats(-1.0, 4.0),
)
def test_classifier_free_guidance_of_two_gaussians_has_the_mean_between_or_beyond_them(
    sampler, schedule, weight
):
    step = walk(20, schedule=schedule)
    means = torch.randn(2, 1, COUNT, 2, generator=seeded(7))
    means[:, :, 0] = 0.0  # the first state is known
    first, second = (gaussian(step, mean) for mean in means)
    step = GuidedStep(**{**vars(step), "without": lambda: first})
    steered = sample(step, ClassifierFreeGuidance(weight).wrap(second, step), sampler)
    mean = means[0] + weight * (means[1] - means[0])
    torch.testing.assert_close(steered, sample(step, gaussian(step, mean), sampler), atol=2e-4, rtol=1e-4)
    # Around that mean they lie as samples without a mean lie around zero.
    shift = (steered - sample(step, gaussian(step), sampler)) / step.frame.scale
    torch.testing.assert_close(shift, mean.expand_as(shift), atol=2e-4, rtol=1e-4)


def test_samples_of_a_guided_pair_have_that_mean():
    step, weight = walk(MANY), 2.5
    step = GuidedStep(**{**vars(step), "without": lambda: gaussian(step, -0.3)})
    made = sample(step, ClassifierFreeGuidance(weight).wrap(gaussian(step, 0.2), step), FlowSampler(8))
    u = step.frame.normalise(made)[:, 1:]
    expected = -0.3 + weight * 0.5
    sem = step.frame.spread[0, 1:] / MANY**0.5
    assert bool(((u.mean(dim=0) - expected).abs() <= 5 * sem).all())


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_at_weights_nought_and_one_there_is_one_network(weight):
    step = walk(5)
    step = GuidedStep(**{**vars(step), "without": lambda: gaussian(step, 3.0)})
    guided = ClassifierFreeGuidance(weight).wrap(gaussian(step, 4.0), step)
    u_t, t = torch.randn(5, COUNT, 2, generator=seeded()), torch.full((5,), 0.4)
    assert torch.equal(guided(u_t, t), gaussian(step, 3.0 + weight)(u_t, t))


def test_no_number_moves_further_than_it_may_nor_at_all_where_it_is_known():
    step = walk(8)
    guide = CostGuidance(Linear(size=50.0), weight=10.0, most=0.25, iterations=3)
    u_t, t = torch.randn(8, COUNT, 2, generator=seeded()), torch.full((8,), 0.7)
    plain, moved = gaussian(step)(u_t, t), guide.wrap(gaussian(step), step)(u_t, t)
    away = (moved - plain).abs()
    assert float(away.max()) <= 0.25 + 1e-6
    assert float(away[:, 1:].min()) > 0.2
    assert torch.equal(moved[:, 0], plain[:, 0])


def test_costs_see_trajectories_in_their_own_units_with_what_is_known_in_place():
    step, seen = walk(3), []

    def cost(x: Tensor) -> Tensor:
        seen.append(x.detach().clone())
        return x.square().sum(dim=(1, 2))

    u_t, t = torch.randn(3, COUNT, 2, generator=seeded()), torch.full((3,), 0.5)
    estimate = gaussian(step)(u_t, t) + 0.5  # of a network that is wrong about what is known, too
    with torch.inference_mode():
        CostGuidance(cost).wrap(lambda *_: estimate, step)(u_t, t)
    expected = step.states.fill_in(step.frame.pin(step.frame.denormalise(estimate)), step.anchors)
    torch.testing.assert_close(seen[0], expected)
    assert torch.equal(seen[0][:, 0], torch.tensor(START).expand(3, 2))


def test_the_gradient_stays_out_of_the_network_and_of_the_caller():
    step, weight = walk(2), torch.ones((), requires_grad=True)
    guide = CostGuidance(Linear())
    u_t, t = torch.randn(2, COUNT, 2, generator=seeded()), torch.full((2,), 0.5)
    moved = guide.wrap(lambda u, t: weight * gaussian(step)(u, t), step)(u_t, t)
    (found,) = torch.autograd.grad(moved.sum(), weight)
    torch.testing.assert_close(found, gaussian(step)(u_t, t).sum())  # as without guidance
    with torch.no_grad():
        assert not guide.wrap(gaussian(step), step)(u_t, t).requires_grad
