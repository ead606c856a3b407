"""Anchors: the steps of a trajectory that are kept.

Notation: an anchor set is a sorted tuple of steps `0 = i_0 < i_1 < … < i_{K-1} = horizon - 1`. It always
holds the first and the last step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, Shaped

from anchordiff.checks import check_integer
from anchordiff.records import TensorRecord
from anchordiff.tensors import check_tensor


@dataclass(frozen=True, eq=False, repr=False)
class AnchorSet(TensorRecord):
    """A batch of anchor sets with K anchors each.

    Args:
        index: steps of the anchors, strictly increasing from 0 to `horizon - 1` in every row.
        horizon: number of steps of the trajectory.

    Raises:
        ValueError: if a row of `index` breaks the rule above.

    Example:
        >>> import torch
        >>> anchors = AnchorSet(torch.tensor([[0, 3, 4]]), horizon=5)
        >>> anchors.mask.int().tolist()
        [[1, 0, 0, 1, 1]]
        >>> anchors.times.tolist()
        [[0.0, 0.75, 1.0]]
    """

    index: Int[torch.Tensor, "batch K"]
    horizon: int

    def __post_init__(self) -> None:
        index = self.index
        check_tensor("index", index, "batch K", "integer")
        check_integer("horizon", self.horizon, least=2, most=2**31 - 1, most_is="the largest horizon")
        index = index.long()  # before differences are taken, which unsigned numbers do not have
        if not 2 <= index.shape[1] <= self.horizon:
            raise ValueError(
                f"index must hold 2 to horizon = {self.horizon} anchors a row, found {index.shape[1]}"
            )
        good = (index[:, 0] == 0) & (index[:, -1] == self.horizon - 1) & (index.diff(dim=1) > 0).all(1)
        if not bool(good.all()):
            row = int((~good).nonzero()[0, 0])
            raise ValueError(
                f"index[{row}] must increase strictly from 0 to {self.horizon - 1}, "
                f"found {index[row].tolist()}"
            )
        object.__setattr__(self, "index", index)

    def _map(self, function: Callable[[Any], Any]) -> "AnchorSet":
        # Moving, repeating and selecting rows keep a valid set valid: no second check, which would
        # make a GPU wait.
        new = copy(self)
        object.__setattr__(new, "index", function(self.index))
        return new

    @classmethod
    def collate(cls, records: Sequence["AnchorSet"]) -> "AnchorSet":
        """Join sets of one horizon.

        Raises:
            ValueError: if there are none, or their horizons or numbers of anchors differ.
        """
        shapes = {(record.num_keypoints, record.horizon) for record in records}
        if len(shapes) != 1:
            raise ValueError(
                f"records must have one number of anchors and one horizon, found {sorted(shapes)}"
            )
        return records[0]._map(lambda _: torch.cat([record.index for record in records]))

    @classmethod
    def from_mask(cls, mask: Bool[torch.Tensor, "batch horizon"]) -> "AnchorSet":
        """Make the set from a mask that is True at anchors.

        Raises:
            ValueError: if the rows do not all hold the same number of anchors, or an end is missing.
        """
        check_tensor("mask", mask, "batch horizon", "boolean")
        counts = mask.sum(1)
        if len(mask) == 0:
            raise ValueError("mask must have at least one row, found none")
        if bool((counts != counts[0]).any()):
            row = int((counts != counts[0]).nonzero()[0, 0])
            raise ValueError(
                "mask must have the same number of anchors in every row, "
                f"found {int(counts[0])} in row 0 and {int(counts[row])} in row {row}"
            )
        return cls(mask.nonzero()[:, 1].view(len(mask), -1), mask.shape[1])

    def through(self, steps: Bool[torch.Tensor, "batch horizon"], *, name: str = "anchors") -> "AnchorSet":
        """Anchors that pass through given steps: for each of them the nearest anchor moves there.

        Args:
            steps: True where an anchor is wanted.
            name: what messages call the number of anchors.

        Raises:
            ValueError: if a row has fewer anchors than steps and ends.

        Example:
            >>> even = AnchorSet(torch.tensor([[0, 3, 6, 9]]), horizon=10)
            >>> steps = torch.zeros(1, 10, dtype=torch.bool)
            >>> steps[0, 4] = True
            >>> even.through(steps).index.tolist()
            [[0, 4, 6, 9]]
        """
        count, last = self.num_keypoints, self.horizon - 1
        rows = []
        for element, (own, row) in enumerate(zip(self.index.tolist(), steps.tolist(), strict=True)):
            wanted = [step for step in range(1, last) if row[step]]
            if len(wanted) + 2 > count:
                raise ValueError(
                    f"{name} must be at least {len(wanted) + 2}, for the {len(wanted)} known steps of condition "
                    f"{element} and both ends, found {count}"
                )
            free = [step for step in own[1:-1] if step not in wanted]
            for step in wanted:
                if step not in own:
                    free.remove(min(free, key=lambda anchor, step=step: abs(anchor - step)))  # type: ignore[misc]
            rows.append([0, *sorted([*wanted, *free]), last])
        return AnchorSet(torch.tensor(rows, device=self.index.device), self.horizon)

    @property
    def num_keypoints(self) -> int:
        """Anchors a row, K."""
        return self.index.shape[1]

    @property
    def mask(self) -> Bool[torch.Tensor, "batch horizon"]:
        """True at anchors."""
        mask = torch.zeros(len(self.index), self.horizon, dtype=torch.bool, device=self.index.device)
        return mask.scatter_(1, self.index, value=True)

    @property
    def times(self) -> Float[torch.Tensor, "batch K"]:
        """The anchors' places in [0, 1]: step / (horizon - 1)."""
        return self.index.float() / (self.horizon - 1)

    @property
    def gaps(self) -> Int[torch.Tensor, "batch gaps"]:
        """Steps from each anchor to the next."""
        return self.index.diff(dim=1)

    def gather(self, x: Shaped[torch.Tensor, "batch horizon dim"]) -> Shaped[torch.Tensor, "batch K dim"]:
        """Take the states of `x` at the anchors.

        Raises:
            ValueError: if `x` has another batch size or horizon.
        """
        check_tensor("x", x, "batch horizon dim", "any")
        if x.shape[:2] != (len(self.index), self.horizon):
            raise ValueError(
                f"x must have batch and horizon {(len(self.index), self.horizon)}, found {tuple(x.shape[:2])}"
            )
        return x.gather(1, self.index[:, :, None].expand(-1, -1, x.shape[2]))


def step_times(batch: int, horizon: int, *, device: torch.device) -> Float[torch.Tensor, "batch horizon"]:
    """The place of every step in [0, 1]: step / (horizon - 1)."""
    return torch.linspace(0.0, 1.0, horizon, dtype=torch.float32, device=device).expand(batch, horizon)
