"""Which batch is which: each part of each step of each rank has a place, and all follows from the place."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

_WORD = (1 << 64) - 1


@dataclass(frozen=True, kw_only=True)
class Slot:
    """The place of one batch in a run.

    Data and noise are pure functions of the slot, so a run that stopped needs only its step to go on
    exactly. Sample indices run through 0, 1, 2, ... over the whole run, whatever the split into ranks
    and parts.

    Attributes:
        step: optimiser steps finished before this one.
        micro: accumulated part within the step.
        rank: process.
        world: number of processes.
        accumulate: number of parts.
        batch_size: samples of the step over all parts and processes.

    Example:
        >>> Slot(step=3, micro=0, rank=1, world=2, accumulate=1, batch_size=8).indices
        array([28, 29, 30, 31])
    """

    step: int
    micro: int = 0
    rank: int = 0
    world: int = 1
    accumulate: int = 1
    batch_size: int = 1

    @property
    def size(self) -> int:
        """Samples in this slot."""
        return self.batch_size // (self.accumulate * self.world)

    @property
    def indices(self) -> Int64[np.ndarray, " samples"]:
        """Indices of this slot's samples in the endless stream of training samples."""
        first = self.step * self.batch_size + (self.micro * self.world + self.rank) * self.size
        return np.arange(first, first + self.size, dtype=np.int64)

    def seed(self, seed: int) -> int:
        """A seed in [0, 2^63) for this slot's noise, well mixed and different for every slot."""
        state = seed & _WORD
        for part in (self.step, self.micro, self.rank):
            state = _mix(state ^ _mix(part & _WORD))
        return state >> 1


def slots(
    steps: int, batch_size: int, *, accumulate: int = 1, start: int = 0, rank: int = 0, world: int = 1
) -> Iterator[Slot]:
    """One rank's slots in order, from step `start` to the run's end.

    Args:
        steps: optimiser steps of the whole run.
        batch_size: samples of a step, over all parts and processes.
        accumulate: parts of a step.
        start: step to begin with.
        rank: process.
        world: number of processes.

    Raises:
        ValueError: if the batch cannot be split evenly over ranks and parts.
    """
    if batch_size % (accumulate * world):
        raise ValueError(
            f"batch_size must be a multiple of accumulate x processes = {accumulate} x {world}, "
            f"found {batch_size}"
        )
    return (
        Slot(
            step=step,
            micro=micro,
            rank=rank,
            world=world,
            accumulate=accumulate,
            batch_size=batch_size,
        )
        for step in range(start, steps)
        for micro in range(accumulate)
    )


def _mix(value: int) -> int:
    """Finaliser of splitmix64 (Steele, Lea and Flood 2014)."""
    value = (value + 0x9E3779B97F4A7C15) & _WORD
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _WORD
    return value ^ (value >> 31)
