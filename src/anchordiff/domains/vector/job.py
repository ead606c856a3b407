"""A plan of numbers, from what is given in a file, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch

from anchordiff.domains.domain import PlanJob, PlanOptions, PlanSettings
from anchordiff.domains.steps import Step
from anchordiff.domains.vector.condition import VectorCondition
from anchordiff.domains.vector.data.files import read_arrays
from anchordiff.domains.vector.metrics import diversity, limit_violation, path_length, smoothness
from anchordiff.judge import FunctionJudge
from anchordiff.pipeline import Plan, TwoStagePipeline
from anchordiff.states import StateSpace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FIELDS = ("start", "goal", "known", "is_known", "context", "tokens", "visible")


def read_condition(path: Path) -> VectorCondition:
    """Read a condition from a file.

    Raises:
        FileNotFoundError: if there is none.
        CorruptFileError: if it is no whole file.
        ValueError: if it holds other arrays than those of a condition.
    """
    arrays = read_arrays(path)
    unknown = sorted(arrays.keys() - set(_FIELDS))
    if unknown or not arrays:
        raise ValueError(
            f"{path} must hold arrays among {', '.join(_FIELDS)}, found {', '.join(unknown) or 'none'}"
        )
    axes = {"start": 1, "goal": 1, "context": 1, "visible": 1, "tokens": 2, "known": 2, "is_known": 2}
    parts: dict[str, Any] = {
        name: torch.from_numpy(np.array(value[None] if value.ndim == axes[name] else value))
        for name, value in arrays.items()
    }
    return VectorCondition(**parts)


@final
@dataclass(frozen=True, kw_only=True)
class VectorJob(PlanJob):
    """A pipeline with what is given of a trajectory.

    The plan is the shortest sample within the limits.

    Attributes:
        source: what was read.
        pipeline: draws the samples.
        condition: what is given.
        limits: least and greatest value of each position.
        settings: of the command.
    """

    source: str
    pipeline: TwoStagePipeline
    condition: VectorCondition
    limits: tuple[torch.Tensor, torch.Tensor]
    settings: PlanSettings

    @property
    def name(self) -> str:
        """What pictures call it."""
        return self.source

    @property
    def rule(self) -> str:
        """What a valid plan does."""
        return "keeps the limits"

    def plan(self, options: PlanOptions, *, return_trace: bool = False) -> Plan:
        """Plan, always from the same seed."""
        states = self.pipeline.keypoints.config.states
        low, high = (limit.to(self.pipeline.device) for limit in self.limits)

        def score(trajectory: torch.Tensor, condition: VectorCondition) -> tuple[torch.Tensor, torch.Tensor]:
            kept = limit_violation(states, trajectory, low, high) == 0
            return kept, path_length(states, trajectory)

        return self.pipeline.plan(
            self.condition.to(self.pipeline.device),
            candidates=self.settings.num_samples,
            judge=FunctionJudge(score),
            horizon=self.settings.horizon,
            generator=torch.Generator().manual_seed(self.settings.seed),
            return_trace=return_trace,
            **options.given(),
        )

    def measure(self, plan: Plan) -> dict[str, Any]:
        """What is said of the plan, and of all samples."""
        states, samples = self.pipeline.keypoints.config.states, plan.generation.trajectory
        excess = limit_violation(states, samples, *self.limits)
        return {
            "condition": self.name,
            "keeps_limits": bool(plan.valid[0]),
            "samples": len(samples),
            "samples_in_limits": int((excess == 0).sum()),
            "length": float(path_length(states, plan.trajectory)),
            "smoothness": float(smoothness(states, plan.trajectory)),
            "diversity": float(diversity(states, samples[None])) if len(samples) > 1 else None,
        }

    def rows(self, metrics: Mapping[str, Any]) -> dict[str, str]:
        """The rows of the table."""
        found = {
            "condition": str(metrics["condition"]),
            f"plan {self.rule}": "yes" if metrics["keeps_limits"] else "no",
            "samples within them": f"{metrics['samples_in_limits']} of {metrics['samples']}",
            "length": f"{metrics['length']:.3f} deviations",
            "smoothness": f"{metrics['smoothness']:.5f}",
        }
        if metrics["diversity"] is not None:
            found["diversity"] = f"{metrics['diversity']:.3f} deviations"
        return found

    def pictures(self, plan: Plan) -> "Mapping[str, Figure]":
        """Each number over the steps, with the plan's keypoints."""
        from anchordiff.domains.vector.plots import draw_dimensions

        chosen = plan.chosen
        figure = draw_dimensions(
            plan.generation.trajectory,
            keypoints=chosen.keypoints[0],
            anchors=chosen.anchors.index[0].tolist(),
            chosen=int(plan.index[0]),
            title=self.name,
        )
        return {"plan": figure}

    def draw_step(self, plan: Plan, step: Step) -> "Figure":
        """Each number over the steps, where the plan and its way lie between."""
        from anchordiff.domains.vector.plots import draw_dimensions

        figure = draw_dimensions(
            step.way[None],
            keypoints=step.keypoints,
            anchors=plan.generation.anchors.index[0].tolist(),
            title=step.title,
        )
        generation = plan.generation
        every = torch.cat([generation.coarse, generation.trajectory]).flatten(0, 1)
        if generation.trace is not None:
            every = torch.cat([every, generation.trace.coarse.flatten(0, 2)])
        for axes, low, high in zip(figure.axes, every.amin(dim=0), every.amax(dim=0), strict=False):
            margin = 0.05 * float(high - low) + 1e-6
            axes.set_ylim(float(low) - margin, float(high) + margin)
        return figure

    def arrays(self, plan: Plan) -> Mapping[str, torch.Tensor]:
        """All samples, and the number of the plan."""
        made = plan.generation
        return {
            "trajectory": made.trajectory,
            "coarse": made.coarse,
            "keypoints": made.keypoints,
            "anchors": made.anchors.index,
            "chosen": plan.index,
        }


def limit(name: str, values: tuple[float, ...], states: StateSpace, *, free: float) -> torch.Tensor:
    """A limit of each position, from one number for all or for each, or none.

    Raises:
        ValueError: if there are other than these.
    """
    if len(values) not in (0, 1, states.positions):
        raise ValueError(f"--{name} must be one number or {states.positions}, found {len(values)}")
    return torch.tensor(values or (free,), dtype=torch.float32).expand(states.positions).clone()
