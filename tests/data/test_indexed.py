"""Reading data sets by index and as a training stream."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anchordiff.data import Slot
from anchordiff.domains.maze import ParticleMazeConfig, ParticleMazeDataset

SMALL = ParticleMazeConfig(rows=9, cols=9, min_l1=3, horizon=8)


def starts(dataset: ParticleMazeDataset, slots: list[Slot]) -> list[bytes]:
    return [row.numpy().tobytes() for slot in slots for row in dataset.at(slot).condition.start]


def test_an_endless_stream_never_repeats() -> None:
    dataset = ParticleMazeDataset(SMALL)
    slots = [Slot(step=step, rank=rank, world=2, batch_size=8) for step in range(10) for rank in range(2)]
    assert len(set(starts(dataset, slots))) == 80
    assert torch.equal(dataset.at(slots[3]).trajectory, dataset.batch(slots[3].indices).trajectory)


@given(st.integers(3, 20), st.sampled_from([1, 2]), st.integers(0, 100))
@settings(max_examples=15)
def test_each_epoch_of_a_sized_stream_holds_every_sample_once(size: int, world: int, seed: int) -> None:
    config = replace(SMALL, seed=seed)
    dataset = ParticleMazeDataset(config, size=size)
    slots = [Slot(step=s, rank=r, world=world, batch_size=2) for s in range(size) for r in range(world)]
    seen = starts(dataset, slots)  # 2 epochs
    everything = {row.numpy().tobytes() for row in dataset.batch(range(size)).condition.start}
    assert set(seen[:size]) == everything
    assert set(seen[size:]) == everything
    again = ParticleMazeDataset(config, size=size)
    assert starts(again, slots[::-1][:1]) == starts(dataset, slots[::-1][:1])


def test_epochs_have_different_orders() -> None:
    dataset = ParticleMazeDataset(SMALL, size=16)
    first, second = (dataset.at(Slot(step=s, batch_size=16)).trajectory for s in range(2))
    assert not torch.equal(first, second)
    assert not torch.equal(first, dataset.batch(range(16)).trajectory)


def test_training_refuses_held_out_samples() -> None:
    dataset = ParticleMazeDataset(replace(SMALL, split="held_out"), size=4)
    with pytest.raises(ValueError, match='split must be "train" for a training stream, found "held_out"'):
        dataset.at(Slot(step=0, batch_size=2))
    assert len(dataset.batch([0, 1])) == 2


@pytest.mark.parametrize(
    "indices", [[1, 3], (1, 3), np.array([1, 3], np.int32), torch.tensor([1, 3]), range(1, 4, 2)]
)
def test_any_kind_of_integers_will_do(indices: object) -> None:
    dataset = ParticleMazeDataset(SMALL)
    assert torch.equal(dataset.batch(indices).trajectory, dataset.batch([1, 3]).trajectory)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("indices", "error", "message"),
    [
        ([], ValueError, "indices must be at least one integer along one axis"),
        ([0.5], ValueError, "found float64 of shape"),
        ([[1, 2]], ValueError, r"found int64 of shape \(1, 2\)"),
        ([0, 10], IndexError, r"indices\[1\] must lie in \[0, 10\), found 10"),
        ([-1], IndexError, r"indices\[0\] must lie in \[0, 10\), found -1"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_wrong_indices_are_refused(indices: list[object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ParticleMazeDataset(SMALL, size=10).batch(indices)  # type: ignore[arg-type]


def test_sizes() -> None:
    dataset = ParticleMazeDataset(SMALL, size=3)
    assert len(dataset) == 3
    assert [len(batch) for batch in dataset] == [1, 1, 1]
    with pytest.raises(TypeError, match="endless"):
        len(ParticleMazeDataset(SMALL))
    with pytest.raises(ValueError, match="size must be at least 1, found 0"):
        ParticleMazeDataset(SMALL, size=0)
