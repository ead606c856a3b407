"""What an evaluation found: per maze, in a table, in JSON's terms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from anchordiff.evaluation.methods import Attempt, Coarse, OneSample
from anchordiff.evaluation.metrics import wilson_interval
from anchordiff.evaluation.suites import Suite
from anchordiff.evaluation.tables import markdown_table, show_number


@dataclass(frozen=True, kw_only=True)
class MethodResult:
    """What one method did, maze by maze.

    Attributes:
        name: of the method.
        attempt: what it made, on the CPU; without the candidates.
        success: swept success.
        collision_rate: share of points in walls.
        length_ratio: path length over the expert's.
        smoothness: mean squared second difference, in cells² / step⁴.
        diversity: mean distance between two candidates, in cells; none where there are no candidates.
        seconds_alone: time of a plan made alone (median); none where it was not taken.
        seconds_batched: time of a plan as a share of a batch's; none where it was not taken.
    """

    name: str
    attempt: Attempt
    success: Bool[Tensor, " mazes"]
    collision_rate: Float[Tensor, " mazes"]
    length_ratio: Float[Tensor, " mazes"]
    smoothness: Float[Tensor, " mazes"]
    diversity: Float[Tensor, " mazes"] | None = None
    seconds_alone: float | None = None
    seconds_batched: float | None = None

    def summary(self) -> dict[str, Any]:
        """The means, medians and intervals, in JSON's terms; lengths and smoothness over successes alone."""
        good = int(self.success.sum())
        low, high = wilson_interval(good, len(self.success))
        return {
            "success": good / len(self.success),
            "success_interval_95": [low, high],
            "collision_rate": float(self.collision_rate.mean()),
            "length_ratio_median": _median(self.length_ratio[self.success]),
            "length_ratio_90th": _quantile(self.length_ratio[self.success], 0.9),
            "smoothness_median": _median(self.smoothness[self.success]),
            "diversity_mean": None if self.diversity is None else float(self.diversity.mean()),
            "seconds_alone": self.seconds_alone,
            "seconds_batched": self.seconds_batched,
            "failures": (~self.success).nonzero()[:, 0].tolist(),
        }


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """All methods on one suite, in one run.

    Attributes:
        suite: the mazes.
        size: how many of its first mazes were used.
        results: one for each method.
        settings: what else decided the figures, in JSON's terms.
    """

    suite: Suite
    size: int
    results: tuple[MethodResult, ...]
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
            KeyError: if one of the two methods was not run.
        """
        before, after = self[Coarse.name].success, self[OneSample.name].success
        return 100 * float(after.float().mean() - before.float().mean())

    def to_json(self) -> dict[str, Any]:
        """All figures, and for each method the numbers of the mazes that it failed on."""
        return {
            "suite": self.suite.name,
            "mazes": self.size,
            "settings": dict(self.settings),
            "methods": {result.name: result.summary() for result in self.results},
        }

    def table(self) -> str:
        """The figures as a table in Markdown."""
        head = ("method", "success", "95 % interval", "points in walls", "length / expert", "smoothness",
                "diversity", "ms alone", "ms in a batch")  # fmt: skip
        return markdown_table(head, [_row(result) for result in self.results])

    def failures(self, *, count: int = 12) -> list[tuple[MethodResult, int]]:
        """The worst failures of the methods that generate: which method, which maze.

        A maze comes once. Failures of methods that chose among candidates come first, since there every
        candidate failed; then those with the most points in walls.
        """
        found: dict[int, tuple[MethodResult, int]] = {}
        chosen = [result for result in self.results if result.diversity is not None]
        single = [result for result in self.results if result.name == OneSample.name]
        for result in (*chosen, *single):
            failed = (~result.success).nonzero()[:, 0]
            for maze in failed[result.collision_rate[failed].argsort(descending=True, stable=True)].tolist():
                found.setdefault(maze, (result, maze))
        return list(found.values())[:count]


def _row(result: MethodResult) -> tuple[str, ...]:
    values = result.summary()
    low, high = values["success_interval_95"]
    smoothness, diversity = values["smoothness_median"], values["diversity_mean"]
    return (
        result.name,
        f"{100 * values['success']:.1f} %",
        f"{100 * low:.1f} to {100 * high:.1f}",
        f"{100 * values['collision_rate']:.2f} %",
        show_number(values["length_ratio_median"], "{:.3f}"),
        show_number(smoothness, "{:.5f}"),
        show_number(diversity, "{:.2f}"),
        show_number(result.seconds_alone, "{:.1f}", scale=1000.0),
        show_number(result.seconds_batched, "{:.2f}", scale=1000.0),
    )


def _median(values: Float[Tensor, " values"]) -> float | None:
    return _quantile(values, 0.5)


def _quantile(values: Float[Tensor, " values"], share: float) -> float | None:
    return float(np.quantile(values.numpy(), share)) if len(values) else None
