"""Several data sets as one training stream."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64

from anchordiff.data.batch import ParticleBatch
from anchordiff.data.indexed import HasIndices, IndexedDataset


@dataclass(frozen=True)
class _Places:
    indices: Int64[np.ndarray, " samples"]


class InterleavedDataset:
    """Takes samples from data sets in turn, so that each has an equal share, whatever its size.

    Sample i of the stream is sample i // n of the stream of data set i % n, n data sets; a pure function of the slot.

    Args:
        datasets: whose batches fit each other: one horizon, one dim, one grid (see `PointMazeConfig.grid`).

    Raises:
        ValueError: if there are none, or their samples do not fit.
    """

    def __init__(self, datasets: Sequence[IndexedDataset]) -> None:
        if not datasets:
            raise ValueError("datasets must hold at least one data set, found none")
        self.datasets = tuple(datasets)
        shapes = {_shape(dataset.batch([0])) for dataset in self.datasets}
        if len(shapes) > 1:
            raise ValueError(f"datasets must have samples of one shape, found {sorted(shapes)}")

    def at(self, slot: HasIndices) -> ParticleBatch:
        """The batch of a training slot: `fit(model, dataset.at, ...)`."""
        turns, places = slot.indices % len(self.datasets), slot.indices // len(self.datasets)
        parts, order = [], []
        for turn in np.unique(turns).tolist():
            chosen = turns == turn
            parts.append(self.datasets[turn].at(_Places(places[chosen])))
            order.append(np.flatnonzero(chosen))
        back = np.argsort(np.concatenate(order))
        return ParticleBatch.collate(parts)[torch.from_numpy(back)]

    def spread(self, count: int) -> ParticleBatch:
        """Samples for a look at a model: an equal share of each data set, one after another, evenly spread over it.

        Args:
            count: number of samples; those of a data set repeat where it has fewer than its share.

        Raises:
            ValueError: if `count` is below 1.
            TypeError: if a data set is endless.
        """
        if count < 1:
            raise ValueError(f"count must be at least 1, found {count}")
        return ParticleBatch.collate([dataset.batch(places) for dataset, places in self._spread(count)])

    def _spread(self, count: int) -> list[tuple[IndexedDataset, Int64[np.ndarray, " places"]]]:
        shares = [len(range(turn, count, len(self.datasets))) for turn in range(len(self.datasets))]
        return [
            (dataset, np.linspace(0, len(dataset) - 1, share).astype(np.int64))
            for dataset, share in zip(self.datasets, shares, strict=True)
            if share
        ]


def _shape(batch: ParticleBatch) -> tuple[int, ...]:
    return (*batch.trajectory.shape[1:], *batch.condition.walls.shape[1:])
