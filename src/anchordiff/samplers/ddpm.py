r"""Ancestral sampling of denoising diffusion probabilistic models (Ho et al. 2020)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Literal, final, get_args

import torch

from anchordiff.checks import check_choice
from anchordiff.configs import exact
from anchordiff.samplers.base import Sampler, Step
from anchordiff.samplers.noise import NoiseSource

__all__ = ["DDPMSampler", "Variance"]

Variance = Literal["small", "large"]


@final
@dataclass(frozen=True)
@exact
class DDPMSampler(Sampler):
    r"""The ancestral sampler (Ho et al. 2020, eq. 6 and 7), for any schedule and any subset of times.

    With r = alpha_t / alpha_s and the forward variance b = sigma_t^2 - r^2 sigma_s^2 between s and t,

        x_s = (r sigma_s^2 x_t + alpha_s b x_0) / sigma_t^2 + w z,   z ~ N(0, I).

    Args:
        steps: number of moves, at least 1.
        variance: what w^2 is: the variance of q(x_s | x_t, x_0), b sigma_s^2 / sigma_t^2 (`"small"`), or
            that of q(x_t | x_s), b (`"large"`). They are the two bounds of Ho et al.: optimal for data in
            one point and for data ~ N(0, I).
        spacing: how the times lie between 1 and 0, see `time_grid`.
    """

    _: KW_ONLY
    variance: Variance = "small"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("variance", self.variance, get_args(Variance))

    @property
    def is_stochastic(self) -> bool:
        """Always true."""
        return True

    def _move(
        self,
        step: Step,
        x_t: torch.Tensor,
        x_0: torch.Tensor,
        estimate: Callable[[torch.Tensor, int], torch.Tensor],
        noise: NoiseSource,
    ) -> torch.Tensor:
        added, total = step.forward_variance, step.sigma_t**2
        keep = step.alpha_t / step.alpha_s * step.sigma_s**2 / total
        mean: torch.Tensor = keep * x_t + (step.alpha_s * added / total) * x_0
        variance = step.posterior_variance if self.variance == "small" else added
        return mean + math.sqrt(variance) * noise(step.index + 1, x_t)
