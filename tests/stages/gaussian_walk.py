"""A random walk that begins at a known place, its exact denoiser, and what theory says of it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anchordiff.anchors import AnchorSet
from anchordiff.nn.frame import Frame
from anchordiff.samplers import DDIMSampler, DDPMSampler, FlowSampler
from anchordiff.schedules import Cosine, LinearBeta, Rectified, Schedule
from anchordiff.stages.guidance import GuidedStep
from anchordiff.states import StateSpace

HORIZON, COUNT, MANY = 13, 5, 4000
SPACE = StateSpace(positions=2, scale=(1.5, 0.5))
START = (0.5, -1.0)
SAMPLERS = [FlowSampler(6), FlowSampler(6, method="heun"), DDIMSampler(6), DDPMSampler(12)]
SCHEDULES = [Rectified(), Cosine(), LinearBeta()]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def refuse() -> Any:
    raise AssertionError("nothing was to be left out")


def walk(samples: int, *, schedule: Schedule | None = None) -> GuidedStep:
    """Samples of a random walk that begins at `START`, at uneven anchors."""
    anchors = AnchorSet(torch.tensor([[0, 2, 5, 9, 12]]), HORIZON).repeat(samples)
    values = torch.full((samples, HORIZON, 2), torch.nan)
    values[:, 0] = torch.tensor(START)
    frame = Frame.known(values, values.isfinite(), anchors.times, states=SPACE)
    return GuidedStep(
        frame=frame, anchors=anchors, states=SPACE, schedule=schedule or Rectified(), without=refuse
    )


def gaussian(step: GuidedStep, mean: Tensor | float = 0.0) -> Callable[[Tensor, Tensor], Tensor]:
    """E[u | u_t] where u ~ N(mean, spread²), the denoiser that no training could better."""

    def denoise(u_t: Tensor, t: Tensor) -> Tensor:
        alpha, sigma = (value[:, None, None] for value in step.schedule(t))
        variance = step.frame.spread**2
        power = (alpha**2 * variance + sigma**2).clamp(min=1e-12)
        return (alpha * variance * u_t + sigma**2 * mean) / power

    return denoise


def sample(step: GuidedStep, denoise, sampler) -> Tensor:
    """Keypoints in the units of states, from the same noise whatever the denoiser is."""
    u_1 = torch.randn(step.frame.origin.shape, generator=seeded())
    project = step.frame.pin_normalised
    u = sampler(denoise, u_1, step.schedule, project=project, generator=seeded(1) if draws(sampler) else None)
    return step.frame.pin(step.frame.denormalise(u))


def draws(sampler) -> bool:
    return bool(sampler.is_stochastic)


def joined(index: Tensor) -> np.ndarray:
    """W, what each keypoint contributes to each step, by NumPy's interpolation."""
    return np.stack([np.interp(np.arange(HORIZON), index, row) for row in np.eye(len(index))], axis=1)


def covariance(step: GuidedStep) -> tuple[np.ndarray, np.ndarray]:
    """Of keypoints, (2, K, K), and of all steps, (2, horizon, horizon), both in the units of states."""
    scale, spread = step.frame.scale.double().numpy(), step.frame.spread[0].double().numpy()
    keypoints = np.stack([np.diag((scale[i] * spread[:, i]) ** 2) for i in range(2)])
    w = joined(step.anchors.index[0])
    return keypoints, np.stack([w @ own @ w.T for own in keypoints])


class Linear:
    """g · x."""

    def __init__(self, seed: int = 0, *, size: float = 0.2) -> None:
        self.g = size * torch.randn(HORIZON, 2, generator=seeded(seed))

    def __call__(self, x: Tensor) -> Tensor:
        return (x[..., :2] * self.g).sum(dim=(1, 2))


def lowered(step: GuidedStep, cost: Linear, weight: float) -> np.ndarray:
    """Mean of the density tilted by exp(-w g · x), less the untilted mean: -w Cov Wᵀ g, of keypoints."""
    keypoints, _ = covariance(step)
    w, g = joined(step.anchors.index[0]), cost.g.double().numpy()
    return np.stack([-weight * keypoints[i] @ w.T @ g[:, i] for i in range(2)], axis=1)
