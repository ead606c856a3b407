"""What training reads: trajectories with what they were made for."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float

from anchordiff.conditions import Condition
from anchordiff.records import TensorRecord


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class TrajectoryBatch(TensorRecord, ABC):
    """Base of the records that data sets give.

    A domain's own record may hold more (targets of auxiliary losses); stages read these three alone.

    Attributes:
        condition: what the trajectories were made for.
        trajectory: states at all steps, in their own units.
        valid: False for steps that are padding, from which nothing is learned; none where all are data.
    """

    condition: Condition
    trajectory: Float[torch.Tensor, "batch horizon dim"]
    valid: Bool[torch.Tensor, "batch horizon"] | None = None
