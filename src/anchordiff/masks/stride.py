"""Every n-th step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool

from anchordiff.checks import check_integer
from anchordiff.configs import exact
from anchordiff.masks.base import MaskSampler, free_steps


@dataclass(frozen=True)
@exact
class Stride(MaskSampler):
    """Every `step`-th free step, from the `offset`-th on; write `Stride(8) | Ends()` to keep the last one.

    Raises:
        ValueError: if `step` is below 1 or `offset` is negative.

    Example:
        >>> Stride(3).sample(1, 8).int().tolist()
        [[1, 0, 0, 1, 0, 0, 1, 0]]
    """

    step: int
    offset: int = 0

    def __post_init__(self) -> None:
        check_integer("step", self.step)
        check_integer("offset", self.offset, least=0)

    def sample(
        self,
        batch: int,
        horizon: int,
        *,
        taken: Bool[torch.Tensor, "batch horizon"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Bool[torch.Tensor, "batch horizon"]:
        """Take every `step`-th free step.

        Raises:
            ValueError: if a row has no free step at `offset`.
        """
        free = free_steps(batch, horizon, self.offset + 1, taken=taken, generator=generator)
        rank = free.cumsum(1) - 1 - self.offset
        return free & (rank >= 0) & (rank % self.step == 0)
