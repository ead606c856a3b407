"""Nested masks: one mask a level, each inside the denser one before it.

Notation: levels `s = 0 … S` with `M_0 ⊇ M_1 ⊇ … ⊇ M_S`; `M_0` holds every step, `M_S` is the base's mask.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool

from anchordiff.checks import check_integer
from anchordiff.configs import exact
from anchordiff.masks.base import MaskSampler
from anchordiff.masks.random import Random

Growth = Literal["doubling", "linear", "geometric"]


@dataclass(frozen=True)
@exact
class Nested:
    """Masks for every level of corruption, from a base that is filled up to the whole horizon.

    With K anchors in the base, level `s` holds `min(horizon, K 2^(S-s))` anchors for `"doubling"`,
    `K + (horizon - K) (S-s) / S` for `"linear"` and `K (horizon / K)^((S-s) / S)` for `"geometric"`, rounded;
    level 0 always holds all.

    Args:
        base: sampler of the sparsest mask. It must draw the same number of anchors in every row.
        num_levels: S, the number of levels above 0.
        growth: how the number of anchors grows from level S to level 0.
        fill: makes, from a count, the sampler of the anchors that a denser level adds: `Random`, `Even`, or
            for instance `lambda count: TopScore(count, scores)`.

    Raises:
        ValueError: if `num_levels` is below 1 or `growth` is unknown.

    Example:
        >>> from anchordiff.masks import Even
        >>> Nested(Even(4), 3, fill=Even).sample(1, 32).sum(2).tolist()
        [[32, 16, 8, 4]]
    """

    base: MaskSampler
    num_levels: int
    growth: Growth = "doubling"
    fill: Callable[[int], MaskSampler] = Random

    def __post_init__(self) -> None:
        check_integer("num_levels", self.num_levels)
        if not callable(self.fill):
            raise ValueError(f"fill must make a sampler of a count, as Random does, found {self.fill!r}")

    def counts(self, base_count: int, horizon: int) -> list[int]:
        """Number of anchors at levels 0 … `num_levels` for a base of `base_count` anchors.

        Raises:
            ValueError: if `base_count` is not between 1 and `horizon`.
        """
        if not 1 <= base_count <= horizon:
            raise ValueError(f"base must draw between 1 and horizon = {horizon} anchors, found {base_count}")
        counts = [horizon]
        for climb in range(self.num_levels - 1, -1, -1):
            if self.growth == "doubling":
                # The shift is bounded so that a thousand levels do not make a huge number.
                counts.append(min(horizon, base_count << min(climb, horizon.bit_length())))
            elif self.growth == "linear":
                counts.append(base_count + round((horizon - base_count) * climb / self.num_levels))
            else:
                counts.append(round(base_count * (horizon / base_count) ** (climb / self.num_levels)))
        return counts

    def sample(
        self, batch: int, horizon: int, *, generator: torch.Generator | None = None
    ) -> Bool[torch.Tensor, "batch levels horizon"]:
        """Draw masks of shape (batch, num_levels + 1, horizon); entry `[:, s]` is level `s`.

        Raises:
            ValueError: if the base cannot be drawn or its rows differ in their number of anchors.
        """
        mask = self.base.sample(batch, horizon, generator=generator)
        horizon = int(horizon)  # NumPy's integers cannot do all that counts need
        totals = mask.sum(1)
        low, high = int(totals.min()), int(totals.max())
        if low != high:
            raise ValueError(f"base must draw the same number of anchors in every row, found {low} to {high}")
        counts = self.counts(low, horizon)
        levels = [mask]
        for denser, sparser in zip(counts[-2:0:-1], counts[:1:-1], strict=True):
            if denser > sparser:
                mask = mask | self.fill(denser - sparser).sample(
                    batch, horizon, taken=mask, generator=generator
                )
            levels.append(mask)
        levels.append(torch.ones_like(mask))
        return torch.stack(levels[::-1], dim=1)
