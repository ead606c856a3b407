"""The two ends of the horizon."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool

from anchordiff.masks.base import MaskSampler, free_steps


@dataclass(frozen=True)
class Ends(MaskSampler):
    """The first and the last step.

    Example:
        >>> Ends().sample(1, 5).int().tolist()
        [[1, 0, 0, 0, 1]]
    """

    def sample(
        self,
        batch: int,
        horizon: int,
        *,
        taken: Bool[torch.Tensor, "batch horizon"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Bool[torch.Tensor, "batch horizon"]:
        """Take both ends.

        Raises:
            ValueError: if an end is taken already.
        """
        free = free_steps(batch, horizon, 2, taken=taken, generator=generator)
        ends = torch.zeros_like(free)
        ends[:, 0] = ends[:, -1] = True
        blocked = (ends & ~free).nonzero()
        if taken is not None and len(blocked):
            row, step = blocked[0].tolist()
            raise ValueError(
                f"taken must leave both ends free for Ends(), found step {step} taken in row {row}"
            )
        return ends
