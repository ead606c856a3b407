"""How many steps and anchors a trajectory gets for the way that it has to go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float, Int

from anchordiff.checks import check_integer, check_number
from anchordiff.configs import exact


@final
@dataclass(frozen=True, kw_only=True)
@exact
class AdaptiveHorizon:
    """A horizon and a number of even anchors that grow with the length of the way, within bounds.

    Anchors keep their distance in steps whatever the horizon, so that stage 2 always joins gaps of one width. K anchors
    that are `spacing` steps apart span a horizon of `spacing` (K − 1) + 1 steps.

    Attributes:
        steps_per_unit: steps for each unit of length.
        spacing: steps from one anchor to the next.
        fewest: least number of anchors.
        most: largest number of anchors; longer ways get no more.

    Raises:
        ValueError: if a value is out of its range.

    Example:
        >>> adaptive = AdaptiveHorizon(steps_per_unit=2.0, spacing=9, fewest=8, most=57)
        >>> counts = adaptive.num_keypoints(torch.tensor([10.0, 50.0, 900.0]))
        >>> counts.tolist(), [adaptive.horizon(count) for count in counts.tolist()]
        ([8, 13, 57], [64, 109, 505])
    """

    steps_per_unit: float = 2.0
    spacing: int = 9
    fewest: int = 8
    most: int = 57

    def __post_init__(self) -> None:
        check_number("steps_per_unit", self.steps_per_unit)
        if not self.steps_per_unit > 0:
            raise ValueError(f"steps_per_unit must be above 0, found {self.steps_per_unit}")
        check_integer("spacing", self.spacing)
        check_integer("fewest", self.fewest, least=2)
        check_integer("most", self.most, least=self.fewest)

    def num_keypoints(self, lengths: Float[torch.Tensor, " batch"]) -> Int[torch.Tensor, " batch"]:
        """Number of anchors for ways of these lengths; the most for one that is not finite."""
        gaps = (lengths.float() * (self.steps_per_unit / self.spacing)).ceil()
        gaps = torch.nan_to_num(gaps, nan=torch.inf).clamp(self.fewest - 1, self.most - 1)
        return gaps.long() + 1

    def groups(
        self, lengths: Float[torch.Tensor, " batch"]
    ) -> Iterator[tuple[int, Int[torch.Tensor, " rows"]]]:
        """The numbers of anchors that ways of these lengths get, each with the ways that get it, on the CPU.

        Example:
            >>> [(count, rows.tolist()) for count, rows in AdaptiveHorizon().groups(torch.tensor([50.0, 9.0, 50.0]))]
            [(8, [1]), (13, [0, 2])]
        """
        counts = self.num_keypoints(lengths).cpu()
        for count in sorted(set(counts.tolist())):
            yield count, (counts == count).nonzero()[:, 0]

    def horizon(self, num_keypoints: int) -> int:
        """Steps of a trajectory with so many anchors."""
        return self.spacing * (num_keypoints - 1) + 1
