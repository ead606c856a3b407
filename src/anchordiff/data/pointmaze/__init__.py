"""PointMaze data: Minari data sets made with MuJoCo, and any Minari PointMaze data set as training samples.

Needs `pip install "anchordiff[pointmaze]"`.

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

from anchordiff.data.pointmaze.config import GoalKind, Pace, PointMazeConfig
from anchordiff.data.pointmaze.dataset import PointMazeDataset
from anchordiff.data.pointmaze.filters import ShortestBetween, WindowFilter, Within
from anchordiff.data.pointmaze.generation import Flavour, GenerationConfig, MazeName
from anchordiff.data.pointmaze.measures import Measure, Measures
from anchordiff.data.pointmaze.minari_in import default_cache, read_minari
from anchordiff.data.pointmaze.minari_out import Generated, generate
from anchordiff.data.pointmaze.mixture import InterleavedDataset
from anchordiff.data.pointmaze.normalisation import MazeNormalisation
from anchordiff.data.pointmaze.recipe import PointMazeRecipe
from anchordiff.data.pointmaze.recording import Recording
from anchordiff.data.pointmaze.splits import held_out_episodes
from anchordiff.data.pointmaze.windows import WindowKind, Windows, find_windows

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
