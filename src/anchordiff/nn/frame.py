"""The frame in which networks see a trajectory: relative to the straight line between its ends.

Notation: τ in [0, 1] is the time of a step, ℓ(τ) = start + τ (goal − start). A state x becomes
u = (x − ℓ(τ)) / scale, so that the straight line is zero, both ends are zero, and a diffusion starts from
noise around the line.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class LineFrame:
    """Normalisation by the straight line from start to goal.

    Attributes:
        line: the straight line, in cells (and cells per step for velocities).
        scale: cells (and cells per step) of one normalised unit.
        spread: prior standard deviation of u, that of a Brownian bridge for positions: 2 √(τ (1 − τ)).
    """

    line: Float[Tensor, "batch steps dim"]
    scale: Float[Tensor, " dim"]
    spread: Float[Tensor, "batch steps dim"]

    @classmethod
    def between(
        cls,
        start: Float[Tensor, "batch 2"],
        goal: Float[Tensor, "batch 2"],
        times: Float[Tensor, "batch steps"],
        *,
        horizon: int,
        dim: int,
        scale: float,
    ) -> "LineFrame":
        """Frame of trajectories of `horizon` steps at the given times.

        Args:
            start: `(x, y)` in cells.
            goal: `(x, y)` in cells.
            times: in [0, 1].
            horizon: steps of the whole trajectory; sets the scale of velocities.
            dim: 2 for positions, 4 with velocities in cells per step.
            scale: cells of one normalised unit.
        """
        tau = times[..., None]
        step = goal - start
        line = start[:, None] + tau * step[:, None]
        spread = 2 * (tau * (1 - tau)).clamp(min=0.0).sqrt().expand_as(line)
        scales = line.new_full((2,), scale)
        if dim == 4:
            line = torch.cat([line, (step / (horizon - 1))[:, None].expand_as(line)], dim=-1)
            spread = torch.cat([spread, torch.ones_like(spread)], dim=-1)
            scales = torch.cat([scales, line.new_full((2,), 8 * scale / (horizon - 1))])
        return cls(line=line, scale=scales, spread=spread)

    def normalise(self, x: Float[Tensor, "batch steps dim"]) -> Float[Tensor, "batch steps dim"]:
        """From cells to u."""
        return (x - self.line) / self.scale

    def denormalise(self, u: Float[Tensor, "batch steps dim"]) -> Float[Tensor, "batch steps dim"]:
        """From u to cells."""
        return self.line + self.scale * u
