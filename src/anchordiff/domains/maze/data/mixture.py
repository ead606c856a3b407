"""Mazes of all kinds and sizes, with ways of all lengths, as one training stream."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Final, final

import numpy as np
import torch
from jaxtyping import Int64

from anchordiff.checks import check_integer
from anchordiff.configs import exact
from anchordiff.data.indexed import HasIndices
from anchordiff.data.source import Source, TrainingData
from anchordiff.domains.maze.data.batch import ParticleBatch
from anchordiff.domains.maze.data.config import ParticleMazeConfig
from anchordiff.domains.maze.data.particle import ParticleMazeDataset
from anchordiff.horizons import AdaptiveHorizon
from anchordiff.kernels.grid.maze import KINDS, ON_LATTICE, Kind
from anchordiff.states import StateSpace

POOL: Final = 256
"""Samples that share a kind and a size of maze, in the order of their ways' lengths."""

_TURNS = 8  # pools that batches are taken from in turn

_HELD_OUT_SIDE = 21


@final
@dataclass(frozen=True, kw_only=True)
@exact
class MazeMixtureConfig(Source):
    """What decides a stream of mazes of several kinds and sizes.

    256 samples, a pool, have one kind and one size, drawn anew for each pool, and lie in the order of their ways'
    lengths. A batch is a part of a pool, so its ways are about as long as each other, and its horizon is the one that
    its longest way calls for. Batches are taken from eight pools in turn, so that one is not like the next.

    Attributes:
        kinds: kinds of mazes, as of `ParticleMazeConfig`; one that is named twice has twice the share.
        sides: least and greatest number of rows and of columns, each drawn for itself; always odd.
        density: least and greatest share of walls, for the kind "random".
        min_l1: least distance |dx| + |dy| from the start's to the goal's cell; smaller mazes have a smaller one.
        horizons: horizon and anchors of a way's length.
        clearance: as of `ParticleMazeConfig`.
        seed: which stream of samples.

    Raises:
        ValueError: if a value is out of its range.
    """

    kinds: tuple[Kind, ...] = (
        "random", "random", "depth_first", "depth_first", "wilson", "rooms", "caves",
    )  # fmt: skip
    sides: tuple[int, int] = (11, 41)
    density: tuple[float, float] = (0.10, 0.40)
    min_l1: int = 8
    horizons: AdaptiveHorizon = field(default_factory=AdaptiveHorizon)
    clearance: float = 0.2
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.kinds:
            raise ValueError("kinds must hold at least one kind, found none")
        for side in self.sides:
            check_integer("sides", side, least=7)
        if not self.sides[0] <= self.sides[1]:
            raise ValueError(f"sides must be a pair (least, greatest), found {self.sides}")
        if self.sides[0] + (1 - self.sides[0] % 2) > self.sides[1]:
            raise ValueError(f"sides must have an odd number between them, found {self.sides}")
        self.pool(0)

    def pool(self, number: int) -> ParticleMazeConfig:
        """The mazes of a pool.

        Args:
            number: of the pool, from 0.
        """
        draw = np.random.default_rng((self.seed, number))
        kind: Kind = self.kinds[draw.integers(len(self.kinds))]
        # Of 2 n + 1, so that every kind can have every size.
        least, most = self.sides[0] // 2, (self.sides[1] - 1) // 2
        rows, cols = (2 * int(half) + 1 for half in draw.integers(least, most, size=2, endpoint=True))
        return self._mazes(kind, rows, cols)

    def open(self, *, states: StateSpace, horizon: int) -> TrainingData:
        """Mazes of all kinds, no sample twice; see `Source.open`.

        Held-out samples are mazes of 21 × 21 cells, as many of each kind, at the horizon of the longest way.
        """
        if states.dim not in (2, 4):
            raise ValueError(f"data have states of dim 2 or 4, found {states.dim} in the model's")
        dim = states.dim
        return TrainingData(
            at=lambda slot: self.at(slot, dim=dim),
            held_out=lambda count: self.held_out(count, dim=dim),
            settings=asdict(self),
            adaptive=self.horizons,
        )

    def at(self, slot: HasIndices, *, dim: int = 2) -> ParticleBatch:
        """The batch of a training slot, a pure function of it.

        Args:
            slot: of a size that divides a pool's.
            dim: 2 for positions, 4 for positions and velocities.

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
        order, lengths = _sorted_pool(self, number)
        part = slice(place, place + size)
        return self._batch(self.pool(number), number * POOL + order[part], lengths[part], dim)

    def held_out(self, count: int, *, dim: int = 2) -> ParticleBatch:
        """So many held-out samples, always the same."""
        kinds = tuple(dict.fromkeys(self.kinds))
        shares = [len(range(turn, count, len(kinds))) for turn in range(len(kinds))]
        configs = [
            replace(self._mazes(kind, _HELD_OUT_SIDE, _HELD_OUT_SIDE), split="held_out")
            for kind, share in zip(kinds, shares, strict=True)
            if share
        ]
        indices = [np.arange(share) for share in shares if share]
        longest = np.concatenate([_lengths(c, i) for c, i in zip(configs, indices, strict=True)]).max(
            keepdims=True
        )
        return ParticleBatch.collate(
            [self._batch(c, i, longest, dim) for c, i in zip(configs, indices, strict=True)]
        )

    def _mazes(self, kind: Kind, rows: int, cols: int) -> ParticleMazeConfig:
        assert KINDS[kind] not in ON_LATTICE or (rows % 2 and cols % 2)
        return ParticleMazeConfig(
            kind=kind,
            rows=rows,
            cols=cols,
            density=self.density,
            min_l1=min(self.min_l1, (rows + cols - 6) // 2),
            horizon=self.horizons.horizon(self.horizons.most),
            clearance=self.clearance,
            seed=self.seed,
        )

    def _batch(
        self,
        config: ParticleMazeConfig,
        indices: Int64[np.ndarray, " batch"],
        lengths: np.ndarray,
        dim: int,
    ) -> ParticleBatch:
        """Samples of one config at the horizon that the longest way calls for."""
        most = int(self.horizons.num_keypoints(torch.from_numpy(lengths)).max())
        made = replace(config, horizon=self.horizons.horizon(most), dim=4 if dim == 4 else 2)
        dataset = ParticleMazeDataset(made, geodesic=True)
        return dataset.batch(indices)


@lru_cache(maxsize=4 * _TURNS)
def _sorted_pool(config: MazeMixtureConfig, number: int) -> tuple[Int64[np.ndarray, " pool"], np.ndarray]:
    """Samples of a pool by the length of their way, and these lengths, in cells."""
    indices = number * POOL + np.arange(POOL)
    lengths = _lengths(config.pool(number), indices)
    order = np.argsort(lengths, kind="stable")
    return order, lengths[order]


def _lengths(config: ParticleMazeConfig, indices: Int64[np.ndarray, " batch"]) -> np.ndarray:
    ways = ParticleMazeDataset(config).batch(indices).trajectory.diff(dim=1)
    lengths: np.ndarray = ways.norm(dim=-1).sum(dim=1).numpy()
    return lengths
