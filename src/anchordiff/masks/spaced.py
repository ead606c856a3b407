"""Anchors at one distance, whatever the horizon."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool

from anchordiff.checks import check_integer
from anchordiff.configs import exact
from anchordiff.masks.base import MaskSampler
from anchordiff.masks.even import Even


@dataclass(frozen=True)
@exact
class Spaced(MaskSampler):
    """Even anchors, about `spacing` steps apart: as many as the horizon calls for.

    Of a horizon of n steps, K = round((n − 1) / spacing) + 1, the ends among them, but at least two.

    Raises:
        ValueError: if `spacing` is below 1.

    Example:
        >>> Spaced(9).sample(1, 64).nonzero()[:, 1].tolist()
        [0, 9, 18, 27, 36, 45, 54, 63]
    """

    spacing: int

    def __post_init__(self) -> None:
        check_integer("spacing", self.spacing)

    def count(self, horizon: int) -> int:
        """Number of anchors in a horizon."""
        return max(round((horizon - 1) / self.spacing), 1) + 1

    def sample(
        self,
        batch: int,
        horizon: int,
        *,
        taken: Bool[torch.Tensor, "batch horizon"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Bool[torch.Tensor, "batch horizon"]:
        """Place the anchors; every row is the same unless `taken` differs."""
        check_integer("horizon", horizon, least=2)
        return Even(self.count(horizon)).sample(batch, horizon, taken=taken, generator=generator)
