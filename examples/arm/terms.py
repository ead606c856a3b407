"""What training knows of the arm beside the planner's paths: that it keeps off the spheres, itself and its limits."""

from dataclasses import dataclass
from typing import Any, Final, final

import torch
from jaxtyping import Bool, Float
from kinematics import panda
from measures import depths, measure
from torch import Tensor

from anchordiff.records import TensorRecord
from anchordiff.stages.loss import StageLoss, Term

_UNIT: Final = 0.05  # metres of depth that count as one
_LIMIT_UNIT: Final = 0.1  # radians
_NONE: Final = -10.0  # metres: a margin that nothing is within
# Distances of covering spheres at which a touch is as likely as not; metres.
_HIT: Final = -0.008
_FOLDED: Final = -0.022


@final
@dataclass(frozen=True, kw_only=True)
class SphereHinge(Term):
    """How deep the arm's spheres are in obstacles, at the estimate's steps and half way between them.

    Attributes:
        margin: distance from which on depth counts; metres.
        between: whether half ways count too.
        stride: every so manyth of these states counts.
    """

    margin: float = 0.005
    between: bool = False
    stride: int = 1

    def measure(self, made: StageLoss, batch: TensorRecord) -> Float[Tensor, ""]:
        """Mean over states of the depths' sum."""
        return _depth(_states(made.estimate, self), batch, margin=self.margin, fold=_NONE)


@final
@dataclass(frozen=True, kw_only=True)
class FoldHinge(Term):
    """How deep the arm is in itself, and how far beyond its limits.

    Attributes:
        margin: distance from which on depth counts; metres. Covering spheres stick out, so it lies below 0.
        limit: distance to the limits from which on it counts; radians.
        between: as in `SphereHinge`.
        stride: as in `SphereHinge`.
    """

    margin: float = -0.012
    limit: float = 0.02
    between: bool = False
    stride: int = 1

    def measure(self, made: StageLoss, batch: TensorRecord) -> Float[Tensor, ""]:
        """Mean over states of the depths' sum."""
        arm, states = panda(), _states(made.estimate, self)
        depth = _depth(states, batch, margin=_NONE, fold=self.margin)
        low, high = arm.lower + self.limit, arm.upper - self.limit
        # Ends may lie closer to a limit than that.
        low = torch.minimum(low, states[:, [0, -1]].detach().amin(dim=1, keepdim=True))
        high = torch.maximum(high, states[:, [0, -1]].detach().amax(dim=1, keepdim=True))
        beyond = ((low - states).relu() + (states - high).relu()) / _LIMIT_UNIT
        return depth + (beyond + beyond.square()).sum(dim=-1).mean()


def looks_free(
    batch: Any,  # noqa: ANN401
    trajectory: Float[Tensor, "batch horizon 7"],
) -> dict[str, Bool[Tensor, " batch"] | Tensor]:
    """A cheap guess of which trajectories are free, by covering spheres, and their lengths over the data's."""
    arm, condition = panda(), batch.condition
    middles = (trajectory[:, 1:] + trajectory[:, :-1]) / 2
    states = torch.cat([trajectory, middles], dim=1)
    made = measure(states.reshape(-1, 7).numpy(), condition.tokens.numpy(), condition.seen.numpy())
    hit, folded = (
        torch.from_numpy(found).view(len(states), -1).amin(dim=1) < least
        for found, least in ((made.around, _HIT), (made.folded, _FOLDED))
    )
    within = ((states >= arm.lower - 1e-4) & (states <= arm.upper + 1e-4)).all(dim=2).all(dim=1)
    length, least = (x.diff(dim=1).norm(dim=-1).sum(dim=1) for x in (trajectory, batch.trajectory))
    return {
        "free": ~hit & ~folded & within,
        "off_spheres": ~hit,
        "unfolded": ~folded,
        "length_ratio": length / least,
    }


def _states(estimate: Tensor, term: SphereHinge | FoldHinge) -> Tensor:
    if term.between:
        estimate = torch.cat([estimate, (estimate[:, 1:] + estimate[:, :-1]) / 2], dim=1)
    return estimate[:, :: term.stride]


def _depth(states: Tensor, batch: TensorRecord, *, margin: float, fold: float) -> Tensor:
    condition: Any = getattr(batch, "condition")  # noqa: B009
    found = depths(states, condition.tokens, condition.seen, margin=margin, fold=fold, unit=_UNIT)
    return found.mean()
