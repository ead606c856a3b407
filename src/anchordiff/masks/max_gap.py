"""Random anchors without large holes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool

from anchordiff.checks import check_integer
from anchordiff.configs import exact
from anchordiff.kernels.max_gap import draw_bounded_gaps
from anchordiff.masks.base import MaskSampler, free_steps, uniform


@dataclass(frozen=True)
@exact
class MaxGap(MaskSampler):
    """`count` steps drawn uniformly among all choices that leave no gap of more than `gap` steps.

    Free ends are always drawn and count. Steps that are taken are anchors too: `Ends() + MaxGap(6, gap=12)`
    and `MaxGap(8, gap=12)` have one distribution.

    Args:
        count: steps to draw.
        gap: largest distance from an anchor to the next, in steps.

    Raises:
        ValueError: if `count` is negative or `gap` is below 1.
    """

    count: int
    gap: int

    def __post_init__(self) -> None:
        check_integer("count", self.count, least=0)
        check_integer("gap", self.gap)

    def sample(
        self,
        batch: int,
        horizon: int,
        *,
        taken: Bool[torch.Tensor, "batch horizon"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Bool[torch.Tensor, "batch horizon"]:
        """Draw `count` steps a row.

        Raises:
            ValueError: if `count` is too small for `gap`, or too large for the free steps.
        """
        free = free_steps(batch, horizon, self.count, taken=taken, generator=generator)
        random = uniform(batch, horizon, generator=generator, device=torch.device("cpu"))
        blocked = np.zeros((batch, horizon), np.bool_) if taken is None else taken.cpu().numpy()
        drawn = draw_bounded_gaps(blocked, self.count, gap=self.gap, uniform=random.numpy())
        return torch.from_numpy(drawn).to(free.device)
