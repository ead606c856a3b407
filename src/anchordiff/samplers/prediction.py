r"""What a network predicts, and how to read the clean data from it.

With x_t = alpha x_0 + sigma eps, a network may be trained to give

    "x0":   x_0 itself,
    "eps":  the noise; then x_0 = (x_t - sigma eps) / alpha,
    "v":    v = alpha eps - sigma x_0; then x_0 = (alpha x_t - sigma v) / (alpha^2 + sigma^2).

The last identity holds for every alpha and sigma. For variance-preserving schedules the denominator is one
and v is that of Salimans and Ho (2022). It is defined at both ends of time: v = eps at t = 0, and v = -x_0
at t = 1 where alpha(1) = 0.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import torch
from jaxtyping import Float

__all__ = ["MIN_ALPHA", "Prediction", "add_noise", "target", "to_x0"]

Prediction = Literal["x0", "eps", "v"]

MIN_ALPHA: Final = 1e-3
"""The smallest alpha that `to_x0` divides by when the prediction is "eps"."""


def add_noise(
    x_0: Float[torch.Tensor, " batch *shape"],
    noise: Float[torch.Tensor, " batch *shape"],
    alpha: Float[torch.Tensor, "#batch"],
    sigma: Float[torch.Tensor, "#batch"],
) -> Float[torch.Tensor, " batch *shape"]:
    """Return x_t = alpha x_0 + sigma noise, with one (alpha, sigma) for each element of the batch."""
    return _per_element(alpha, x_0) * x_0 + _per_element(sigma, x_0) * noise


def target(
    x_0: Float[torch.Tensor, " batch *shape"],
    noise: Float[torch.Tensor, " batch *shape"],
    alpha: Float[torch.Tensor, "#batch"],
    sigma: Float[torch.Tensor, "#batch"],
    prediction: Prediction,
) -> Float[torch.Tensor, " batch *shape"]:
    """Return what the network should output for this `prediction`.

    Raises:
        ValueError: if `prediction` is unknown.
    """
    if prediction == "x0":
        return x_0
    if prediction == "eps":
        return noise
    if prediction == "v":
        return _per_element(alpha, x_0) * noise - _per_element(sigma, x_0) * x_0
    raise _unknown(prediction)


def to_x0(
    raw: Float[torch.Tensor, " batch *shape"],
    x_t: Float[torch.Tensor, " batch *shape"],
    alpha: Float[torch.Tensor, "#batch"],
    sigma: Float[torch.Tensor, "#batch"],
    prediction: Prediction,
) -> Float[torch.Tensor, " batch *shape"]:
    """Return the estimate of x_0 that a network's output `raw` stands for.

    Where alpha is zero a noise prediction says nothing about x_0; the division then uses `MIN_ALPHA`, so
    the result is finite but not meaningful. Prefer "x0" or "v" for schedules that end in pure noise.

    Raises:
        ValueError: if `prediction` is unknown.
    """
    if prediction == "x0":
        return raw
    alpha, sigma = _per_element(alpha, x_t), _per_element(sigma, x_t)
    if prediction == "eps":
        return (x_t - sigma * raw) / alpha.clamp(min=MIN_ALPHA)
    if prediction == "v":
        return (alpha * x_t - sigma * raw) / (alpha.square() + sigma.square())
    raise _unknown(prediction)


def _per_element(coefficient: Float[torch.Tensor, "#batch"], like: torch.Tensor) -> torch.Tensor:
    return coefficient.reshape(-1, *(1 for _ in range(like.ndim - 1)))


def _unknown(prediction: str) -> ValueError:
    known = ", ".join(repr(choice) for choice in get_args(Prediction))
    return ValueError(f"prediction must be one of {known}, found {prediction!r}")
