from .batch import TrajectoryBatch as TrajectoryBatch
from .indexed import IndexedDataset as IndexedDataset
from .interleaved import InterleavedDataset as InterleavedDataset
from .slot import Slot as Slot
from .slot import slots as slots
from .source import Source as Source
from .source import TrainingData as TrainingData
