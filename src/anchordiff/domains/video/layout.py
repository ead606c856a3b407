"""How the latents of a clip lie in the states of its steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from einops import rearrange
from jaxtyping import Float

from anchordiff.checks import check_integer
from anchordiff.configs import exact
from anchordiff.states import StateSpace
from anchordiff.tensors import check_tensor


@final
@dataclass(frozen=True, kw_only=True)
@exact
class ClipLayout:
    """Latents of a frame as patches, row by row: each patch is a token of networks.

    Attributes:
        channels: of a latent.
        height: of a latent.
        width: of a latent.
        patch_size: rows and columns of a patch.

    Raises:
        ValueError: if a size is below 1, or a side no multiple of `patch_size`.

    Example:
        >>> layout = ClipLayout(channels=4, height=8, width=8, patch_size=2)
        >>> layout.states().patches, layout.states().token_dim
        ((4, 4), 16)
    """

    channels: int
    height: int
    width: int
    patch_size: int = 2

    def __post_init__(self) -> None:
        for name in ("channels", "height", "width", "patch_size"):
            check_integer(name, getattr(self, name))
        for name in ("height", "width"):
            if getattr(self, name) % self.patch_size:
                raise ValueError(
                    f"{name} must be a multiple of patch_size = {self.patch_size}, found {getattr(self, name)}"
                )

    @property
    def patches(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        return self.height // self.patch_size, self.width // self.patch_size

    def states(self) -> StateSpace:
        """What a step of a clip of such latents holds; latents have about unit size already."""
        numbers = self.channels * self.height * self.width
        return StateSpace(positions=numbers, patches=self.patches, scale=1.0, unit=1.0, reach=1.0, pace=16)

    def to_states(
        self, latents: Float[torch.Tensor, "batch steps channels height width"]
    ) -> Float[torch.Tensor, "batch steps dim"]:
        """Latents as states.

        Raises:
            ValueError: if they have other sizes.
        """
        check_tensor("latents", latents, f"batch steps {self.channels} {self.height} {self.width}")
        size = self.patch_size
        return rearrange(latents, "b t c (r p) (s q) -> b t (r s c p q)", p=size, q=size)

    def to_latents(
        self, states: Float[torch.Tensor, "batch steps dim"]
    ) -> Float[torch.Tensor, "batch steps channels height width"]:
        """The latents that states were made of.

        Raises:
            ValueError: if they have other sizes.
        """
        check_tensor("states", states, f"batch steps {self.channels * self.height * self.width}")
        (rows, cols), size = self.patches, self.patch_size
        return rearrange(
            states, "b t (r s c p q) -> b t c (r p) (s q)", r=rows, s=cols, c=self.channels, p=size, q=size
        )
