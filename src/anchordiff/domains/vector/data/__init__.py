"""Recorded trajectories of any numbers as training samples: from arrays, files, Minari data sets, LeRobot's format.

Minari needs `pip install -c constraints.txt ".[minari]"`, LeRobot's format
`pip install -c constraints.txt ".[lerobot]"`.

Example:
    >>> import numpy as np
    >>> turns = np.linspace(0.0, 6.0, 400)
    >>> spirals = [np.stack([np.cos(turns + i), np.sin(turns + i), turns], axis=1) for i in range(10)]
    >>> dataset = TrajectoryDataset.from_arrays(spirals, TrajectoryConfig(horizon=64, frame_skip=2, stride=8))
    >>> dataset.batch([0, 1]).trajectory.shape, len(dataset), len(dataset.held_out())
    (torch.Size([2, 64, 3]), 315, 35)
    >>> dataset.encoder_config().positions
    3
"""

from anchordiff.domains.vector.data.batch import VectorBatch
from anchordiff.domains.vector.data.config import Goal, Split, TrajectoryConfig
from anchordiff.domains.vector.data.dataset import TrajectoryDataset, fit_states
from anchordiff.domains.vector.data.episodes import Episodes
from anchordiff.domains.vector.data.files import read_episodes, write_episodes
from anchordiff.domains.vector.data.lerobot import read_lerobot
from anchordiff.domains.vector.data.minari import read_minari
from anchordiff.domains.vector.data.source import VectorSource
from anchordiff.domains.vector.data.splits import held_out_episodes
from anchordiff.domains.vector.data.windows import Windows, find_windows

__all__ = [
    "Episodes",
    "Goal",
    "Split",
    "TrajectoryConfig",
    "TrajectoryDataset",
    "VectorBatch",
    "VectorSource",
    "Windows",
    "find_windows",
    "fit_states",
    "held_out_episodes",
    "read_episodes",
    "read_lerobot",
    "read_minari",
    "write_episodes",
]
