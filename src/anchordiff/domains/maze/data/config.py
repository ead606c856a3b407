"""What decides mazes with expert trajectories that are made on the fly.

Seed spaces: a config's `split` and `seed` name the stream of samples, `key = 2 seed + [split is "held_out"]`.
Seeds are below 2**62, so every key is a 63-bit integer and no two (split, seed) share one: whatever its seed,
a training stream is none of the held-out streams that evaluation draws from.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Literal, final, get_args

from anchordiff.checks import check_choice, check_integer
from anchordiff.configs import exact
from anchordiff.data.source import Source, TrainingData
from anchordiff.domains import maze
from anchordiff.kernels.grid.maze import KINDS, ON_LATTICE, Kind
from anchordiff.kernels.grid.sample import Expert
from anchordiff.states import StateSpace

Split = Literal["train", "held_out"]

_MAX_SEED = 2**62
_VALIDATION_SEED = 0  # of the held-out stream; evaluation suites use other ones


@dataclass(frozen=True, kw_only=True)
@exact
class ParticleMazeConfig(Source):
    """What decides every sample of a `ParticleMazeDataset`.

    Attributes:
        kind: how mazes are made: walls at random; perfect mazes by depth-first search or by Wilson's
            algorithm; rooms with doors; caves.
        rows: height of the maze in cells, with its closed border; odd for perfect mazes and rooms.
        cols: width of the maze, as `rows`.
        density: least and greatest share of inner cells that are walls; for `kind` "random".
        min_l1: least distance |dx| + |dy| from the start's to the goal's cell, in cells.
        horizon: steps of a trajectory. Start and goal are drawn again where the expert's way has more bends than
            steps, so that short horizons (below about 15 for random walls, 64 for perfect mazes) have other tasks.
        dim: 2 for positions, 4 for positions and velocities.
        expert: "smooth" pulls the shortest grid path taut, `clearance` away from walls; "grid" joins the
            centres of its cells.
        clearance: least distance of the ends to walls, and of the smooth expert's way, in cells; above 0
            and below 0.5.
        seed: which stream of samples, in [0, 2**62).
        split: "held_out" is for evaluation; training refuses it, and no training seed reaches its samples.

    Raises:
        ValueError: if a value is out of its range.
    """

    kind: Kind = "random"
    rows: int = 21
    cols: int = 21
    density: tuple[float, float] = (0.15, 0.30)
    min_l1: int = 10
    horizon: int = 64
    dim: Literal[2, 4] = 2
    expert: Expert = "smooth"
    clearance: float = 0.2
    seed: int = 0
    split: Split = "train"

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("kind", self.kind, get_args(Kind)),
            ("dim", self.dim, (2, 4)),
            ("expert", self.expert, get_args(Expert)),
            ("split", self.split, get_args(Split)),
        ):
            check_choice(name, value, allowed)
        for name, side in (("rows", self.rows), ("cols", self.cols)):
            check_integer(name, side, least=3)
            if KINDS[self.kind] in ON_LATTICE and side % 2 == 0:
                raise ValueError(f"{name} must be odd for kind {self.kind!r}, found {side}")
        if not isinstance(self.density, tuple) or len(self.density) != 2:
            raise ValueError(f"density must be a pair (least, greatest), found {self.density!r}")
        least, greatest = self.density
        if not 0 <= least <= greatest < 1:
            raise ValueError(f"density must satisfy 0 <= least <= greatest < 1, found {self.density}")
        check_integer("min_l1", self.min_l1, least=0)
        farthest = self.rows + self.cols - 6
        if self.min_l1 > farthest:
            raise ValueError(
                f"min_l1 must be at most {farthest}, the distance between opposite corners of "
                f"{self.rows} x {self.cols} cells, found {self.min_l1}"
            )
        check_integer("horizon", self.horizon, least=2)
        if not (math.isfinite(self.clearance) and 0 < self.clearance < 0.5):
            raise ValueError(f"clearance must lie in (0, 0.5), found {self.clearance}")
        check_integer("seed", self.seed, least=0)
        if self.seed >= _MAX_SEED:
            raise ValueError(f"seed must be below 2**62, found {self.seed}")

    @property
    def key(self) -> int:
        """The seed that kernels see: a 63-bit integer, different for every (split, seed)."""
        return 2 * self.seed + (self.split == "held_out")

    def dataset(self, size: int) -> maze.ParticleMazeDataset:
        """The first samples."""
        return maze.ParticleMazeDataset(self, size=size)

    def open(self, *, states: StateSpace, horizon: int) -> TrainingData:
        """Random mazes with expert trajectories, no sample twice; see `Source.open`."""
        if self.split != "train":
            raise ValueError(f'data.split must be "train", found "{self.split}": it is for evaluation')
        for name, of_model, of_data in (("horizon", horizon, self.horizon), ("dim", states.dim, self.dim)):
            if of_model != of_data:
                raise ValueError(f"data.{name} must be that of the model, {of_model}, found {of_data}")
        held_out = replace(self, split="held_out", seed=_VALIDATION_SEED)
        return TrainingData(
            at=maze.ParticleMazeDataset(self, geodesic=True).at,
            held_out=lambda count: maze.ParticleMazeDataset(held_out, geodesic=True).batch(range(count)),
            settings=asdict(self),
        )


@final
@dataclass(frozen=True, kw_only=True)
@exact
class SymmetricWallConfig:
    """What decides every sample of a `SymmetricWallDataset`; samples are for evaluation alone.

    Attributes:
        side: rows and columns of the maze, with its closed border; odd.
        horizon: steps of a trajectory.
        dim: 2 for positions, 4 for positions and velocities.
        seed: which stream of samples.

    Raises:
        ValueError: if a value is out of its range.
    """

    side: int = 21
    horizon: int = 64
    dim: Literal[2, 4] = 2
    seed: int = 0

    def __post_init__(self) -> None:
        check_integer("side", self.side, least=15)
        check_integer("horizon", self.horizon, least=8)
        check_integer("seed", self.seed, least=0)
        if self.side % 2 == 0:
            raise ValueError(f"side must be odd, found {self.side}")

    def dataset(self, size: int) -> maze.SymmetricWallDataset:
        """The first samples."""
        return maze.SymmetricWallDataset(self, size=size)
