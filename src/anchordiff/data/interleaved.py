"""Several data sets as one training stream."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Generic

import numpy as np
import torch
from jaxtyping import Int64

from anchordiff.data.batch import TrajectoryBatch
from anchordiff.data.indexed import Batch, HasIndices, IndexedDataset


@dataclass(frozen=True)
class _Places:
    indices: Int64[np.ndarray, " samples"]


class InterleavedDataset(Generic[Batch]):
    """Takes samples from data sets in turn, so that each has an equal share, whatever its size.

    Sample i of the stream is sample i // n of the stream of data set i % n, n data sets; a pure function of the slot.

    Args:
        datasets: whose batches fit each other: one horizon, one dim, conditions of one shape.

    Raises:
        ValueError: if there are none, or their samples do not fit.
    """

    def __init__(self, datasets: Sequence[IndexedDataset[Batch]]) -> None:
        if not datasets:
            raise ValueError("datasets must hold at least one data set, found none")
        self.datasets = tuple(datasets)
        shapes = {_shape(dataset.batch([0])) for dataset in self.datasets}
        if len(shapes) > 1:
            raise ValueError(f"datasets must have samples of one shape, found {sorted(shapes)}")

    def at(self, slot: HasIndices) -> Batch:
        """The batch of a training slot: `fit(model, dataset.at, ...)`."""
        turns, places = slot.indices % len(self.datasets), slot.indices // len(self.datasets)
        parts, order = [], []
        for turn in np.unique(turns).tolist():
            chosen = turns == turn
            parts.append(self.datasets[turn].at(_Places(places[chosen])))
            order.append(np.flatnonzero(chosen))
        back = np.argsort(np.concatenate(order))
        joined: Batch = type(parts[0]).collate(parts)
        return joined[torch.from_numpy(back)]

    def spread(self, count: int) -> Batch:
        """Samples for a look at a model: an equal share of each data set, one after another, evenly spread over it.

        Args:
            count: number of samples; those of a data set repeat where it has fewer than its share.

        Raises:
            ValueError: if `count` is below 1.
            TypeError: if a data set is endless.
        """
        if count < 1:
            raise ValueError(f"count must be at least 1, found {count}")
        parts = [dataset.batch(places) for dataset, places in self._spread(count)]
        return type(parts[0]).collate(parts)

    def _spread(self, count: int) -> list[tuple[IndexedDataset[Batch], Int64[np.ndarray, " places"]]]:
        shares = [len(range(turn, count, len(self.datasets))) for turn in range(len(self.datasets))]
        return [
            (dataset, np.linspace(0, len(dataset) - 1, share).astype(np.int64))
            for dataset, share in zip(self.datasets, shares, strict=True)
            if share
        ]


def _shape(batch: TrajectoryBatch) -> tuple[tuple[int, ...], ...]:
    """The shape of a sample: of its trajectory, and of each tensor of its condition."""
    given = [getattr(batch.condition, f.name) for f in fields(batch.condition)]
    tensors = [batch.trajectory, *(value for value in given if isinstance(value, torch.Tensor))]
    return tuple(tuple(tensor.shape[1:]) for tensor in tensors)
