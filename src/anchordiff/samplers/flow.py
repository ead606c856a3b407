r"""Flow sampling: the probability-flow ODE of a schedule, solved on the straight path (Lipman et al. 2023).

Divide the state by alpha + sigma and measure time by the noise share tau:

    y = x_t / (alpha + sigma),   tau = sigma / (alpha + sigma);   then   y = (1 - tau) x_0 + tau eps.

So every schedule is a rectified flow in (y, tau), and the ODE is dy/dtau = eps - x_0 = (y - x_0) / tau with
x_0 the denoiser's estimate. Its right side stays bounded where dsigma/dt does not (variance-preserving
schedules have dsigma/dt = infinity at t = 0), and no derivative of the schedule is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Literal, final, get_args

import torch

from anchordiff.checks import check_choice
from anchordiff.configs import exact
from anchordiff.samplers.base import Sampler, Step
from anchordiff.samplers.noise import NoiseSource

__all__ = ["FlowMethod", "FlowSampler"]

FlowMethod = Literal["euler", "heun"]


@final
@dataclass(frozen=True)
@exact
class FlowSampler(Sampler):
    r"""Deterministic flow sampler.

    - `"euler"`: one estimate a step, first order. On `Rectified` it is flow matching's usual Euler step,
      x_s = x_t + (s - t)(eps - x_0). On every schedule it equals `DDIMSampler` with eta = 0 on the same
      times, because a straight line in (y, tau) is what DDIM follows.
    - `"heun"`: two estimates a step (one in the last), second order: the slope is averaged over both
      ends of the step. The last step is an Euler step, since the slope at tau = 0 is 0 / 0 (as in Karras
      et al. 2022). Variance-preserving schedules need `spacing="quadratic"` for the full order, since their
      tau grows as t^0.5 near the data.

    Args:
        steps: number of moves, at least 1.
        method: the solver.
        spacing: how the times lie between 1 and 0, see `time_grid`.

    Example:
        >>> import torch
        >>> from anchordiff.schedules import Rectified
        >>> sampler = FlowSampler(4, method="heun")
        >>> sampler(lambda x_t, t: torch.ones_like(x_t), torch.randn(1, 3), Rectified())
        tensor([[1., 1., 1.]])
    """

    _: KW_ONLY
    method: FlowMethod = "euler"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("method", self.method, get_args(FlowMethod))

    def _move(
        self,
        step: Step,
        x_t: torch.Tensor,
        x_0: torch.Tensor,
        estimate: Callable[[torch.Tensor, int], torch.Tensor],
        noise: NoiseSource,
    ) -> torch.Tensor:
        eps = step.noise_in(x_t, x_0)
        x_s = step.alpha_s * x_0 + step.sigma_s * eps
        if self.method == "euler":
            return x_s
        scale_t, scale_s = step.alpha_t + step.sigma_t, step.alpha_s + step.sigma_s
        tau_t, tau_s = step.sigma_t / scale_t, step.sigma_s / scale_s
        x_0_s = estimate(x_s, step.index + 1)
        slope_s = (x_s - scale_s * x_0_s) / (tau_s * scale_s)
        slope = 0.5 * (eps - x_0 + slope_s)
        return scale_s * (x_t / scale_t + (tau_s - tau_t) * slope)
