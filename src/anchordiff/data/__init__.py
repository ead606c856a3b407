"""Data sets of trajectories of any states, and the places of their batches in a run.

A domain's data set gives a `TrajectoryBatch` for a sample's index, and so for a training slot: data are a pure function
of the place in a run.
"""

from anchordiff.data.batch import TrajectoryBatch
from anchordiff.data.indexed import IndexedDataset
from anchordiff.data.interleaved import InterleavedDataset
from anchordiff.data.slots import Slot, slots
from anchordiff.data.source import Source, TrainingData

__all__ = [
    "IndexedDataset",
    "InterleavedDataset",
    "Slot",
    "Source",
    "TrainingData",
    "TrajectoryBatch",
    "slots",
]
