"""Anchors that suit a given trajectory best."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float

from anchordiff.checks import check_integer
from anchordiff.kernels.anchors import optimal_anchors
from anchordiff.masks.base import MaskSampler, free_steps
from anchordiff.tensors import check_tensor


@dataclass(frozen=True, eq=False)
class Optimal(MaskSampler):
    """The `count` steps from which linear interpolation rebuilds a trajectory with the least squared error.

    Found by dynamic programming (R. Bellman, "On the approximation of curves by line segments using dynamic
    programming", 1961), given the steps that are taken. Free ends are always drawn and count.

    Args:
        count: steps to draw.
        trajectory: what to rebuild; masks can be drawn for its batch size and horizon only.

    Raises:
        ValueError: if `count` is negative or `trajectory` is not finite.
    """

    count: int
    trajectory: Float[torch.Tensor, "batch horizon dim"]

    def __post_init__(self) -> None:
        check_integer("count", self.count, least=0)
        check_tensor("trajectory", self.trajectory, "batch horizon dim")
        check_finite("trajectory", self.trajectory)

    def sample(
        self,
        batch: int,
        horizon: int,
        *,
        taken: Bool[torch.Tensor, "batch horizon"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Bool[torch.Tensor, "batch horizon"]:
        """Find the anchors; nothing is random.

        Raises:
            ValueError: if batch or horizon are not the trajectory's, or `count` is impossible.
        """
        free = free_steps(batch, horizon, self.count, taken=taken, generator=generator)
        check_size("trajectory", self.trajectory, batch, horizon)
        if self.count == 0:
            return torch.zeros_like(free)
        states = self.trajectory.detach().to("cpu", torch.float64).numpy()
        steps = optimal_anchors(states, self.count, taken=(~free).cpu().numpy())
        return torch.zeros_like(free).scatter_(1, torch.from_numpy(steps).to(free.device), value=True)


def check_finite(name: str, values: torch.Tensor) -> None:
    """Refuse NaN and infinity.

    Raises:
        ValueError: if a value is not finite.
    """
    bad = (~values.isfinite()).nonzero()
    if len(bad):
        place = tuple(bad[0].tolist())
        raise ValueError(f"{name} must be finite, found {values[place].item()} at {list(place)}")


def check_size(name: str, values: torch.Tensor, batch: int, horizon: int) -> None:
    """Refuse data for another batch size or horizon.

    Raises:
        ValueError: if the sizes differ.
    """
    if values.shape[:2] != (batch, horizon):
        raise ValueError(
            f"{name} must have batch and horizon {(batch, horizon)}, found {tuple(values.shape[:2])}"
        )
