"""A plan in a maze without a world, in cells, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import torch

from anchordiff.domains.domain import PlanJob, PlanOptions
from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.judge import MazeJudge
from anchordiff.domains.maze.metrics import (
    collision_rate,
    diversity,
    is_success,
    length_ratio,
    path_length,
    smoothness,
)
from anchordiff.domains.maze.tasks import Task
from anchordiff.domains.steps import Step
from anchordiff.pipeline import Plan, TwoStagePipeline

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@final
@dataclass(frozen=True, kw_only=True)
class InCells(PlanJob):
    """A pipeline and its task.

    Attributes:
        pipeline: draws the candidates.
        task: the maze and its ends.
        horizon: steps of a plan; none for what the pipeline's config says.
        candidates: of which one is chosen.
        seed: of the candidates.
        clearance: distance to walls that the plan keeps, in cells.
    """

    pipeline: TwoStagePipeline
    task: Task
    horizon: int | None
    candidates: int
    seed: int
    clearance: float

    @property
    def name(self) -> str:
        """What pictures call it."""
        return self.task.name

    @property
    def rule(self) -> str:
        """What a valid plan does."""
        return f"keeps {self.clearance:g} cells off walls" if self.clearance else "is free of collisions"

    @property
    def _other(self) -> str:
        """Whose length that of the plan is compared with: "expert" or "shortest"."""
        return self.task.expert_name.split()[0]

    def plan(self, options: PlanOptions, *, return_trace: bool = False) -> Plan:
        """Plan, always from the same seed."""
        device = self.pipeline.device
        return self.pipeline.plan(
            self.task.condition.to(device),
            candidates=self.candidates,
            generator=torch.Generator().manual_seed(self.seed),
            horizon=self.horizon,
            judge=MazeJudge(clearance=self.clearance),
            return_trace=return_trace,
            **options.given(),
        )

    def measure(self, plan: Plan) -> dict[str, Any]:
        """What is said of the plan, and of all candidates."""
        condition, trajectory, candidates = self.task.condition, plan.trajectory, plan.generation.trajectory
        several = len(candidates) > 1
        return {
            "maze": self.name,
            "free_of_collisions": bool(plan.valid[0]),
            "candidates": len(candidates),
            "candidates_free": int(is_success(condition, candidates, radius=self.clearance).sum()),
            "length_cells": float(path_length(trajectory)),
            f"length_over_{self._other}": float(length_ratio(trajectory, self.task.expert[None])),
            "points_in_walls": float(collision_rate(condition, trajectory)),
            "smoothness": float(smoothness(trajectory)),
            "diversity_cells": float(diversity(candidates[None])) if several else None,
        }

    def rows(self, metrics: Mapping[str, Any]) -> dict[str, str]:
        """The rows of the table."""
        return {
            **rows_of_candidates(metrics, rule=self.rule),
            "length": f"{metrics['length_cells']:.2f} cells",
            f"length / {self._other}": f"{metrics[f'length_over_{self._other}']:.3f}",
            "points in walls": f"{100 * metrics['points_in_walls']:.1f} %",
        }

    def pictures(self, plan: Plan) -> "Mapping[str, Figure]":
        """The plan, and all candidates."""
        return draw_task(plan, self.task, rule=self.rule)

    def draw_step(self, plan: Plan, step: Step) -> "Figure":
        """The step over its maze."""
        from anchordiff.domains.maze.plots import draw_step

        return draw_step(self.task.condition, step, clearance=self.clearance)

    def arrays(self, plan: Plan) -> Mapping[str, torch.Tensor]:
        """All that a notebook needs to draw it again, in cells."""
        return arrays_of(plan, self.task)


def rows_of_candidates(metrics: Mapping[str, Any], *, rule: str) -> dict[str, str]:
    """The first rows of the table: which maze, and how candidates did."""
    return {
        "maze": str(metrics["maze"]),
        f"plan {rule}": "yes" if metrics["free_of_collisions"] else "no",
        "free candidates": f"{metrics['candidates_free']} of {metrics['candidates']}",
    }


def draw_task(plan: Plan, task: Task, *, rule: str) -> "dict[str, Figure]":
    """The plan over its maze, and all candidates."""
    from anchordiff.domains.maze.plots import draw_plan, draw_samples

    chosen = plan.chosen
    bad = "" if plan.valid[0] else f": no candidate {rule}"
    figure = draw_plan(
        task.condition,
        plan.trajectory[0],
        coarse=chosen.coarse[0],
        keypoints=chosen.keypoints[0],
        expert=task.expert,
        expert_name=task.expert_name,
        title=task.name + bad,
        clearance=task.clearance,
        world=task.world,
    )
    samples = draw_samples(
        task.condition, plan.generation.trajectory, clearance=task.clearance, world=task.world
    )
    return {"plan": figure, "samples": samples}


def arrays_of(plan: Plan, task: Task) -> dict[str, torch.Tensor]:
    """What pictures are made of; positions as the task tells them."""
    made, condition = plan.generation, task.condition
    assert isinstance(condition, MazeCondition)
    return {
        "walls": condition.walls[0],
        "start": task.tell(condition.start[0]),
        "goal": task.tell(condition.goal[0]),
        "expert": task.tell(task.expert),
        "trajectory": task.tell(made.trajectory),
        "coarse": task.tell(made.coarse),
        "keypoints": task.tell(made.keypoints),
        "anchors": made.anchors.index,
        "chosen": plan.index,
    }
