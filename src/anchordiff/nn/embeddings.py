"""Features of scalars and positions that a linear layer can read."""

import math
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor, nn


def fourier_features(
    values: Float[Tensor, "*shape dim"], *, octaves: int
) -> Float[Tensor, "*shape features"]:
    """Values with their sines and cosines at `octaves` doubling frequencies, from half a turn a unit.

    Returns:
        `values`, `sin(2^k π values)` and `cos(2^k π values)` for k in 0 … octaves − 1 along the last axis:
        dim · (1 + 2 octaves) features (Tancik et al. 2020, with deterministic frequencies).
    """
    angles = (values[..., None] * _frequencies(octaves, values.device, values.dtype)).flatten(-2)
    return torch.cat([values, angles.sin(), angles.cos()], dim=-1)


@lru_cache
@torch.inference_mode(mode=False)  # so that training can use what a plan has made
def _frequencies(octaves: int, device: torch.device, dtype: torch.dtype) -> Float[Tensor, " octaves"]:
    return math.pi * 2.0 ** torch.arange(octaves, device=device, dtype=dtype)


def fourier_size(dim: int, *, octaves: int) -> int:
    """Number of features that `fourier_features` makes of `dim` values."""
    return dim * (1 + 2 * octaves)


class ContextEmbedding(nn.Module):
    """Scalars that hold for a whole trajectory, as one vector: Fourier features and a two-layer network."""

    def __init__(self, num_scalars: int, width: int, *, octaves: int = 6) -> None:
        super().__init__()
        self.octaves = octaves
        self.network = nn.Sequential(
            nn.Linear(fourier_size(num_scalars, octaves=octaves), width), nn.SiLU(), nn.Linear(width, width)
        )

    def forward(self, scalars: Float[Tensor, "batch scalars"]) -> Float[Tensor, "batch width"]:
        """Embed scalars of about unit size."""
        embedded: Tensor = self.network(fourier_features(scalars, octaves=self.octaves))
        return embedded
