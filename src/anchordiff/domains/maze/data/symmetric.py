"""Mazes in which two ways are equally good: what a sampler that blurs the modes of its data fails at."""

import numpy as np
from jaxtyping import Float, Int64

from anchordiff.data.indexed import IndexedDataset
from anchordiff.domains.maze.data.batch import ParticleBatch, make_batch
from anchordiff.domains.maze.data.config import SymmetricWallConfig
from anchordiff.domains.maze.maze import Maze
from anchordiff.kernels.grid.distance import signed_distances

_LONGEST = 5  # half a wall's length, in cells


class SymmetricWallDataset(IndexedDataset[ParticleBatch]):
    """Empty mazes but for one wall across the line from start to goal, symmetric to that line.

    The ways above and below the wall are equally long, and the expert takes either with the same probability. The
    sample at an index depends on `config` and the index alone; see `IndexedDataset` for ways to read it.

    Args:
        config: what decides the samples.
        size: number of samples.

    Example:
        >>> batch = SymmetricWallDataset(size=10).batch(range(10))
        >>> batch.condition.walls[:, 1:-1, 1:-1].any(dim=1).sum(dim=1).unique().tolist()  # columns with a wall
        [1]
    """

    def __init__(self, config: SymmetricWallConfig | None = None, *, size: int) -> None:
        self.config = config or SymmetricWallConfig()
        super().__init__(size=size, seed=self.config.seed, held_out=True)

    def _make(self, indices: Int64[np.ndarray, " batch"]) -> ParticleBatch:
        walls, ends, ways = zip(*(self._draw(int(index)) for index in indices), strict=True)
        grids, both = np.stack(walls), np.stack(ends).astype(np.float32)
        return make_batch(
            walls=grids,
            sdf=signed_distances(grids),
            start=np.ascontiguousarray(both[:, 0]),
            goal=np.ascontiguousarray(both[:, 1]),
            positions=np.stack(ways).astype(np.float32),
            dim=self.config.dim,
            geodesic=False,
        )

    def _draw(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        side, random = self.config.side, np.random.default_rng((self.config.seed, index))
        middle, column, half = (
            side // 2,
            random.integers(side // 3, side - side // 3),
            random.integers(2, _LONGEST + 1),
        )
        walls = np.ones((side, side), bool)
        walls[1:-1, 1:-1] = False
        walls[middle - half : middle + half + 1, column] = True
        away = random.uniform(3, side // 4, 2)
        ends = np.array([[column + 0.5 - away[0], middle + 0.5], [column + 0.5 + away[1], middle + 0.5]])
        way = Maze(walls).shortest_path(tuple(ends[0]), tuple(ends[1]))
        assert way is not None
        way = np.array(way, np.float64)
        if random.integers(2):
            way[:, 1] = side - way[:, 1]
        return walls, ends, _through_vertices(way, self.config.horizon)


def _through_vertices(way: Float[np.ndarray, "n 2"], horizon: int) -> Float[np.ndarray, "horizon 2"]:
    """About equal steps of arc length, with each vertex a step, so that no corner is cut."""
    lengths = np.append(0.0, np.linalg.norm(np.diff(way, axis=0), axis=1).cumsum())
    spare = np.rint((horizon - len(way)) * lengths / lengths[-1]).astype(int)
    pieces = zip(lengths[:-1], lengths[1:], 1 + np.diff(spare), strict=True)
    times = np.concatenate([*(np.linspace(*piece, endpoint=False) for piece in pieces), lengths[-1:]])
    return np.stack([np.interp(times, lengths, way[:, axis]) for axis in range(2)], axis=1)
