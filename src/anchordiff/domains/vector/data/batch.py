"""The record that data sets of vectors give."""

from dataclasses import dataclass
from typing import final

from anchordiff.data.batch import TrajectoryBatch
from anchordiff.domains.vector.condition import VectorCondition


@final
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class VectorBatch(TrajectoryBatch):
    """Recorded trajectories.

    Attributes:
        condition: what is given of each: its ends, way points, context, tokens.
        trajectory: states at all steps, in their own units.
        valid: False for steps that repeat the last state; none without padding.
    """

    condition: VectorCondition
