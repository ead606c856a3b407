"""Mazes with expert trajectories, made on the fly."""

import numpy as np
from jaxtyping import Int64

from anchordiff.data.indexed import IndexedDataset
from anchordiff.domains.maze.data.batch import ParticleBatch, make_batch
from anchordiff.domains.maze.data.config import ParticleMazeConfig
from anchordiff.kernels.grid.sample import particle_samples


class ParticleMazeDataset(IndexedDataset[ParticleBatch]):
    """Mazes with expert trajectories, made when they are asked for; see `IndexedDataset` for ways to read it.

    The sample at an index depends on `config` and the index alone: the same in any worker, batch and order.
    All work is done by the calling thread, so that `DataLoader` workers can be forked or spawned at will.

    Args:
        config: what decides the samples.
        size: number of samples; None for an endless stream, which `at` and `batch` can read but a
            `DataLoader` cannot.
        geodesic: whether batches carry the distances along the grid.

    Example:
        >>> batch = ParticleMazeDataset(ParticleMazeConfig(horizon=32, dim=4)).batch([0, 7])
        >>> batch.trajectory.shape, batch.condition.walls.shape
        (torch.Size([2, 32, 4]), torch.Size([2, 21, 21]))
    """

    def __init__(
        self, config: ParticleMazeConfig | None = None, *, size: int | None = None, geodesic: bool = False
    ) -> None:
        self.config = config or ParticleMazeConfig()
        self.geodesic = geodesic
        super().__init__(size=size, seed=self.config.seed, held_out=self.config.split == "held_out")

    def _make(self, indices: Int64[np.ndarray, " batch"]) -> ParticleBatch:
        config = self.config
        made = particle_samples(
            config.key,
            indices,
            kind=config.kind,
            rows=config.rows,
            cols=config.cols,
            density=config.density,
            min_l1=config.min_l1,
            horizon=config.horizon,
            expert=config.expert,
            clearance=config.clearance,
        )
        return make_batch(
            walls=made.walls,
            sdf=made.sdf,
            start=made.start,
            goal=made.goal,
            positions=made.trajectory,
            dim=config.dim,
            geodesic=self.geodesic,
        )
