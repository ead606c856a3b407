"""What `generate` can be asked for where trajectories are numbers: what is given is read from a file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

import anchordiff as ad
from anchordiff.domains.domain import PlanJob, PlanRequest, PlanSettings


@final
@dataclass(frozen=True, kw_only=True)
class VectorRequest(PlanRequest):
    """What is given of a trajectory.

    Attributes:
        condition: file (.npz or .safetensors) with any of the arrays start, goal (dim,), known and is_known
            (horizon, dim), context (features,), tokens (places, features) and visible (places,); or each with a leading
            axis of one. Without a file nothing is given.
        low: least value of each position, or of all; a plan that goes below is not valid.
        high: greatest value, likewise.
    """

    pipeline: ClassVar[str | None] = None

    condition: Path | None = None
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    def open(self, pipeline: ad.TwoStagePipeline, settings: PlanSettings) -> PlanJob:
        """The pipeline with what is given; see `PlanRequest.open`."""
        from anchordiff.domains.vector.job import VectorJob, limit, read_condition

        states = pipeline.keypoints.config.states
        limits = [
            limit(name, values, states, free=free)
            for name, values, free in (("low", self.low, -math.inf), ("high", self.high, math.inf))
        ]
        given = ad.VectorCondition.empty(1) if self.condition is None else read_condition(self.condition)
        if len(given) != 1:
            raise ValueError(f"--condition must hold one condition, found {len(given)} in {self.condition}")
        return VectorJob(
            source="samples" if self.condition is None else self.condition.name,
            pipeline=pipeline,
            condition=given,
            limits=(limits[0], limits[1]),
            settings=settings,
        )
