r"""Noise schedules: how much signal and how much noise a state holds at diffusion time `t`.

Time runs over [0, 1] with data at 0. A state at time t is

    x_t = alpha(t) x_0 + sigma(t) eps,    eps ~ N(0, I),

and a `Schedule` is the pair of functions (alpha, sigma). Every schedule has alpha(0) = 1 and sigma(0) = 0
exactly; alpha falls and sigma / alpha rises with t.

Example:
    >>> import torch
    >>> alpha, sigma = Rectified()(torch.tensor([0.0, 0.25, 1.0]))
    >>> alpha.tolist(), sigma.tolist()
    ([1.0, 0.75, 0.0], [0.0, 0.25, 1.0])
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, final, get_args

import torch
from jaxtyping import Float

from anchordiff.configs import exact
from anchordiff.tensors import check_tensor

__all__ = ["Cosine", "LinearBeta", "Rectified", "Schedule", "ScheduleName", "make_schedule"]

ScheduleName = Literal["linear_beta", "cosine", "rectified"]


class Schedule(ABC):
    """The functions alpha(t) and sigma(t) of x_t = alpha x_0 + sigma eps.

    A subclass keeps to three rules, on which the samplers rely: alpha(0) = 1 and sigma(0) = 0; alpha and
    sigma are not negative and never both zero; sigma / alpha increases with t. Values of t outside [0, 1] are
    not checked, because that would make a GPU wait for the CPU.
    """

    @abstractmethod
    def __call__(
        self, t: Float[torch.Tensor, "*shape"]
    ) -> tuple[Float[torch.Tensor, "*shape"], Float[torch.Tensor, "*shape"]]:
        """Return (alpha, sigma) at the times `t`, with the dtype and device of `t`."""


@final
@dataclass(frozen=True, kw_only=True)
@exact
class LinearBeta(Schedule):
    r"""Variance-preserving schedule of DDPM in continuous time (Ho et al. 2020).

    The discrete schedule has beta_i from `beta_start` to `beta_end` over `train_steps` steps and
    alpha_i^2 = prod_{j <= i} (1 - beta_j). Here the sum of -log(1 - beta_j) becomes an integral by the
    midpoint rule, so that

        alpha(t)^2 = exp(-A(t)),   A(t) = -N int_0^t log(1 - beta(u)) du,   sigma(t)^2 = 1 - alpha(t)^2,

    where beta(u) is the line through beta_i at u = (i + 1/2) / N. At t = (i + 1) / N this is the discrete
    value with a relative error near 1e-8. alpha(1) is small (0.0064 with the defaults) but not zero.

    Args:
        beta_start: variance added by the first discrete step.
        beta_end: variance added by the last discrete step, below 0.5.
        train_steps: number N of discrete steps.
    """

    beta_start: float = 1e-4
    beta_end: float = 0.02
    train_steps: int = 1000

    def __post_init__(self) -> None:
        if self.train_steps < 2:
            raise ValueError(f"train_steps must be at least 2, found {self.train_steps}")
        if not 0.0 < self.beta_start <= self.beta_end < 0.5:
            raise ValueError(
                "beta_start and beta_end must satisfy 0 < beta_start <= beta_end < 0.5, "
                f"found {self.beta_start} and {self.beta_end}"
            )
        half_slope = 0.5 * (self.beta_end - self.beta_start) / (self.train_steps - 1)
        if self.beta_start < half_slope:
            raise ValueError(
                f"beta_start must be at least half a step of the line to beta_end ({half_slope:.3g}), "
                f"found {self.beta_start}"
            )

    def __call__(
        self, t: Float[torch.Tensor, "*shape"]
    ) -> tuple[Float[torch.Tensor, "*shape"], Float[torch.Tensor, "*shape"]]:
        """Return (alpha, sigma) at the times `t`."""
        check_tensor("t", t, "...")
        decay = torch.zeros_like(t)
        for coefficient in _decay_polynomial(self.beta_start, self.beta_end, self.train_steps):
            decay = (decay + coefficient) * t
        return torch.exp(-0.5 * decay), torch.sqrt(-torch.expm1(-decay))


@lru_cache(maxsize=32)
def _decay_polynomial(beta_start: float, beta_end: float, train_steps: int) -> tuple[float, ...]:
    """Coefficients of A(t), highest power first, constant (zero) left out.

    A closed form with logarithms loses every digit in float32 (it divides a difference of nearly equal
    numbers by the slope). Expanding -log(1 - beta) in powers of beta gives a polynomial whose coefficients
    are all positive, hence accurate in any dtype.
    """
    slope = (beta_end - beta_start) / (train_steps - 1)
    start, rate = beta_start - 0.5 * slope, slope * train_steps
    powers = max(2, math.ceil(math.log(1e-12) / math.log(beta_end)))
    coefficients = [0.0] * (powers + 1)
    for power in range(1, powers + 1):
        for j in range(power + 1):
            term = math.comb(power, j) * start ** (power - j) * rate**j / (power * (j + 1))
            coefficients[j] += train_steps * term
    return tuple(reversed(coefficients))


_COSINE_OFFSET: Final = 0.008
_COSINE_MAX_BETA: Final = 0.999
_COSINE_STEPS: Final = 1000


@final
@dataclass(frozen=True)
class Cosine(Schedule):
    r"""Variance-preserving cosine schedule (Nichol and Dhariwal 2021).

        alpha(t) = cos(u(t)) / cos(u(0)),   u(t) = (pi / 2) (t + 0.008) / 1.008,   sigma^2 = 1 - alpha^2.

    At t = (i + 1) / 1000 these are the discrete values that follow from betas capped at 0.999. The cap
    matters in the last step alone, where it keeps alpha(1) at 4.9e-5 instead of zero; so it does here.
    """

    def __call__(
        self, t: Float[torch.Tensor, "*shape"]
    ) -> tuple[Float[torch.Tensor, "*shape"], Float[torch.Tensor, "*shape"]]:
        """Return (alpha, sigma) at the times `t`."""
        check_tensor("t", t, "...")
        # Written with differences from both ends (1 - t and t), so that float32 keeps its digits near them.
        quarter = 0.5 * math.pi / (1.0 + _COSINE_OFFSET)
        first = math.cos(quarter * _COSINE_OFFSET)
        floor = math.sqrt(1.0 - _COSINE_MAX_BETA) * math.sin(quarter / _COSINE_STEPS) / first
        alpha = (torch.sin(quarter * (1.0 - t)) / first).clamp(floor, 1.0)
        variance = torch.sin(quarter * t) * torch.sin(quarter * (t + 2.0 * _COSINE_OFFSET)) / first**2
        alpha = torch.where(t > 0.0, alpha, torch.ones_like(alpha))
        return alpha, torch.sqrt(variance.clamp(0.0, 1.0 - floor**2))


@final
@dataclass(frozen=True)
class Rectified(Schedule):
    """Straight path from data to noise (Lipman et al. 2023, Liu et al. 2023): alpha = 1 - t, sigma = t."""

    def __call__(
        self, t: Float[torch.Tensor, "*shape"]
    ) -> tuple[Float[torch.Tensor, "*shape"], Float[torch.Tensor, "*shape"]]:
        """Return (alpha, sigma) at the times `t`."""
        check_tensor("t", t, "...")
        return 1.0 - t, t.clone()


def make_schedule(name: ScheduleName) -> Schedule:
    """Return the schedule of that name with its default parameters.

    Raises:
        ValueError: if no schedule has this name.

    Example:
        >>> make_schedule("cosine")
        Cosine()
    """
    if name == "linear_beta":
        return LinearBeta()
    if name == "cosine":
        return Cosine()
    if name == "rectified":
        return Rectified()
    known = ", ".join(repr(choice) for choice in get_args(ScheduleName))
    raise ValueError(f"name must be one of {known}, found {name!r}")
