"""With the exact denoiser of a Gaussian, each sampler gives back its mean and covariance.

The denoiser is affine, hence so is a sampler as a map from (x_1, z_1, z_2, ...) to the sample. Pushing
basis vectors through it yields the mean and covariance of what it samples without any Monte Carlo error.
"""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from anchordiff.samplers import DDIMSampler, DDPMSampler, FlowSampler, Sampler
from anchordiff.schedules import Cosine, LinearBeta, Rectified, Schedule

DIM = 3
MEAN = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
FACTOR = torch.tensor([[0.6, 0.0, 0.0], [0.9, 0.4, 0.0], [-0.3, 0.5, 1.5]], dtype=torch.float64)
COVARIANCE = FACTOR @ FACTOR.T
EYE = torch.eye(DIM, dtype=torch.float64)
SCHEDULES: list[Schedule] = [LinearBeta(), Cosine(), Rectified()]
schedules = pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)


class Denoiser:
    """E[x_0 | x_t] for x_0 ~ N(mean, covariance)."""

    def __init__(self, schedule: Schedule, mean: Tensor = MEAN, covariance: Tensor = COVARIANCE) -> None:
        self.schedule, self.mean, self.covariance = schedule, mean, covariance

    def __call__(self, x_t: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = self.schedule(t[0])
        marginal = alpha**2 * self.covariance + sigma**2 * EYE
        gain = alpha * self.covariance @ torch.linalg.inv(marginal)
        return self.mean + (x_t - alpha * self.mean) @ gain.T


def first_law(denoiser: Denoiser) -> tuple[Tensor, Tensor]:
    """Mean and covariance of x_t at t = 1."""
    alpha, sigma = denoiser.schedule(torch.ones((), dtype=torch.float64))
    return alpha * denoiser.mean, alpha**2 * denoiser.covariance + sigma**2 * EYE


def sampled_law(sampler: Sampler, denoiser: Denoiser) -> tuple[Tensor, Tensor]:
    """Exact mean and covariance of the sampler's output, by pushing a basis of its inputs through it."""
    draws = sampler.steps - 1 if sampler.is_stochastic else 0
    inputs = torch.zeros(1 + DIM * (1 + draws), 1 + draws, DIM, dtype=torch.float64)
    inputs[1:] = torch.eye(DIM * (1 + draws), dtype=torch.float64).reshape(-1, 1 + draws, DIM)
    outputs = sampler(denoiser, inputs[:, 0], denoiser.schedule, noise=lambda step, like: inputs[:, step])
    linear = (outputs[1:] - outputs[0]).T
    mean, covariance = first_law(denoiser)
    from_x_1, from_noise = linear[:, :DIM], linear[:, DIM:]
    return outputs[0] + from_x_1 @ mean, from_x_1 @ covariance @ from_x_1.T + from_noise @ from_noise.T


def law_error(sampler: Sampler, schedule: Schedule) -> float:
    mean, covariance = sampled_law(sampler, Denoiser(schedule))
    return max((mean - MEAN).abs().max().item(), (covariance - COVARIANCE).abs().max().item())


FIRST_ORDER = [
    FlowSampler(1),
    DDIMSampler(1, spacing="quadratic"),
    DDIMSampler(1, spacing="sqrt"),
    DDIMSampler(1, eta=0.5),
    DDPMSampler(1),
    DDPMSampler(1, variance="large"),
]
first_order = pytest.mark.parametrize("sampler", FIRST_ORDER, ids=repr)


@schedules
@first_order
def test_mean_and_covariance(sampler: Sampler, schedule: Schedule):
    """The law converges to the target: its error, and not only its change, halves with twice the steps."""
    errors = [law_error(replace(sampler, steps=steps), schedule) for steps in (50, 100, 200)]
    assert errors[-1] < 0.15
    for coarse, fine in pairwise(errors):
        assert 0.7 < math.log2(coarse / fine) < 1.3


@schedules
def test_mean_and_covariance_of_heun(schedule: Schedule):
    assert law_error(FlowSampler(50, method="heun", spacing="quadratic"), schedule) < 0.01
    assert law_error(FlowSampler(400, method="heun", spacing="quadratic"), schedule) < 2e-4


def exact_flow(x_1: Tensor, schedule: Schedule) -> Tensor:
    """The end of the probability-flow ODE: in the eigenbasis each coordinate keeps its quantile."""
    alpha, sigma = schedule(torch.ones((), dtype=torch.float64))
    values, vectors = torch.linalg.eigh(COVARIANCE)
    scale = (values / (alpha**2 * values + sigma**2)).sqrt()
    return MEAN + ((x_1 - alpha * MEAN) @ vectors * scale) @ vectors.T


@schedules
@pytest.mark.parametrize(("method", "order"), [("euler", 1.0), ("heun", 2.0)])
def test_order_of_convergence(schedule: Schedule, method: str, order: float):
    # Quadratic spacing makes tau smooth in the step number for every schedule (sigma ~ t^0.5 near the data).
    x_1 = torch.randn(16, DIM, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    exact, errors = exact_flow(x_1, schedule), []
    for steps in (64, 128, 256):
        sampler = FlowSampler(steps, method=method, spacing="quadratic")
        errors.append((sampler(Denoiser(schedule), x_1, schedule) - exact).norm().item())
    for coarse, fine in pairwise(errors):
        assert abs(math.log2(coarse / fine) - order) < 0.2


def test_heun_is_second_order_with_linear_spacing_on_the_straight_path():
    x_1 = torch.randn(16, DIM, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    exact = exact_flow(x_1, Rectified())
    errors = [
        (FlowSampler(steps, method="heun")(Denoiser(Rectified()), x_1, Rectified()) - exact).norm().item()
        for steps in (64, 128)
    ]
    assert abs(math.log2(errors[0] / errors[1]) - 2.0) < 0.2


@pytest.mark.parametrize("schedule", [LinearBeta(), Cosine()], ids=repr)
def test_large_variance_is_exact_for_standard_normal_data(schedule: Schedule):
    sampler = DDPMSampler(7, variance="large")
    mean, covariance = sampled_law(sampler, Denoiser(schedule, torch.zeros_like(MEAN), EYE))
    # Every state is standard normal; only the last move, which adds no noise, shrinks it by alpha.
    alpha, _ = schedule(torch.tensor(1.0 / 7.0, dtype=torch.float64))
    torch.testing.assert_close(mean, torch.zeros_like(MEAN))
    torch.testing.assert_close(covariance, alpha**2 * EYE)


@schedules
@pytest.mark.parametrize("sampler", [DDPMSampler(20), DDIMSampler(20, eta=0.7)], ids=repr)
def test_drawn_samples_have_the_pushed_law(sampler: Sampler, schedule: Schedule, generator: torch.Generator):
    count, denoiser = 20_000, Denoiser(schedule)
    first_mean, first_covariance = first_law(denoiser)
    x_1 = torch.randn(count, DIM, generator=generator, dtype=torch.float64)
    x_1 = first_mean + x_1 @ torch.linalg.cholesky(first_covariance).T
    samples = sampler(denoiser, x_1, schedule, generator=generator)
    mean, covariance = sampled_law(sampler, denoiser)
    variance = covariance.diagonal()
    assert ((samples.mean(0) - mean).abs() < 4.5 * (variance / count).sqrt()).all()
    standard_error = ((variance[:, None] * variance[None, :] + covariance.square()) / count).sqrt()
    assert ((samples.T.cov() - covariance).abs() < 4.5 * standard_error).all()
