"""Anchors moved a little."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool

from anchordiff.checks import check_integer
from anchordiff.configs import exact
from anchordiff.masks.base import MaskSampler, free_steps, uniform


@dataclass(frozen=True)
@exact
class Jittered(MaskSampler):
    """The anchors of `base`, each moved by up to `amount` steps to either side.

    The ends stay where they are, no anchor crosses another (each keeps to its half of a gap), and steps that
    are taken are jumped over, so the number of anchors never changes.

    Args:
        base: sampler whose anchors are moved.
        amount: largest move, in free steps.

    Raises:
        ValueError: if `amount` is negative.
    """

    base: MaskSampler
    amount: int

    def __post_init__(self) -> None:
        check_integer("amount", self.amount, least=0)

    def sample(
        self,
        batch: int,
        horizon: int,
        *,
        taken: Bool[torch.Tensor, "batch horizon"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Bool[torch.Tensor, "batch horizon"]:
        """Draw `base` and move its anchors."""
        drawn = self.base.sample(batch, horizon, taken=taken, generator=generator)
        free = free_steps(batch, horizon, 0, taken=taken, generator=generator)
        row, step = drawn.nonzero(as_tuple=True)
        rank = (free.cumsum(1) - 1)[row, step]
        totals = free.sum(1)
        same_row = row[1:] == row[:-1]
        gap = rank.diff()
        # Of the g - 1 ranks between two anchors the right one may use (g - 1) // 2, the left one the rest.
        left, right = rank.clone(), totals[row] - 1 - rank
        left[1:] = torch.where(same_row, (gap - 1) // 2, left[1:])
        right[:-1] = torch.where(same_row, gap // 2, right[:-1])
        at_end = (step == 0) | (step == horizon - 1)
        left = left.clamp(max=self.amount).masked_fill(at_end, 0)
        right = right.clamp(max=self.amount).masked_fill(at_end, 0)
        random = uniform(*rank.shape, generator=generator, device=rank.device)
        rank = rank - left + (random * (left + right + 1)).long()
        places = free.nonzero()[:, 1]
        first_place = totals.cumsum(0) - totals
        moved = torch.zeros_like(drawn)
        moved[row, places[first_place[row] + rank]] = True
        return moved
