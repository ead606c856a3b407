"""Mazes: go from a start to a goal without touching a wall.

Positions are `(x, y)` in cells: x along columns, y along rows, downwards; cell (row i, col j) covers
[j, j + 1) × [i, i + 1). Samples are made on the fly, with an expert's trajectory; `anchordiff.domains.maze.plots`
draws them.

Example:
    >>> from anchordiff.domains.maze import SUITES, is_success
    >>> batch = SUITES["particle-21"].load(range(20))
    >>> bool(is_success(batch.condition, batch.trajectory).all())
    True
"""

from anchordiff.domains.maze.clearance import wall_distance
from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.data import (
    ParticleBatch,
    ParticleMazeConfig,
    ParticleMazeDataset,
    ShardedParticleDataset,
    write_shards,
)
from anchordiff.domains.maze.encoder import MazeEncoder, MazeEncoderConfig, MazeScene
from anchordiff.domains.maze.judge import MazeJudge
from anchordiff.domains.maze.maze import Maze
from anchordiff.domains.maze.metrics import (
    collision_rate,
    diversity,
    is_success,
    length_ratio,
    path_length,
    smoothness,
)
from anchordiff.domains.maze.suites import SUITES, Suite, find_suite
from anchordiff.domains.maze.terms import Distances, WallHinge

__all__ = [
    "SUITES",
    "Distances",
    "Maze",
    "MazeCondition",
    "MazeEncoder",
    "MazeEncoderConfig",
    "MazeJudge",
    "MazeScene",
    "ParticleBatch",
    "ParticleMazeConfig",
    "ParticleMazeDataset",
    "ShardedParticleDataset",
    "Suite",
    "WallHinge",
    "collision_rate",
    "diversity",
    "find_suite",
    "is_success",
    "length_ratio",
    "path_length",
    "smoothness",
    "wall_distance",
    "write_shards",
]
