"""Which of a condition's candidates becomes the plan."""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from anchordiff.conditions import MazeCondition
from anchordiff.kernels.polyline import polylines_are_free


def choose(
    condition: MazeCondition, points: Float[Tensor, "candidates n 2"], *, clearance: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Choose the shortest candidate that is free of collisions.

    A candidate is free when no part of it comes closer to a wall than `clearance` (exactly, not by sampling).
    Where none is free, the choice is the one with the fewest colliding segments. Ties go to the shorter one,
    then to the first. One that is not finite comes last.

    Args:
        condition: one element for every group of candidates.
        points: polylines, condition-major.
        clearance: in cells.

    Returns:
        For each condition: number of the chosen candidate, whether it is free, its length in cells.
    """
    device = points.device
    groups = len(condition)
    paths = points.detach().float().cpu().numpy()
    walls = condition.walls.cpu().numpy()
    length = np.linalg.norm(np.diff(paths, axis=1), axis=2).sum(axis=1).reshape(groups, -1)
    length[~np.isfinite(length)] = np.inf
    threads = torch.get_num_threads()
    free = polylines_are_free(walls, paths, radius=clearance, threads=threads).reshape(groups, -1)
    free &= np.isfinite(length)
    chosen = np.where(free, length, np.inf).argmin(axis=1)
    valid = free.any(axis=1)
    for element in np.flatnonzero(~valid):
        candidates = paths.reshape(groups, -1, *paths.shape[1:])[element]
        segments = np.stack([candidates[:, :-1], candidates[:, 1:]], axis=2).reshape(-1, 2, 2)
        hits = ~polylines_are_free(walls[element : element + 1], segments, radius=clearance, threads=threads)
        order = (length[element], hits.reshape(len(candidates), -1).sum(axis=1), np.isinf(length[element]))
        chosen[element] = np.lexsort(order)[0]
    lengths = length[np.arange(groups), chosen]
    return tuple(torch.from_numpy(array).to(device) for array in (chosen, valid, lengths))  # type: ignore[return-value]


def check_clearance(clearance: float) -> None:
    """Refuse a clearance that is negative or not finite."""
    if not (clearance >= 0.0 and math.isfinite(clearance)):
        raise ValueError(f"clearance must be at least 0 cells and finite, found {clearance}")
