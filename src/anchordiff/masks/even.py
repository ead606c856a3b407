"""Anchors spread evenly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool

from anchordiff.checks import check_integer
from anchordiff.configs import exact
from anchordiff.kernels.anchors import spread_evenly
from anchordiff.masks.base import MaskSampler, free_steps


@dataclass(frozen=True)
@exact
class Even(MaskSampler):
    """`count` steps, spread so that the widest gap is as small as it can be.

    The ends are drawn first where they are free, then each gap between anchors is divided into equal parts.
    So `Even(8)` is `Ends() + Even(6)`, and `Even(8) + Even(7)` halves every gap.

    Raises:
        ValueError: if `count` is negative.

    Example:
        >>> Even(3).sample(1, 7).int().tolist()
        [[1, 0, 0, 1, 0, 0, 1]]
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
        """Place `count` steps; every row is the same unless `taken` differs."""
        free = free_steps(batch, horizon, self.count, taken=taken, generator=generator)
        if taken is None:
            row = torch.from_numpy(spread_evenly(np.zeros((1, horizon), np.bool_), self.count))
            return row.to(free.device).repeat(batch, 1)
        return torch.from_numpy(spread_evenly(taken.cpu().numpy(), self.count)).to(taken.device)
