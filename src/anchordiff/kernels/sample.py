"""Samples of the particle maze: walls, signed distance, start, goal and an expert's trajectory."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from anchordiff.kernels._astar8 import _octile_workspace_size
from anchordiff.kernels._draw_sample import make_samples
from anchordiff.kernels._squares import workspace
from anchordiff.kernels._wall_bits import num_words

Kind = Literal["random", "depth_first", "wilson", "rooms"]


@dataclass(frozen=True)
class ParticleSamples:
    """A batch of samples; positions (x, y) in cells."""

    walls: Bool[np.ndarray, "batch rows cols"]
    sdf: Float[np.ndarray, "batch rows cols"]
    start: Float[np.ndarray, "batch 2"]
    goal: Float[np.ndarray, "batch 2"]
    trajectory: Float[np.ndarray, "batch horizon 2"]

    def __len__(self) -> int:
        """Return the number of samples."""
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
    expert: Literal["smooth", "grid"] = "smooth",
    clearance: float = 0.2,
    threads: int = 1,
) -> ParticleSamples:
    """Make samples of the particle maze: sample i of the result is a pure function of (seed, index[i])."""
    if kind != "random":
        raise ValueError(f"kind must be 'random' for now, found {kind!r}")
    batch = len(index)
    walls = np.empty((batch, rows, cols), np.bool_)
    sdf = np.empty((batch, rows, cols), np.float32)
    start = np.empty((batch, 2), np.float32)
    goal = np.empty((batch, 2), np.float32)
    trajectory = np.empty((batch, horizon, 2), np.float32)
    line, squares = workspace(rows, cols)
    integers = np.empty(_octile_workspace_size(rows, cols), np.int32)
    made = make_samples(
        seed,
        np.ascontiguousarray(index, np.int64),
        0,
        density[0],
        density[1],
        min_l1,
        expert == "smooth",
        clearance,
        num_words(cols),
        line,
        squares,
        integers,
        walls,
        sdf,
        start,
        goal,
        trajectory,
    )
    if made < batch:
        raise ValueError(
            f"no sample {index[made]} can be made: no connected start and goal {min_l1} cells apart"
        )
    return ParticleSamples(walls, sdf, start, goal, trajectory)
