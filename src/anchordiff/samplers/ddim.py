r"""Denoising diffusion implicit models (Song et al. 2021)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import final

import torch

from anchordiff.configs import exact
from anchordiff.samplers.base import Sampler, Step
from anchordiff.samplers.noise import NoiseSource

__all__ = ["DDIMSampler"]


@final
@dataclass(frozen=True)
@exact
class DDIMSampler(Sampler):
    r"""The implicit sampler (Song et al. 2021, eq. 12), for any schedule.

        x_s = alpha_s x_0 + sqrt(sigma_s^2 - w^2) eps + w z,   z ~ N(0, I),
        w^2 = eta^2 Var[x_s | x_t, x_0].

    `eta` = 0 is deterministic; `eta` = 1 is ancestral sampling, equal in law to `DDPMSampler`.

    Args:
        steps: number of moves, at least 1.
        eta: share of the ancestral noise, in [0, 1].
        spacing: how the times lie between 1 and 0, see `time_grid`.

    Example:
        >>> import torch
        >>> from anchordiff.schedules import Cosine
        >>> DDIMSampler(20)(lambda x_t, t: torch.ones_like(x_t), torch.randn(1, 3), Cosine())
        tensor([[1., 1., 1.]])
    """

    _: KW_ONLY
    eta: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0.0 <= self.eta <= 1.0:
            raise ValueError(f"eta must be in [0, 1], found {self.eta}")

    @property
    def is_stochastic(self) -> bool:
        """Whether `eta` is above zero."""
        return self.eta > 0.0

    def _move(
        self,
        step: Step,
        x_t: torch.Tensor,
        x_0: torch.Tensor,
        estimate: Callable[[torch.Tensor, int], torch.Tensor],
        noise: NoiseSource,
    ) -> torch.Tensor:
        variance = self.eta**2 * step.posterior_variance
        kept = math.sqrt(max(step.sigma_s**2 - variance, 0.0))
        x_s: torch.Tensor = step.alpha_s * x_0 + kept * step.noise_in(x_t, x_0)
        return x_s if variance == 0.0 else x_s + math.sqrt(variance) * noise(step.index + 1, x_t)
