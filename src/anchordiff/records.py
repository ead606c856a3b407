"""Frozen records of tensors that share a leading batch axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from html import escape
from typing import Any, SupportsIndex, TypeVar

import numpy as np
import torch

from anchordiff.checks import check_integer

Record = TypeVar("Record", bound="TensorRecord")


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TensorRecord:
    """Base of the library's batched records: every tensor field has the same leading axis.

    Fields that are not tensors (or nested records) are carried along unchanged. Records are equal when they are the
    same object, as tensors compare element by element.

    Example:
        >>> from dataclasses import dataclass
        >>> import torch
        >>> @dataclass(frozen=True, kw_only=True, eq=False)
        ... class Goal(TensorRecord):
        ...     position: torch.Tensor
        >>> len(Goal(position=torch.zeros(3, 2)).repeat(4))
        12
    """

    def _map(self: Record, function: Callable[[Any], Any]) -> Record:
        batched = {f.name: getattr(self, f.name) for f in fields(self)}
        changes = {n: function(v) for n, v in batched.items() if isinstance(v, torch.Tensor | TensorRecord)}
        return replace(self, **changes)

    def __repr__(self) -> str:
        """What the fields hold, but for the numbers."""
        parts = ", ".join(f"{name}: {told}" for name, told in summary(self).items())
        return f"{type(self).__name__}({parts})"

    def _repr_html_(self) -> str:
        """The same as a table, for notebooks."""
        return html_table(type(self).__name__, summary(self))

    def __len__(self) -> int:
        """Size of the batch axis."""
        # A plan alone asks this some twenty times: no generality that costs a call.
        for value in vars(self).values():
            if isinstance(value, torch.Tensor):
                return value.shape[0]
            if isinstance(value, TensorRecord):
                return len(value)
        raise TypeError(f"{type(self).__name__} holds no tensor, so it has no length")

    def __getitem__(self: Record, index: slice | torch.Tensor | np.ndarray | Sequence[int]) -> Record:
        """Select elements of the batch axis by a slice, a mask or a sequence of indices.

        Raises:
            TypeError: for a single number, which would take the batch axis away, or what is no index.
            IndexError: if there is no such element.
        """
        rows = index if isinstance(index, slice) else _rows(index)
        return self._map(lambda value: value[rows])

    def copies_in(self, total: int, name: str) -> int:
        """How often each element occurs in a batch of `total`, that of the argument `name`.

        Raises:
            ValueError: if that is no whole number of at least 1.
        """
        size = len(self)
        if not size or not total or total % size:
            raise ValueError(
                f"{name} must have a multiple of the {size} conditions as its length, found {total}"
            )
        return total // size

    @property
    def device(self) -> torch.device:
        """The device of the first tensor."""
        for f in fields(self):
            value = getattr(self, f.name)
            if isinstance(value, torch.Tensor | TensorRecord):
                return value.device
        raise TypeError(f"{type(self).__name__} holds no tensor, so it has no device")

    def to(self: Record, device: torch.device | str, *, non_blocking: bool = False) -> Record:
        """Move every tensor to `device`; dtypes stay as they are."""
        return self._map(lambda value: value.to(device, non_blocking=non_blocking))

    def pin_memory(self: Record) -> Record:
        """Copy every tensor to page-locked memory, for asynchronous transfers to a GPU."""
        return self._map(lambda value: value.pin_memory())

    def repeat(self: Record, times: int) -> Record:
        """Repeat each element `times` times in place: (a, b) becomes (a, a, b, b) for 2.

        Raises:
            ValueError: if `times` is below 1.
        """
        check_integer("times", times)
        return self._map(
            lambda value: (
                value.repeat(times)
                if isinstance(value, TensorRecord)
                else value.repeat_interleave(times, dim=0)
            )
        )

    @classmethod
    def collate(cls: type[Record], records: Sequence[Record]) -> Record:
        """Join records along the batch axis.

        Raises:
            ValueError: if `records` is empty, or a field is none in some of them alone.
        """
        if not records:
            raise ValueError("records must hold at least one record, found none")
        first = records[0]
        changes: dict[str, Any] = {}
        for f in fields(first):
            parts = [getattr(record, f.name) for record in records]
            if 0 < sum(part is None for part in parts) < len(parts):
                raise ValueError(f"records must all have {f.name}, or none of them, found some that do")
            if isinstance(parts[0], torch.Tensor):
                changes[f.name] = torch.cat(parts)
            elif isinstance(parts[0], TensorRecord):
                changes[f.name] = type(parts[0]).collate(parts)
        return replace(first, **changes)


def _rows(index: object) -> torch.Tensor:
    """A mask or indices along the batch axis, of whatever kind of sequence."""
    if isinstance(index, torch.Tensor | np.ndarray) and index.ndim == 1:
        return torch.as_tensor(index)
    if isinstance(index, Sequence) and not isinstance(index, str):
        # A tuple of numbers would otherwise be one index into several axes.
        return torch.tensor(list(index), dtype=None if index else torch.long)
    if isinstance(index, SupportsIndex) and getattr(index, "ndim", 0) == 0:
        raise TypeError(f"index must keep the batch axis: write [{index}:{index} + 1] instead of [{index}]")
    raise TypeError(f"index must be a slice, a mask or a sequence of indices, found {index!r}")


def summary(record: Any) -> dict[str, str]:  # noqa: ANN401
    """What the fields of a dataclass hold, in a few words each; those that are none are left out."""
    told = {f.name: getattr(record, f.name) for f in fields(record) if f.repr}
    return {name: _in_words(value) for name, value in told.items() if value is not None}


def html_table(title: str, rows: Mapping[str, str]) -> str:
    """A small table of names and values."""
    lines = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows.items()
    )
    return f"<table><caption>{escape(title)}</caption>{lines}</table>"


def _in_words(value: object) -> str:
    if isinstance(value, torch.Tensor):
        few = value.numel() <= 4 and not value.is_meta
        return (
            str(value.tolist()) if few else f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
        )
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
