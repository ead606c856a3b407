"""Scalars as a vector."""

from jaxtyping import Float
from torch import Tensor, nn

from anchordiff.nn.fourier import fourier_features, fourier_size


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
