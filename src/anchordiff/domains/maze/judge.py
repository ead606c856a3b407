"""Which of a maze's candidates becomes the plan: the shortest that is free of collisions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from jaxtyping import Float

from anchordiff.conditions import Condition
from anchordiff.configs import exact
from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.judge import Choice, Judge
from anchordiff.kernels.grid.polyline import polylines_are_free


@final
@dataclass(frozen=True, kw_only=True)
@exact
class MazeJudge(Judge):
    """Choose the shortest candidate that is free of collisions; the cost is its length, in cells.

    A candidate is free when no part of it comes closer to a wall than `clearance` (exactly, not by sampling); it is
    checked together with the lines from `start` to its first step and from its last step to `goal`. Where none is free,
    the choice is the one with the fewest colliding segments. Ties go to the shorter one, then to the first. One that is
    not finite comes last.

    Attributes:
        clearance: distance to walls that a plan keeps, in cells.

    Raises:
        ValueError: if `clearance` is negative or not finite.
    """

    clearance: float = 0.0

    def __post_init__(self) -> None:
        if not (self.clearance >= 0.0 and math.isfinite(self.clearance)):
            raise ValueError(f"clearance must be at least 0 cells and finite, found {self.clearance}")

    def choose(
        self, condition: Condition, trajectories: Float[torch.Tensor, "candidates horizon dim"]
    ) -> Choice:
        """Choose; see `Judge.choose`."""
        if not isinstance(condition, MazeCondition):
            raise ValueError(f"condition must be a MazeCondition, found {type(condition).__name__}")
        copies = condition.copies_in(len(trajectories), "trajectories")
        paths = _with_ends(condition, trajectories[..., :2].detach().float(), copies)
        walls = condition.walls.cpu().numpy()
        length = np.linalg.norm(np.diff(paths, axis=1), axis=2).sum(axis=1).reshape(len(condition), -1)
        length[~np.isfinite(length)] = np.inf
        threads = torch.get_num_threads()
        free = polylines_are_free(walls, paths, radius=self.clearance, threads=threads)
        free = free.reshape(length.shape) & np.isfinite(length)
        chosen = np.where(free, length, np.inf).argmin(axis=1)
        valid = free.any(axis=1)
        for element in np.flatnonzero(~valid):
            candidates = paths.reshape(len(condition), -1, *paths.shape[1:])[element]
            segments = np.stack([candidates[:, :-1], candidates[:, 1:]], axis=2).reshape(-1, 2, 2)
            own = walls[element : element + 1]
            hits = ~polylines_are_free(own, segments, radius=self.clearance, threads=threads)
            order = (
                length[element],
                hits.reshape(len(candidates), -1).sum(axis=1),
                np.isinf(length[element]),
            )
            chosen[element] = np.lexsort(order)[0]
        costs = length[np.arange(len(condition)), chosen]
        index, good, cost = (torch.from_numpy(a).to(trajectories.device) for a in (chosen, valid, costs))
        return Choice(index=index, valid=good, cost=cost)


def _with_ends(
    condition: MazeCondition, points: Float[torch.Tensor, "candidates horizon 2"], copies: int
) -> Float[np.ndarray, "candidates steps 2"]:
    """The candidates from start to goal; where a clamp has put them there already, they stay as they are."""
    start, goal = (end.repeat_interleave(copies, dim=0)[:, None] for end in (condition.start, condition.goal))
    if bool((points[:, :1] == start).all() & (points[:, -1:] == goal).all()):
        joined = points
    else:
        joined = torch.cat([start, points, goal], dim=1)
    array: np.ndarray = joined.cpu().numpy()
    return array
