"""Sines and cosines of numbers, which a linear layer can read."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from jaxtyping import Float


def fourier_features(
    values: Float[torch.Tensor, "*shape dim"], *, octaves: int
) -> Float[torch.Tensor, "*shape features"]:
    """Values with their sines and cosines at `octaves` doubling frequencies, from half a turn a unit.

    Returns:
        `values`, `sin(2^k π values)` and `cos(2^k π values)` for k in 0 … octaves − 1 along the last axis:
        dim · (1 + 2 octaves) features (Tancik et al. 2020, with deterministic frequencies).
    """
    angles = (values[..., None] * _frequencies(octaves, values.device, values.dtype)).flatten(-2)
    return torch.cat([values, angles.sin(), angles.cos()], dim=-1)


def fourier_size(dim: int, *, octaves: int) -> int:
    """Number of features that `fourier_features` makes of `dim` values."""
    return dim * (1 + 2 * octaves)


@lru_cache
def _frequencies(octaves: int, device: torch.device, dtype: torch.dtype) -> Float[torch.Tensor, " octaves"]:
    with torch.inference_mode(False):  # so that training can use what a plan has made
        return math.pi * 2.0 ** torch.arange(octaves, device=device, dtype=dtype)
