"""PointMaze data: Minari data sets made with MuJoCo, and any Minari PointMaze data set as training samples.

Needs `pip install -c constraints.txt ".[pointmaze]"`.

Example:
    >>> import tempfile
    >>> config = GenerationConfig(maze="umaze", steps=600)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = generate(config, folder, progress=False)
    ...     recording = read_minari(made.dataset_id, root=folder, cache=f"{folder}/cache", progress=False)
    >>> dataset = PointMazeDataset(recording, PointMazeConfig(horizon=64, held_out_share=0.0))
    >>> dataset.batch([0, 1]).trajectory.shape
    torch.Size([2, 64, 2])
"""

from anchordiff.data.interleaved import InterleavedDataset
from anchordiff.domains.pointmaze.data.config import GoalKind, Pace, PointMazeConfig
from anchordiff.domains.pointmaze.data.dataset import PointMazeDataset
from anchordiff.domains.pointmaze.data.filters import ShortestBetween, WindowFilter, Within
from anchordiff.domains.pointmaze.data.generation import Flavour, GenerationConfig, MazeName
from anchordiff.domains.pointmaze.data.measures import Measure, Measures
from anchordiff.domains.pointmaze.data.minari_in import default_cache, read_minari
from anchordiff.domains.pointmaze.data.minari_out import Generated, generate
from anchordiff.domains.pointmaze.data.normalisation import MazeNormalisation
from anchordiff.domains.pointmaze.data.recipe import PointMazeRecipe
from anchordiff.domains.pointmaze.data.recording import Recording
from anchordiff.domains.pointmaze.data.splits import held_out_episodes
from anchordiff.domains.pointmaze.data.windows import WindowKind, Windows, find_windows

__all__ = [
    "Flavour",
    "Generated",
    "GenerationConfig",
    "GoalKind",
    "InterleavedDataset",
    "MazeName",
    "MazeNormalisation",
    "Measure",
    "Measures",
    "Pace",
    "PointMazeConfig",
    "PointMazeDataset",
    "PointMazeRecipe",
    "Recording",
    "ShortestBetween",
    "WindowFilter",
    "WindowKind",
    "Windows",
    "Within",
    "default_cache",
    "find_windows",
    "generate",
    "held_out_episodes",
    "read_minari",
]
