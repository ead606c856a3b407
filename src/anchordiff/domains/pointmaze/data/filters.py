"""Filters: which windows are kept, as values that compose.

Example:
    >>> wanders = Within("detour", least=1.5) | Within("collision_rate", least=0.05)
    >>> Within("path_length", least=2.0) & ~wanders  # doctest: +ELLIPSIS
    Both(Within('path_length', least=2.0, most=inf), Not(Either(Within('detour', least=1.5, most=inf), ...)))
"""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import final, get_args

import numpy as np
from jaxtyping import Bool

from anchordiff.checks import check_choice, check_integer
from anchordiff.domains.pointmaze.data.measures import Measure, Measures


class WindowFilter(ABC):
    """Says of each window whether it is kept; `a & b`, `a | b` and `~a` are filters too.

    In `a & b`, b sees what a kept alone.
    """

    @abstractmethod
    def keeps(self, measures: Measures) -> Bool[np.ndarray, " windows"]:
        """Which windows are kept."""

    def __and__(self, other: "WindowFilter") -> "WindowFilter":
        return Both(self, other) if isinstance(other, WindowFilter) else NotImplemented

    def __or__(self, other: "WindowFilter") -> "WindowFilter":
        return Either(self, other) if isinstance(other, WindowFilter) else NotImplemented

    def __invert__(self) -> "WindowFilter":
        return Not(self)


@final
@dataclass(frozen=True)
class Within(WindowFilter):
    """Keeps windows whose measure lies in [least, most].

    Attributes:
        measure: `path_length`, `goal_distance` (in cells), `tortuosity`, `detour`, `turns` (right angles) or
            `collision_rate` (share of rows).
        least: smallest value that is kept.
        most: largest value that is kept.

    Raises:
        ValueError: if there is no such measure, or `least` is above `most`.
    """

    measure: Measure
    least: float = field(default=-math.inf, kw_only=True)
    most: float = field(default=math.inf, kw_only=True)

    def __post_init__(self) -> None:
        check_choice("measure", self.measure, get_args(Measure))
        if not self.least <= self.most:
            raise ValueError(f"least must be at most most, found {self.least} and {self.most}")

    def keeps(self, measures: Measures) -> Bool[np.ndarray, " windows"]:
        """Which windows are kept."""
        values = measures.get(self.measure)
        kept: np.ndarray = (values >= self.least) & (values <= self.most)
        return kept

    def __repr__(self) -> str:
        return f"Within({self.measure!r}, least={self.least}, most={self.most})"


@final
@dataclass(frozen=True)
class ShortestBetween(WindowFilter):
    """Keeps the shortest of the windows that join the same two places.

    So a data set of wandering paths gives near-shortest ones, each pair of places about equally often, and nothing has
    to search the maze. Of windows of the same length the first are kept. It chooses among the windows that it sees:
    filters that shall go before it stand on its left in `a & b`.

    Attributes:
        count: windows of each pair of places, from the start's to the end's, at most.
        places: squares along the side of a cell, each a place.

    Raises:
        ValueError: if either is below 1.
    """

    count: int = field(default=8, kw_only=True)
    places: int = field(default=2, kw_only=True)

    def __post_init__(self) -> None:
        for name, value in (("count", self.count), ("places", self.places)):
            check_integer(name, value)

    def keeps(self, measures: Measures) -> Bool[np.ndarray, " windows"]:
        """Which windows are kept."""
        pairs = measures.joined(self.places)
        order = np.lexsort((measures.path_length, pairs))
        begins = np.flatnonzero(np.diff(pairs[order], prepend=-1))
        rank = np.arange(len(order)) - np.repeat(begins, np.diff(begins, append=len(order)))
        kept = np.zeros(len(order), bool)
        kept[order[rank < self.count]] = True
        return kept


@final
@dataclass(frozen=True, repr=False)
class Both(WindowFilter):
    """Keeps what the second keeps of what the first does."""

    first: WindowFilter
    second: WindowFilter

    def keeps(self, measures: Measures) -> Bool[np.ndarray, " windows"]:
        """Which windows are kept."""
        kept = self.first.keeps(measures).copy()
        kept[kept] = self.second.keeps(measures.where(kept))
        return kept

    def __repr__(self) -> str:
        return f"Both({self.first!r}, {self.second!r})"


@final
@dataclass(frozen=True, repr=False)
class Either(WindowFilter):
    """Keeps what one of two keeps, or both."""

    first: WindowFilter
    second: WindowFilter

    def keeps(self, measures: Measures) -> Bool[np.ndarray, " windows"]:
        """Which windows are kept."""
        kept: np.ndarray = self.first.keeps(measures) | self.second.keeps(measures)
        return kept

    def __repr__(self) -> str:
        return f"Either({self.first!r}, {self.second!r})"


@final
@dataclass(frozen=True, repr=False)
class Not(WindowFilter):
    """Keeps what another does not."""

    other: WindowFilter

    def keeps(self, measures: Measures) -> Bool[np.ndarray, " windows"]:
        """Which windows are kept."""
        return ~self.other.keeps(measures)

    def __repr__(self) -> str:
        return f"Not({self.other!r})"
