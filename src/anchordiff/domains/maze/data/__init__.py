"""Random mazes with expert trajectories, made on the fly or kept in shards.

A sample is a pure function of (config, index): any process makes any sample alone, in any order.

Example:
    >>> from torch.utils.data import DataLoader
    >>> from anchordiff.domains.maze import ParticleMazeConfig, ParticleMazeDataset
    >>> dataset = ParticleMazeDataset(ParticleMazeConfig(horizon=64), size=100)
    >>> loader = DataLoader(dataset, batch_size=32, shuffle=True, collate_fn=dataset.collate)
    >>> next(iter(loader)).trajectory.shape
    torch.Size([32, 64, 2])
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
