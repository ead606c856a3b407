"""Data sets: mazes with expert trajectories, made on the fly or kept in shards, and PointMaze data of Minari.

A sample is a pure function of (config, index): any process makes any sample alone, in any order.

Example:
    >>> from torch.utils.data import DataLoader
    >>> from anchordiff.data import ParticleMazeConfig, ParticleMazeDataset
    >>> dataset = ParticleMazeDataset(ParticleMazeConfig(horizon=64), size=100)
    >>> loader = DataLoader(dataset, batch_size=32, shuffle=True, collate_fn=dataset.collate)
    >>> next(iter(loader)).trajectory.shape
    torch.Size([32, 64, 2])
"""

from anchordiff.data.batch import ParticleBatch
from anchordiff.data.indexed import IndexedDataset
from anchordiff.data.particle import ParticleMazeConfig, ParticleMazeDataset
from anchordiff.data.pointmaze import PointMazeConfig, PointMazeDataset
from anchordiff.data.shards import ShardedParticleDataset, write_shards

__all__ = [
    "IndexedDataset",
    "ParticleBatch",
    "ParticleMazeConfig",
    "ParticleMazeDataset",
    "PointMazeConfig",
    "PointMazeDataset",
    "ShardedParticleDataset",
    "write_shards",
]
