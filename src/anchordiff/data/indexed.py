"""Map-style data sets that make a whole batch from its indices in one go."""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Int, Int64
from torch import Tensor
from torch.utils.data import Dataset

from anchordiff.data.batch import TrajectoryBatch
from anchordiff.tensors import check_tensor

Batch = TypeVar("Batch", bound=TrajectoryBatch)
Indices = Sequence[int] | Int[np.ndarray, " batch"] | Int[Tensor, " batch"]


@runtime_checkable
class HasIndices(Protocol):
    """What `IndexedDataset.at` reads of a training slot."""

    @property
    def indices(self) -> Int64[np.ndarray, " samples"]:
        """Places in the endless stream of training samples."""


class IndexedDataset(Dataset[Batch], Generic[Batch]):
    """Base of the data sets whose sample is a pure function of its index.

    Three ways to read one:

    - `batch(indices)` gives those samples, in that order;
    - a `DataLoader` with `collate_fn=dataset.collate` asks for each batch at once (through `__getitems__`),
      so that a batch costs one kernel call, in this process or in any number of workers;
    - `at(slot)` is the training stream: `fit(model, dataset.at, ...)`.
    """

    def __init__(self, *, size: int | None, seed: int, held_out: bool) -> None:
        if size is not None and size < 1:
            raise ValueError(f"size must be at least 1, found {size}")
        self.size = size
        self._order_seed = seed
        self._held_out = held_out

    @abstractmethod
    def _make(self, indices: Int64[np.ndarray, " batch"]) -> Batch:
        """Make the samples at checked indices."""

    def __len__(self) -> int:
        """Number of samples.

        Raises:
            TypeError: if the data set is endless.
        """
        if self.size is None:
            raise TypeError("an endless data set has no length; give it a size")
        return self.size

    def __getitem__(self, index: int) -> Batch:
        """One sample, as a batch of one.

        Raises:
            IndexError: if there is no such sample.
        """
        return self.batch([index])

    def __getitems__(self, indices: Sequence[int]) -> Batch:
        """What a `DataLoader` asks for: a whole batch."""
        return self.batch(indices)

    def batch(self, indices: Indices) -> Batch:
        """The samples at `indices`, in that order; repeated indices give repeated samples.

        Args:
            indices: integers from 0 below the size.

        Raises:
            ValueError: if `indices` is empty or not one axis of integers.
            IndexError: if there is no such sample.
        """
        if isinstance(indices, Tensor):
            check_tensor("indices", indices, "batch", "integer")
        array = np.asarray(indices)
        if array.ndim != 1 or not len(array) or not np.issubdtype(array.dtype, np.integer):
            raise ValueError(
                "indices must be at least one integer along one axis, "
                f"found {array.dtype} of shape {array.shape}"
            )
        checked = np.ascontiguousarray(array, dtype=np.int64)
        limit = np.iinfo(np.int64).max if self.size is None else self.size
        outside = (checked < 0) | (checked >= limit)
        if outside.any():
            place = int(outside.argmax())
            raise IndexError(f"indices[{place}] must lie in [0, {limit}), found {checked[place]}")
        return self._make(checked)

    def at(self, slot: HasIndices) -> Batch:
        """The batch of a training slot, a pure function of the slot: `fit(model, dataset.at, ...)`.

        An endless data set gives the samples at `slot.indices`, so none is ever seen twice. One with a size
        gives epoch after epoch, each in an order of its own that follows from the config's seed.

        Raises:
            ValueError: if the config's split is "held_out": those samples are kept for evaluation.
        """
        if self._held_out:
            raise ValueError('split must be "train" for a training stream, found "held_out"')
        stream = slot.indices
        if self.size is None:
            return self.batch(stream)
        epochs, places = np.divmod(stream, self.size)
        order = np.empty_like(stream)
        for epoch in np.unique(epochs).tolist():
            chosen = epochs == epoch
            order[chosen] = _epoch_order(self._order_seed, epoch, self.size)[places[chosen]]
        return self.batch(order)

    @staticmethod
    def collate(records: Batch | Iterable[Batch]) -> Batch:
        """`collate_fn` for a `DataLoader`: pass a whole batch through, join a list of them."""
        if isinstance(records, TrajectoryBatch):
            return records
        parts = list(records)
        return type(parts[0]).collate(parts)


@lru_cache(maxsize=16)
def _epoch_order(seed: int, epoch: int, size: int) -> Int64[np.ndarray, " size"]:
    # An epoch's last batch may reach into the next one, and several data sets may take turns.
    return np.random.default_rng((seed, epoch)).permutation(size)
