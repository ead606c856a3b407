"""What tensors public functions take: one check, and one form of its message."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import torch

Kind = Literal["floating", "integer", "boolean", "any"]

_WORDS = {
    "floating": "a floating-point tensor",
    "integer": "a tensor of integers",
    "boolean": "a boolean tensor",
}


def check_tensor(name: str, value: object, axes: str, kind: Kind = "floating") -> None:
    """Refuse what is no tensor of such axes and numbers, with its numbers in memory.

    Args:
        name: what the message calls it.
        value: to look at.
        axes: their names or sizes, as "batch steps 2", with "..." where any may stand.
        kind: of numbers.

    Raises:
        ValueError: says what was expected and what was found.

    Example:
        >>> check_tensor("points", torch.zeros(2, 3), "batch steps 2")
        Traceback (most recent call last):
        ...
        ValueError: points must be a floating-point tensor of shape (batch, steps, 2), found torch.float32 (2, 3)
    """
    if isinstance(value, torch.Tensor) and value.layout is torch.strided and not value.is_meta:
        first, last = _sizes(axes)
        few, shape = len(first), value.shape
        if last is None:
            has_axes = len(shape) == few and _fit(first, shape)
        else:
            few += len(last)
            has_axes = (
                len(shape) >= few and _fit(first, shape) and _fit(last, shape[len(shape) - len(last) :])
            )
        if has_axes and _is(value, kind):
            return
    words = ", ".join(axes.split()) + ("," if " " not in axes else "")
    found = type(value).__name__
    if isinstance(value, torch.Tensor):
        place = (
            ""
            if value.layout is torch.strided and not value.is_meta
            else f"{value.layout} on {value.device} "
        )
        found = f"{place}{value.dtype} {tuple(value.shape)}"
    raise ValueError(f"{name} must be {_WORDS.get(kind, 'a tensor')} of shape ({words}), found {found}")


@lru_cache(maxsize=256)
def _sizes(axes: str) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
    """Sizes of the axes before and after the dots, -1 for any; none after where there are no dots."""
    before, dots, after = axes.partition("...")
    first, last = (
        tuple(int(axis) if axis.isdigit() else -1 for axis in part.split()) for part in (before, after)
    )
    return first, last if dots else None


def _fit(sizes: tuple[int, ...], shape: Sequence[int]) -> bool:
    for size, found in zip(sizes, shape, strict=False):  # noqa: SIM110  (a loop is quicker than a generator)
        if size not in (-1, found):
            return False
    return True


def _is(value: torch.Tensor, kind: Kind) -> bool:
    if kind == "floating":
        return value.is_floating_point()
    if kind == "boolean":
        return value.dtype == torch.bool
    if kind == "integer":
        return not (value.is_floating_point() or value.is_complex() or value.dtype == torch.bool)
    return True
