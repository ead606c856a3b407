r"""The sampling loop that all samplers share.

A sampler sees a callable `denoise(x_t, t) -> x_0`, the schedule and the first state, never a model. With
x_t = alpha x_0 + sigma eps, an estimate of x_0 implies one of the noise, eps = (x_t - alpha x_0) / sigma,
and each sampler is a rule that moves from (alpha, sigma) at one time to those at the next.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Final, Literal, TypeAlias, final, get_args

import torch
from jaxtyping import Float

from anchordiff.checks import check_integer, check_type
from anchordiff.samplers.noise import ElementNoise, NoiseSource
from anchordiff.schedules import Schedule
from anchordiff.tensors import check_tensor

__all__ = ["Callback", "Denoise", "Project", "Sampler", "Spacing", "Step", "time_grid"]

Denoise: TypeAlias = Callable[["torch.Tensor", "torch.Tensor"], "torch.Tensor"]
"""`denoise(x_t, t)` with t of shape (batch,) returns the estimate of x_0."""
Project: TypeAlias = Callable[["torch.Tensor"], "torch.Tensor"]
"""`project(x_0)` returns x_0 with its known entries set to their values."""
Callback: TypeAlias = Callable[[int, float, "torch.Tensor", "torch.Tensor"], None]
"""`callback(step, t, x_t, x_0)`: the state at time t and the (projected) estimate of x_0 made from it."""
Spacing = Literal["linear", "quadratic", "sqrt"]


_MOST_STEPS: Final = 1_000_000


def time_grid(steps: int, spacing: Spacing) -> Float[torch.Tensor, " times"]:
    """Return the `steps` + 1 times from 1 down to 0, as float64 on the CPU.

    With u falling evenly from 1 to 0, times are u ("linear"), u^2 ("quadratic": dense near the data) or
    u^0.5 ("sqrt": dense near the noise). On a discrete grid of N steps that `steps` divides, "linear" is
    what diffusers calls "trailing".

    Raises:
        ValueError: if `steps` is below 1 or `spacing` is unknown.

    Example:
        >>> time_grid(2, "quadratic").tolist()
        [1.0, 0.25, 0.0]
    """
    check_integer("steps", steps, most=_MOST_STEPS, most_is="the most steps")
    u = 1.0 - torch.arange(steps + 1, dtype=torch.float64) / steps
    if spacing == "linear":
        return u
    if spacing == "quadratic":
        return u.square()
    if spacing == "sqrt":
        return u.sqrt()
    known = ", ".join(repr(choice) for choice in get_args(Spacing))
    raise ValueError(f"spacing must be one of {known}, found {spacing!r}")


@final
@dataclass(frozen=True, kw_only=True)
class Step:
    """One move of a sampler, from time t to the earlier time s, with the coefficients at both."""

    index: int
    alpha_t: float
    sigma_t: float
    alpha_s: float
    sigma_s: float

    def noise_in(self, x_t: torch.Tensor, x_0: torch.Tensor) -> torch.Tensor:
        """Return eps = (x_t - alpha_t x_0) / sigma_t."""
        eps: torch.Tensor = (x_t - self.alpha_t * x_0) / self.sigma_t
        return eps

    @property
    def forward_variance(self) -> float:
        """Var[x_t | x_s] = sigma_t^2 - (alpha_t / alpha_s)^2 sigma_s^2: the noise that corruption adds."""
        return max(self.sigma_t**2 - (self.alpha_t / self.alpha_s * self.sigma_s) ** 2, 0.0)

    @property
    def posterior_variance(self) -> float:
        """Var[x_s | x_t, x_0] = sigma_s^2 / sigma_t^2 Var[x_t | x_s], which lies in [0, sigma_s^2]."""
        return (self.sigma_s / self.sigma_t) ** 2 * self.forward_variance


@dataclass(frozen=True)
class Sampler(ABC):
    """Turns noise into data along a schedule, in `steps` moves.

    Calling a sampler runs the loop

        x_0 = project(denoise(x_t, t));   callback(step, t, x_t, x_0);   x_s = move(x_t, x_0)

    from t = 1 to t = 0. The last move, to s = 0 where alpha = 1 and sigma = 0, returns x_0 itself in every
    sampler.

    **Known entries.** `project` is applied to each estimate of x_0 (both estimates of a Heun move) and to
    nothing else. The state keeps noise in the known entries, as in training: after the first move it is
    alpha times their value plus sigma times noise. Because the last move returns the projected estimate,
    the sample holds known entries exactly, bit by bit.

    **Randomness.** Deterministic samplers draw nothing. Stochastic ones take their noise from `noise`, a
    function of (step, like), or from `generator`, of which they draw one seed for each element of the batch
    (see `ElementNoise`). An element's seed is all that its noise depends on, so sampling (a, b) equals
    sampling a and then b. With neither, the seeds come from torch's default generator.

    Gradients flow through a sampler; call it under `torch.inference_mode()` where they are not wanted.

    Args:
        steps: number of moves, at least 1.
        spacing: how the times lie between 1 and 0, see `time_grid`.
    """

    steps: int
    _: KW_ONLY
    spacing: Spacing = "linear"

    def __post_init__(self) -> None:
        time_grid(self.steps, self.spacing)

    def __call__(
        self,
        denoise: Denoise,
        x_1: Float[torch.Tensor, " batch *shape"],
        schedule: Schedule,
        *,
        project: Project | None = None,
        generator: torch.Generator | None = None,
        noise: NoiseSource | None = None,
        callback: Callback | None = None,
    ) -> Float[torch.Tensor, " batch *shape"]:
        """Return a sample x_0 for each element of `x_1`.

        Args:
            denoise: `denoise(x_t, t)` with t of shape (batch,), gives the estimate of x_0.
            x_1: the state at t = 1, usually standard normal noise.
            schedule: alpha and sigma, the ones that `denoise` was trained with.
            project: sets the known entries of an estimate of x_0.
            generator: source of randomness; for stochastic samplers only.
            noise: replaces `generator`: `noise(step, like)`, called with steps 1, 2, ...
            callback: called as `callback(step, t, x_t, x_0)` before each move, with step 0, 1, ...

        Raises:
            ValueError: if `x_1` is not a floating tensor, both `generator` and `noise` are given, the
                schedule is not (1, 0) at t = 0, or `denoise` or `project` returns another shape than it was
                given.
        """
        check_tensor("x_1", x_1, "batch ...")
        check_type("schedule", schedule, Schedule)
        for name, function in (
            ("denoise", denoise),
            ("project", project),
            ("noise", noise),
            ("callback", callback),
        ):
            if not (callable(function) or (function is None and name != "denoise")):
                raise ValueError(f"{name} must be a function, found {function!r}")
        if generator is not None:
            check_type("generator", generator, torch.Generator)
        if generator is not None and noise is not None:
            raise ValueError("generator and noise must not be given together, found both")
        times = time_grid(self.steps, self.spacing)
        moves = _moves(self.steps, self.spacing, schedule)
        # Half precision could not tell neighbouring times apart.
        dtype = torch.promote_types(x_1.dtype, torch.float32)
        on_device = times.to(device=x_1.device, dtype=dtype)
        if noise is None:
            stochastic = self.is_stochastic
            noise = ElementNoise.draw(len(x_1), generator=generator) if stochastic else _no_noise

        def estimate(x_t: torch.Tensor, index: int) -> torch.Tensor:
            x_0 = _checked("denoise", denoise(x_t, on_device[index].expand(len(x_t))), x_t)
            return x_0 if project is None else _checked("project", project(x_0), x_t)

        x_t, x_0 = x_1, x_1
        for move in moves:
            x_0 = estimate(x_t, move.index)
            if callback is not None:
                callback(move.index, float(times[move.index]), x_t, x_0)
            if move.index < self.steps - 1:
                x_t = self._move(move, x_t, x_0, estimate, noise)
        return x_0

    @property
    def is_stochastic(self) -> bool:
        """Whether this sampler draws noise on its way."""
        return False

    @abstractmethod
    def _move(
        self,
        step: Step,
        x_t: torch.Tensor,
        x_0: torch.Tensor,
        estimate: Callable[[torch.Tensor, int], torch.Tensor],
        noise: NoiseSource,
    ) -> torch.Tensor:
        """Return x_s from x_t and the estimate x_0; never called for the last move, so sigma_s > 0."""


def _moves(steps: int, spacing: Spacing, schedule: Schedule) -> list[Step]:
    alphas, sigmas = _coefficients(steps, spacing, schedule)
    if abs(alphas[-1] - 1.0) > 1e-6 or abs(sigmas[-1]) > 1e-6:
        raise ValueError(
            f"schedule must give alpha 1 and sigma 0 at t = 0, found {alphas[-1]} and {sigmas[-1]}"
        )
    return [
        Step(index=i, alpha_t=alphas[i], sigma_t=sigmas[i], alpha_s=alphas[i + 1], sigma_s=sigmas[i + 1])
        for i in range(steps)
    ]


def _coefficients(
    steps: int, spacing: Spacing, schedule: Schedule
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    alphas, sigmas = schedule(time_grid(steps, spacing))
    return tuple(alphas.tolist()), tuple(sigmas.tolist())


# Numbers, for which torch.compile would have to leave its graph. `torch.compiler.assume_constant_result` sets
# this mark too, and imports the whole compiler for it, seconds before anyone has asked to compile.
setattr(_coefficients, "_dynamo_marked_constant", True)  # noqa: B010


def _no_noise(step: int, like: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(like)


def _checked(name: str, result: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    if not isinstance(result, torch.Tensor):
        raise ValueError(f"{name} must return a tensor, found {type(result).__name__}")
    if result.shape != like.shape:
        raise ValueError(
            f"{name} must return the shape it was given, {tuple(like.shape)}, found {tuple(result.shape)}"
        )
    return result
