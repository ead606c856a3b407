"""What decides mazes of all kinds and sizes, with ways of all lengths, as one training stream."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import final

import numpy as np

from anchordiff.checks import check_integer
from anchordiff.configs import exact
from anchordiff.data.source import Source, TrainingData
from anchordiff.domains import maze
from anchordiff.domains.maze.data.config import ParticleMazeConfig
from anchordiff.horizons import AdaptiveHorizon
from anchordiff.kernels.grid.maze import Kind
from anchordiff.states import StateSpace


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
        return self.mazes(kind, rows, cols)

    def mazes(self, kind: Kind, rows: int, cols: int) -> ParticleMazeConfig:
        """Mazes of one kind and size, with ways at the longest horizon."""
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

    def open(self, *, states: StateSpace, horizon: int) -> TrainingData:
        """Mazes of all kinds, no sample twice; see `Source.open`."""
        if states.positions != 2:
            raise ValueError(f"model.states.positions must be 2 for particles, found {states.positions}")
        dataset = maze.MazeMixtureDataset(self, dim=4 if states.velocities else 2)
        return TrainingData(
            at=dataset.at, held_out=dataset.held_out, settings=asdict(self), adaptive=self.horizons
        )
