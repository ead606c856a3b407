"""Anchors where a score is highest."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float

from anchordiff.checks import check_integer
from anchordiff.masks.base import MaskSampler, free_steps
from anchordiff.masks.optimal import check_finite, check_size
from anchordiff.tensors import check_tensor


@dataclass(frozen=True, eq=False)
class TopScore(MaskSampler):
    """The `count` free steps of the highest score; of equal scores the earlier step comes first.

    Args:
        count: steps to draw.
        scores: one number a step; masks can be drawn for its batch size and horizon only.

    Raises:
        ValueError: if `count` is negative or `scores` are not finite.

    Example:
        >>> import torch
        >>> TopScore(2, torch.tensor([[0.1, 0.9, 0.3, 0.9]])).sample(1, 4).int().tolist()
        [[0, 1, 0, 1]]
    """

    count: int
    scores: Float[torch.Tensor, "batch horizon"]

    def __post_init__(self) -> None:
        check_integer("count", self.count, least=0)
        check_tensor("scores", self.scores, "batch horizon")
        check_finite("scores", self.scores)

    def sample(
        self,
        batch: int,
        horizon: int,
        *,
        taken: Bool[torch.Tensor, "batch horizon"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Bool[torch.Tensor, "batch horizon"]:
        """Take the best free steps; nothing is random.

        Raises:
            ValueError: if batch or horizon are not those of the scores, or `count` is impossible.
        """
        free = free_steps(batch, horizon, self.count, taken=taken, generator=generator)
        check_size("scores", self.scores, batch, horizon)
        scores = self.scores.detach().to(free.device).masked_fill(~free, -torch.inf)
        best = scores.sort(dim=1, descending=True, stable=True).indices[:, : self.count]
        return torch.zeros_like(free).scatter_(1, best, value=True)
