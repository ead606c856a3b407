from .batch import ClipBatch as ClipBatch
from .cache import ClipFormat as ClipFormat
from .cache import Clips as Clips
from .cache import read_cache as read_cache
from .cache import write_cache as write_cache
from .dataset import ClipDataset as ClipDataset
from .source import VideoSource as VideoSource
