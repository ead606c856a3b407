"""The mask samplers' common face and their algebra.

Notation: a mask is boolean, (batch, horizon), True at anchors. A sampler draws among the steps that are
free, that is not `taken`; steps 0 and `horizon - 1` are the ends.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Bool, Float

from anchordiff.checks import check_integer, check_type
from anchordiff.configs import exact
from anchordiff.tensors import check_tensor

_MOST: Final = 2**31 - 1


class MaskSampler(ABC):
    """Draws masks; samplers add and unite.

    `a + b` draws `b` among the steps that `a` left free, so the numbers of anchors add; `a | b` draws both
    on their own and unites them, so they may share anchors.

    Example:
        >>> import torch
        >>> from anchordiff.masks import Ends, Random
        >>> mask = (Ends() + Random(6)).sample(3, 64, generator=torch.Generator().manual_seed(0))
        >>> mask.sum(1).tolist()
        [8, 8, 8]
    """

    @abstractmethod
    def sample(
        self,
        batch: int,
        horizon: int,
        *,
        taken: Bool[torch.Tensor, "batch horizon"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Bool[torch.Tensor, "batch horizon"]:
        """Draw a batch of masks.

        Args:
            batch: number of rows.
            horizon: number of steps.
            taken: steps that may not be drawn; the result holds only new ones.
            generator: source of randomness. The result is on the device of `taken` or else of `generator`.

        Raises:
            ValueError: if a row has too few free steps.
        """

    def __add__(self, other: "MaskSampler") -> "Sum":
        return Sum(self, other) if isinstance(other, MaskSampler) else NotImplemented

    def __or__(self, other: "MaskSampler") -> "Union":
        return Union(self, other) if isinstance(other, MaskSampler) else NotImplemented


@dataclass(frozen=True)
@exact
class Sum(MaskSampler):
    """`second` drawn among the steps that `first` left free: the counts add."""

    first: MaskSampler
    second: MaskSampler

    def sample(
        self,
        batch: int,
        horizon: int,
        *,
        taken: Bool[torch.Tensor, "batch horizon"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Bool[torch.Tensor, "batch horizon"]:
        """Draw `first`, then `second` among what is left."""
        first = self.first.sample(batch, horizon, taken=taken, generator=generator)
        used = first if taken is None else first | taken
        return first | self.second.sample(batch, horizon, taken=used, generator=generator)


@dataclass(frozen=True)
@exact
class Union(MaskSampler):
    """The anchors of either sampler, drawn on their own."""

    first: MaskSampler
    second: MaskSampler

    def sample(
        self,
        batch: int,
        horizon: int,
        *,
        taken: Bool[torch.Tensor, "batch horizon"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Bool[torch.Tensor, "batch horizon"]:
        """Draw both and unite them."""
        first = self.first.sample(batch, horizon, taken=taken, generator=generator)
        return first | self.second.sample(batch, horizon, taken=taken, generator=generator)


def free_steps(
    batch: int,
    horizon: int,
    count: int,
    *,
    taken: Bool[torch.Tensor, "batch horizon"] | None,
    generator: torch.Generator | None,
) -> Bool[torch.Tensor, "batch horizon"]:
    """The steps that a sampler may draw, after a check that every row has at least `count` of them.

    Raises:
        ValueError: if a size is impossible, `taken` has another shape, or a row has too few free steps.
    """
    check_integer("batch", batch, most=_MOST, most_is="the largest size")
    check_integer("horizon", horizon, least=2, most=_MOST, most_is="the largest size")
    if generator is not None:
        check_type("generator", generator, torch.Generator)
    if taken is None:
        if count > horizon:
            raise ValueError(f"count must be at most horizon = {horizon}, found {count}")
        device = "cpu" if generator is None else generator.device
        return torch.ones(batch, horizon, dtype=torch.bool, device=device)
    check_tensor("taken", taken, "batch horizon", "boolean")
    if taken.shape != (batch, horizon):
        raise ValueError(
            f"taken must be a bool tensor of shape {(batch, horizon)}, "
            f"found {taken.dtype} {tuple(taken.shape)}"
        )
    free = ~taken
    least, row = free.sum(1).min(0)
    if count > least:
        raise ValueError(
            f"count must be at most the {int(least)} free steps of row {int(row)}, found {count}"
        )
    return free


def uniform(
    *shape: int, generator: torch.Generator | None, device: torch.device
) -> Float[torch.Tensor, "..."]:
    """Independent float64 numbers in [0, 1), drawn where the generator is and moved to `device`."""
    source = device if generator is None else generator.device
    return torch.rand(shape, generator=generator, device=source, dtype=torch.float64).to(device)
