"""Anchors drawn uniformly."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool

from anchordiff.checks import check_integer
from anchordiff.configs import exact
from anchordiff.masks.base import MaskSampler, free_steps, uniform


@dataclass(frozen=True)
@exact
class Random(MaskSampler):
    """`count` free steps drawn uniformly without replacement; write `Ends() + Random(6)` to keep the ends.

    Raises:
        ValueError: if `count` is negative.
    """

    count: int

    def __post_init__(self) -> None:
        check_integer("count", self.count, least=0)

    def sample(
        self,
        batch: int,
        horizon: int,
        *,
        taken: Bool[torch.Tensor, "batch horizon"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Bool[torch.Tensor, "batch horizon"]:
        """Draw `count` free steps a row."""
        free = free_steps(batch, horizon, self.count, taken=taken, generator=generator)
        keys = uniform(batch, horizon, generator=generator, device=free.device)
        # Random keys lie in [0, 1): a taken step's -1 never ranks before a free step.
        chosen = keys.masked_fill_(~free, -1.0).topk(self.count, dim=1).indices
        return torch.zeros_like(free).scatter_(1, chosen, value=True)
