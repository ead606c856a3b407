"""What an evaluation found: per sample, in a table, in JSON's terms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, final

import numpy as np
from torch import Tensor

from anchordiff.evaluation.methods import Attempt, Coarse, OneSample
from anchordiff.evaluation.statistics import wilson_interval
from anchordiff.evaluation.tables import markdown_table, show_number

Statistic = Literal["share", "mean", "median", "90th"]
"""A number of many: how often (with its 95 % interval), the mean, or a quantile."""

SUCCESS: Final = "success"
"""The measure that says whether a sample went well, where a domain has one."""


@final
@dataclass(frozen=True, kw_only=True)
class Column:
    """A figure of each method.

    Attributes:
        measure: whose numbers it is made of.
        statistic: what is made of them.
        key: what JSON calls it.
        heading: what tables call it; none leaves it out of them.
        form: how it is written.
        factor: by which it is multiplied in tables.
        of_successes: whether only samples that went well count.
    """

    measure: str
    statistic: Statistic
    key: str
    heading: str | None = None
    form: str = "{:.3f}"
    factor: float = 1.0
    of_successes: bool = False

    def of(self, values: Mapping[str, Tensor]) -> float | None:
        """The figure; none where there is nothing to make it of."""
        if self.measure not in values:
            return None
        numbers = values[self.measure].double()
        if self.of_successes and SUCCESS in values:
            numbers = numbers[values[SUCCESS].bool()]
        numbers = numbers[~numbers.isnan()]
        if not len(numbers):
            return None
        if self.statistic in ("share", "mean"):
            return float(numbers.mean())
        return float(np.quantile(numbers.numpy(), 0.5 if self.statistic == "median" else 0.9))


@final
@dataclass(frozen=True, kw_only=True)
class MethodResult:
    """What one method did, sample by sample.

    Attributes:
        name: of the method.
        attempt: what it made, on the CPU; without the candidates.
        values: by the name of each measure a number for each sample; NaN where it was not taken.
        seconds_alone: time of one made alone (median); none where it was not taken.
        seconds_batched: time of one as a share of a batch's; none where it was not taken.
        chose: whether it chose among candidates.
    """

    name: str
    attempt: Attempt
    values: Mapping[str, Tensor]
    seconds_alone: float | None = None
    seconds_batched: float | None = None
    chose: bool = False

    def __getitem__(self, measure: str) -> Tensor:
        """A measure's number for each sample.

        Raises:
            KeyError: if there is no such measure.
        """
        return self.values[measure]

    def summary(self, columns: tuple[Column, ...]) -> dict[str, Any]:
        """The figures in JSON's terms, and the numbers of the samples that failed where success is measured."""
        found: dict[str, Any] = {}
        for column in columns:
            found[column.key] = column.of(self.values)
            if column.statistic == "share" and column.measure in self.values:
                flags = self.values[column.measure].bool()
                found[f"{column.key}_interval_95"] = list(wilson_interval(int(flags.sum()), len(flags)))
        found |= {"seconds_alone": self.seconds_alone, "seconds_batched": self.seconds_batched}
        if SUCCESS in self.values:
            found["failures"] = (~self.values[SUCCESS].bool()).nonzero()[:, 0].tolist()
        return found


@final
@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """All methods on the same samples, in one run.

    Attributes:
        suite: what the samples are called.
        size: how many there are.
        results: one for each method.
        columns: figures of each.
        settings: what else decided them, in JSON's terms.
    """

    suite: str
    size: int
    results: tuple[MethodResult, ...]
    columns: tuple[Column, ...]
    settings: Mapping[str, Any]

    def __getitem__(self, name: str) -> MethodResult:
        """The result of the method of that name.

        Raises:
            KeyError: if there is none.
        """
        return {result.name: result for result in self.results}[name]

    @property
    def gain(self) -> float:
        """What stage 2 adds to the success of the same keypoints interpolated, in points of a hundred.

        Raises:
            KeyError: if one of the two methods was not run, or success is not measured.
        """
        before, after = self[Coarse.name][SUCCESS], self[OneSample.name][SUCCESS]
        return 100 * float(after.float().mean() - before.float().mean())

    def to_json(self) -> dict[str, Any]:
        """All figures, and for each method the numbers of the samples that it failed on."""
        return {
            "suite": self.suite,
            "size": self.size,
            "settings": dict(self.settings),
            "methods": {result.name: result.summary(self.columns) for result in self.results},
        }

    def __repr__(self) -> str:
        """The table."""
        return self.table()

    def _repr_markdown_(self) -> str:
        """The table, for notebooks."""
        return self.table()

    def table(self) -> str:
        """The figures as a table in Markdown."""
        shown = [column for column in self.columns if column.heading is not None]
        head = ["method"]
        for column in shown:
            head += (
                [str(column.heading), "95 % interval"]
                if column.statistic == "share"
                else [str(column.heading)]
            )
        head += ["ms alone", "ms in a batch"]
        return markdown_table(head, [_row(result, shown) for result in self.results])


def _row(result: MethodResult, columns: list[Column]) -> list[str]:
    entries = [result.name]
    for column in columns:
        value = column.of(result.values)
        entries.append(show_number(value, column.form, scale=column.factor))
        if column.statistic == "share":
            entries.append(_interval(result, column) if value is not None else "-")
    times = ((result.seconds_alone, "{:.1f}"), (result.seconds_batched, "{:.2f}"))
    return entries + [show_number(seconds, form, scale=1000.0) for seconds, form in times]


def _interval(result: MethodResult, column: Column) -> str:
    flags = result.values[column.measure].bool()
    low, high = wilson_interval(int(flags.sum()), len(flags))
    return f"{100 * low:.1f} to {100 * high:.1f}"
