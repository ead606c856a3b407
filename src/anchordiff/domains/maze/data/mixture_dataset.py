"""Mazes of all kinds and sizes, with ways of all lengths, as one training stream."""

from dataclasses import replace
from functools import lru_cache
from typing import Final, Literal

import numpy as np
import torch
from jaxtyping import Float32, Int64

from anchordiff.data.indexed import HasIndices
from anchordiff.domains.maze.data.batch import ParticleBatch
from anchordiff.domains.maze.data.config import ParticleMazeConfig
from anchordiff.domains.maze.data.mixture import MazeMixtureConfig
from anchordiff.domains.maze.data.particle import ParticleMazeDataset

POOL: Final = 256
"""Samples that share a kind and a size of maze, in the order of their ways' lengths."""

_TURNS = 8  # pools that batches are taken from in turn
_HELD_OUT_SIDE = 21


class MazeMixtureDataset:
    """Batches of mazes of one kind and size each, with ways that are about as long as each other.

    All work is done by the calling thread.

    Args:
        config: what decides the samples.
        dim: 2 for positions, 4 for positions and velocities.

    Example:
        >>> from anchordiff.data.slot import Slot
        >>> batch = MazeMixtureDataset(MazeMixtureConfig(sides=(9, 15))).at(Slot(step=0, batch_size=32))
        >>> len(batch), batch.condition.walls.shape[1] % 2
        (32, 1)
    """

    def __init__(self, config: MazeMixtureConfig, *, dim: Literal[2, 4] = 2) -> None:
        self.config = config
        self.dim = dim

    def at(self, slot: HasIndices) -> ParticleBatch:
        """The batch of a training slot, a pure function of it.

        Args:
            slot: of a size that divides a pool's.

        Raises:
            ValueError: if it does not.
        """
        first, size = int(slot.indices[0]), len(slot.indices)
        if POOL % size or first % size:
            raise ValueError(
                f"batch_size must divide a pool of {POOL} samples, so that a batch has mazes of one size, found {size}"
            )
        block, rank = divmod(first, _TURNS * POOL)
        turn, pool = divmod(rank // size, _TURNS)
        number = block * _TURNS + pool
        # Each pool begins elsewhere, or batches of short ways would come together, and those of long ones.
        place = (turn + pool) * size % POOL
        order, lengths = _sorted_pool(self.config, number)
        part = slice(place, place + size)
        return self._batch(self.config.pool(number), number * POOL + order[part], lengths[part])

    def held_out(self, count: int) -> ParticleBatch:
        """So many held-out samples, always the same: of each kind as many, at the horizon of the longest way."""
        kinds = tuple(dict.fromkeys(self.config.kinds))
        shares = [len(range(turn, count, len(kinds))) for turn in range(len(kinds))]
        configs = [
            replace(self.config.mazes(kind, _HELD_OUT_SIDE, _HELD_OUT_SIDE), split="held_out")
            for kind, share in zip(kinds, shares, strict=True)
            if share
        ]
        indices = [np.arange(share) for share in shares if share]
        parts = list(zip(configs, indices, strict=True))
        lengths = np.concatenate([_lengths(config, own) for config, own in parts])
        return ParticleBatch.collate([self._batch(config, own, lengths) for config, own in parts])

    def _batch(
        self,
        config: ParticleMazeConfig,
        indices: Int64[np.ndarray, " batch"],
        lengths: Float32[np.ndarray, " _"],
    ) -> ParticleBatch:
        """Samples of one config at the horizon that the longest of some ways calls for."""
        horizons = self.config.horizons
        most = int(horizons.num_keypoints(torch.from_numpy(lengths)).max())
        made = replace(config, horizon=horizons.horizon(most), dim=self.dim)
        return ParticleMazeDataset(made, geodesic=True).batch(indices)


@lru_cache(maxsize=4 * _TURNS)
def _sorted_pool(
    config: MazeMixtureConfig, number: int
) -> tuple[Int64[np.ndarray, " pool"], Float32[np.ndarray, " pool"]]:
    """Samples of a pool by the length of their way, and these lengths, in cells."""
    indices = number * POOL + np.arange(POOL)
    lengths = _lengths(config.pool(number), indices)
    order = np.argsort(lengths, kind="stable")
    return order, lengths[order]


def _lengths(
    config: ParticleMazeConfig, indices: Int64[np.ndarray, " batch"]
) -> Float32[np.ndarray, " batch"]:
    ways = ParticleMazeDataset(config).batch(indices).trajectory.diff(dim=1)
    lengths: np.ndarray = ways.norm(dim=-1).sum(dim=1).numpy()
    return lengths
