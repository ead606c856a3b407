"""`generate` in a maze without a world: a plan in cells, and what is said of it."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from anchordiff.cli._mazes import Task
from anchordiff.evaluation import collision_rate, diversity, is_success, length_ratio, path_length, smoothness
from anchordiff.pipeline import Plan, TwoStagePipeline


@dataclass(frozen=True, kw_only=True)
class InCells:
    """A pipeline and its task.

    Attributes:
        rule: what a candidate must be for a plan.
        pipeline: draws the candidates.
        task: the maze and its ends.
        horizon: steps of a plan.
        candidates: of which one is chosen.
        seed: of the candidates.
    """

    rule: ClassVar[str] = "is free of collisions"

    pipeline: TwoStagePipeline
    task: Task
    horizon: int
    candidates: int
    seed: int

    def plan(self, *, steps: int | None) -> Plan:
        """Plan, always from the same seed."""
        device = self.pipeline.device
        return self.pipeline.plan(
            self.task.condition.to(device),
            candidates=self.candidates,
            generator=torch.Generator().manual_seed(self.seed),
            horizon=self.horizon,
            steps=steps,
        )

    def measure(self, plan: Plan) -> dict[str, Any]:
        """What is said of the plan, and of all candidates."""
        condition, trajectory, candidates = self.task.condition, plan.trajectory, plan.generation.trajectory
        several = len(candidates) > 1
        return {
            "free_of_collisions": bool(plan.valid[0]),
            "candidates": len(candidates),
            "candidates_free": int(is_success(condition, candidates).sum()),
            "length_cells": float(path_length(trajectory)),
            "length_over_expert": float(length_ratio(trajectory, self.task.expert[None])),
            "points_in_walls": float(collision_rate(condition, trajectory)),
            "smoothness": float(smoothness(trajectory)),
            "diversity_cells": float(diversity(candidates[None])) if several else None,
        }

    def rows(self, metrics: dict[str, Any]) -> dict[str, str]:
        """The rows of the table that are told in cells."""
        return {
            "length": f"{metrics['length_cells']:.2f} cells",
            "length / expert": f"{metrics['length_over_expert']:.3f}",
            "points in walls": f"{100 * metrics['points_in_walls']:.1f} %",
        }
