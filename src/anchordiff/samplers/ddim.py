r"""Denoising diffusion implicit models (Song et al. 2021)."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import final

from torch import Tensor

from anchordiff.samplers.base import Sampler, Step
from anchordiff.samplers.noise import NoiseSource

__all__ = ["DDIMSampler", "posterior_variance"]


def posterior_variance(step: Step) -> float:
    r"""Variance of q(x_s | x_t, x_0) for any alpha and sigma.

        sigma_s^2 / sigma_t^2 (sigma_t^2 - (alpha_t / alpha_s)^2 sigma_s^2)

    It is the variance of an ancestral (DDPM) move, and lies in [0, sigma_s^2].
    """
    return (step.sigma_s / step.sigma_t) ** 2 * forward_variance(step)


def forward_variance(step: Step) -> float:
    """Variance of q(x_t | x_s): the noise that the forward process adds between s and t."""
    return max(step.sigma_t**2 - (step.alpha_t / step.alpha_s * step.sigma_s) ** 2, 0.0)


@final
@dataclass(frozen=True)
class DDIMSampler(Sampler):
    r"""The implicit sampler (Song et al. 2021, eq. 12), for any schedule.

        x_s = alpha_s x_0 + sqrt(sigma_s^2 - w^2) eps + w z,   w^2 = eta^2 Var[x_s | x_t, x_0],   z ~ N(0, I).

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
        x_t: Tensor,
        x_0: Tensor,
        estimate: Callable[[Tensor, int], Tensor],
        noise: NoiseSource | None,
    ) -> Tensor:
        variance = self.eta**2 * posterior_variance(step)
        x_s = step.alpha_s * x_0 + max(step.sigma_s**2 - variance, 0.0) ** 0.5 * step.noise_in(x_t, x_0)
        return x_s if noise is None or variance == 0.0 else x_s + variance**0.5 * noise(step.index + 1, x_t)
