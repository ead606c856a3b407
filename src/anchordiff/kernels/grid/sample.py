"""Samples of the particle maze: walls, signed distance, start, goal and an expert's trajectory.

The expert walks an 8-connected shortest path without cut corners, from start to goal. `grid` follows the centres
of its cells; `smooth` is that path pulled taut at a clearance (`anchordiff.kernels.grid.string_pull`).

>>> import numpy as np
>>> samples = particle_samples(0, np.arange(4), horizon=32)
>>> samples.trajectory.shape, bool((samples.trajectory[:, -1] == samples.goal).all())
((4, 32, 2), True)
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from anchordiff.checks import check_choice, check_integer
from anchordiff.kernels.grid._draw_sample import make_samples
from anchordiff.kernels.grid._grid_checks import MOST_POINTS, check_threads, chunks
from anchordiff.kernels.grid._wall_bits import num_words
from anchordiff.kernels.grid.distance import signed_distances
from anchordiff.kernels.grid.maze import KINDS, MOST_PAIRS, Kind, check_index, check_maze_options
from anchordiff.kernels.grid.string_pull import check_clearance

Expert = Literal["smooth", "grid"]

_SAMPLES_A_THREAD = 64


@dataclass(frozen=True)
class ParticleSamples:
    """A batch of samples; positions (x, y) and distances in cells.

    Attributes:
        walls: True where blocked.
        sdf: signed distance to the nearest cell of the other kind, negative in walls.
        start: where the expert starts.
        goal: where it ends.
        trajectory: its positions, at equal steps of arc length (see `particle_samples`).
    """

    walls: Bool[np.ndarray, "batch rows cols"]
    sdf: Float[np.ndarray, "batch rows cols"]
    start: Float[np.ndarray, "batch 2"]
    goal: Float[np.ndarray, "batch 2"]
    trajectory: Float[np.ndarray, "batch horizon 2"]

    def __len__(self) -> int:
        return len(self.walls)


def particle_samples(
    seed: int,
    index: Int[np.ndarray, " batch"],
    *,
    kind: Kind = "random",
    rows: int = 21,
    cols: int = 21,
    density: tuple[float, float] = (0.15, 0.30),
    min_l1: int = 10,
    horizon: int = 64,
    expert: Expert = "smooth",
    clearance: float = 0.2,
    pairs: int = 1,
    threads: int = 1,
) -> ParticleSamples:
    """Make samples of the particle maze: each is a pure function of (seed, its index) and the options.

    Start and goal lie anywhere in two free, connected cells, at least `clearance` away from walls. The trajectory has
    equal steps of arc length. Where such a step would cut a bend of the path so far that it touched a wall, the steps
    of that sample are as equal as they can be while every vertex of the path stays a point of the trajectory; where
    there are more vertices than points, start and goal are drawn again. So the whole polyline is always free.

    Args:
        seed: of the whole sequence of samples.
        index: which samples of it to make.
        kind: of mazes: scattered walls, perfect ones (two methods), rooms, caves (see `anchordiff.kernels.grid.maze`).
        rows: of the grid, border included.
        cols: of the grid, border included.
        density: least and largest share of walls inside, for the kind `random`.
        min_l1: least distance between the cells of start and goal, |Δrow| + |Δcol|.
        horizon: number of points of a trajectory, at least 2.
        expert: `smooth` or `grid`.
        clearance: least distance of start, goal and the smooth expert to walls, in cells; in (0, 0.5).
        pairs: how many consecutive indices share a maze: sample i is trip i % pairs in maze i // pairs.
        threads: share large batches among this many threads; keep 1 inside worker processes.

    Raises:
        ValueError: if an option is out of its range, or a sample cannot be made: too many walls for `min_l1`, or
            too many bends for `horizon`.
    """
    check_choice("kind", kind, tuple(KINDS))
    check_choice("expert", expert, ("smooth", "grid"))
    lowest, highest = check_maze_options(KINDS[kind], rows, cols, density, min_l1)
    index = check_index(seed, index)
    check_clearance(clearance)
    check_integer("horizon", horizon, least=2, most=MOST_POINTS, most_is="the largest horizon")
    check_integer("pairs", pairs, most=MOST_PAIRS, most_is="the most pairs")
    batch = len(index)
    walls = np.empty((batch, rows, cols), np.bool_)
    ends = np.empty((2, batch, 2), np.float32)
    trajectory = np.empty((batch, horizon, 2), np.float32)

    def make(part: slice) -> None:
        made = make_samples(
            seed,
            index[part],
            pairs,
            KINDS[kind],
            lowest,
            highest,
            min_l1,
            expert == "smooth",
            float(clearance),
            num_words(cols),
            walls[part],
            ends[:, part],
            trajectory[part],
        )
        if made < len(index[part]):
            raise _cannot_make(int(index[part][made]), min_l1, horizon)

    parts = chunks(batch, min(check_threads(threads), batch // _SAMPLES_A_THREAD + 1))
    if len(parts) == 1:
        make(parts[0])
    else:
        with ThreadPoolExecutor(len(parts)) as pool:
            for _ in pool.map(make, parts):
                pass
    if pairs == 1 or batch == 0:
        sdf = signed_distances(walls, threads=threads)
    else:
        maze = index // pairs
        fresh = np.append(True, maze[1:] != maze[:-1])
        sdf = signed_distances(walls[fresh], threads=threads)[np.cumsum(fresh) - 1]
    return ParticleSamples(walls, sdf, ends[0], ends[1], trajectory)


def _cannot_make(number: int, min_l1: int, horizon: int) -> ValueError:
    return ValueError(
        f"sample {number} cannot be made: no connected start and goal at least min_l1={min_l1} apart were found "
        f"whose path has at most horizon={horizon} vertices; lower density or min_l1, or raise horizon"
    )
