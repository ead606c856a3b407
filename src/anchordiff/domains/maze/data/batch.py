"""The record that particle data sets give: mazes, ends, expert trajectories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32

from anchordiff.data.batch import TrajectoryBatch
from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.interpolation import with_velocity
from anchordiff.kernels.grid.geodesic import distance_fields


@final
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ParticleBatch(TrajectoryBatch):
    """Expert trajectories through mazes.

    Attributes:
        condition: the maze, the first and the last position.
        trajectory: positions `(x, y)` in cells, at equal steps of arc length (as equal as can be where such a
            step would cut a bend into a wall); with `dim` 4 followed by the velocities in cells a step,
            forward differences of the positions.
        geodesic: optional target for an auxiliary loss. Lengths of the shortest 8-connected grid paths (no
            corner cutting), in cells, from each cell to the start's cell (channel 0) and to the goal's cell
            (channel 1); infinite in walls and where no path leads.
    """

    condition: MazeCondition
    geodesic: Float[torch.Tensor, "batch 2 rows cols"] | None = None


def make_batch(
    *,
    walls: Bool[np.ndarray, "batch rows cols"],
    sdf: Float32[np.ndarray, "batch rows cols"],
    start: Float32[np.ndarray, "batch 2"],
    goal: Float32[np.ndarray, "batch 2"],
    positions: Float32[np.ndarray, "batch horizon 2"],
    dim: int,
    geodesic: bool,
) -> ParticleBatch:
    """Wrap arrays as tensors that share their memory, and add what follows from them.

    Args:
        walls: True where blocked.
        sdf: signed distances of `walls`, in cells.
        start: first positions.
        goal: last positions.
        positions: the expert's way.
        dim: 2, or 4 to append velocities.
        geodesic: whether to compute the distances along the grid.
    """
    trajectory = torch.from_numpy(positions)
    fields = None
    if geodesic:
        # One call for both ends; a position lies in the cell of its integer part.
        cells = np.concatenate([start, goal])[:, ::-1].astype(np.int64)
        both = distance_fields(np.concatenate([walls, walls]), cells)
        fields = torch.from_numpy(np.stack([both[: len(walls)], both[len(walls) :]], axis=1))
    return ParticleBatch(
        condition=MazeCondition(
            walls=torch.from_numpy(walls),
            sdf=torch.from_numpy(sdf),
            start=torch.from_numpy(start),
            goal=torch.from_numpy(goal),
        ),
        trajectory=with_velocity(trajectory) if dim == 4 else trajectory,
        geodesic=fields,
    )
