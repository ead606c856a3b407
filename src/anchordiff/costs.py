"""Ready costs of trajectories, for `CostGuidance`: what samples are steered away from, or towards.

A cost is called with trajectories (batch, horizon, dim) in the units of states and gives one number for each, smoothly;
any function of that kind will do.

Example:
    >>> ways = torch.tensor([[[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]])
    >>> spheres = SphereCost(centres=[[1.0, 0.5]], radii=[0.75])
    >>> round(float(spheres(ways)), 4)
    0.0208
    >>> float(SmoothnessCost()(ways))
    0.0
"""

from collections.abc import Callable, Sequence
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from anchordiff.conditions import ArrayLike

Points = Callable[[Tensor], Tensor]
"""From states (batch, horizon, dim) to points in space (batch, horizon, points, axes): where a body's parts are."""

Numbers = float | Sequence[float] | ArrayLike


def _as_one_point(states: Tensor) -> Tensor:
    return states[:, :, None]


@final
class SphereCost:
    """Spheres to keep out of: mean squared depth of points in them, over steps, summed over points and spheres.

    Args:
        centres: of the spheres, (spheres, axes).
        radii: of the spheres, (spheres,), in the units of the points.
        margin: distance to keep from them.
        points: where the body's points are, from its states; by default a state's first numbers are one point.

    Raises:
        ValueError: if the shapes do not fit, or a radius or the margin is negative.
    """

    def __init__(
        self,
        *,
        centres: Sequence[Sequence[float]] | ArrayLike,
        radii: Sequence[float] | ArrayLike,
        margin: float = 0.0,
        points: Points = _as_one_point,
    ) -> None:
        self.centres = torch.as_tensor(centres, dtype=torch.float32)
        self.radii = torch.as_tensor(radii, dtype=torch.float32)
        self.margin = margin
        self.points = points
        if self.centres.ndim != 2 or self.radii.shape != self.centres.shape[:1]:
            raise ValueError(
                "centres and radii must have the shapes (spheres, axes) and (spheres,), "
                f"found {tuple(self.centres.shape)} and {tuple(self.radii.shape)}"
            )
        if not (margin >= 0 and bool((self.radii >= 0).all())):
            raise ValueError(
                f"radii and margin must not be negative, found {self.radii.tolist()} and {margin}"
            )

    def __call__(self, trajectory: Float[Tensor, "batch horizon dim"]) -> Float[Tensor, " batch"]:
        """Depth in the spheres."""
        centres, radii = self.centres.to(trajectory), self.radii.to(trajectory)
        points = self.points(trajectory)[..., None, : centres.shape[1]]
        # A root is steep at zero: where a point is a sphere's very centre it has no direction.
        distance = (points - centres).square().sum(dim=-1).clamp(min=1e-12).sqrt()
        depth = (radii + self.margin - distance).relu()
        return depth.square().sum(dim=(-1, -2)).mean(dim=1)


@final
class LimitCost:
    """Limits of a state's numbers: mean squared excess over steps, summed over numbers.

    Args:
        low: least value of each number, or of all.
        high: greatest value of each number, or of all.

    Raises:
        ValueError: if a limit is above the other.
    """

    def __init__(self, *, low: Numbers, high: Numbers) -> None:
        self.low = torch.as_tensor(low, dtype=torch.float32)
        self.high = torch.as_tensor(high, dtype=torch.float32)
        if bool((self.low > self.high).any()):
            raise ValueError(f"low must not exceed high, found {self.low.tolist()} and {self.high.tolist()}")

    def __call__(self, trajectory: Float[Tensor, "batch horizon dim"]) -> Float[Tensor, " batch"]:
        """Excess over the limits."""
        below = (self.low.to(trajectory) - trajectory).relu()
        above = (trajectory - self.high.to(trajectory)).relu()
        return (below + above).square().sum(dim=2).mean(dim=1)


@final
class SmoothnessCost:
    """Bends: mean squared second difference, summed over numbers; 0 for a straight line at even speed."""

    def __call__(self, trajectory: Float[Tensor, "batch horizon dim"]) -> Float[Tensor, " batch"]:
        """How much the trajectory bends."""
        bends = trajectory.diff(n=2, dim=1)
        return bends.square().sum(dim=(1, 2)) / max(1, trajectory.shape[1] - 2)


@final
class WayPointCost:
    """Half the squared distance to a state at a step: a way point that draws, where `known` would hold.

    Args:
        step: of the trajectory; negative ones count from its end.
        state: the first numbers of the state that is wanted there.

    Raises:
        ValueError: if the state is no vector.
    """

    def __init__(self, *, step: int, state: Sequence[float] | ArrayLike) -> None:
        self.step = step
        self.state = torch.as_tensor(state, dtype=torch.float32)
        if self.state.ndim != 1:
            raise ValueError(f"state must be a vector, found the shape {tuple(self.state.shape)}")

    def __call__(self, trajectory: Float[Tensor, "batch horizon dim"]) -> Float[Tensor, " batch"]:
        """Distance to the way point."""
        wanted = self.state.to(trajectory)
        return 0.5 * (trajectory[:, self.step, : len(wanted)] - wanted).square().sum(dim=1)
