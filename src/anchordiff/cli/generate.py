"""`anchordiff generate`."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from anchordiff.cli._mazes import Task, held_out_task, read_task
from anchordiff.cli._output import show_table, write_arrays, write_settings
from anchordiff.cli._stages import load_pipeline, pick_device
from anchordiff.evaluation import collision_rate, diversity, is_success, length_ratio, path_length, smoothness
from anchordiff.hub.folders import write_json
from anchordiff.pipeline import Plan
from anchordiff.plots import draw_plan, draw_samples, save_figure


@dataclass(frozen=True, kw_only=True)
class Generate:
    """Plan through a maze and draw the plan.

    Without other flags: the bundled weights and a maze that they were not trained on. The folder gets
    plan.png, samples.png, samples.npz, metrics.json and config.json.

    Attributes:
        out: folder for the results.
        pipeline: bundled name, folder or "org/repo" on the Hub.
        maze: text file of a maze: "#" for walls, "." for free cells, "S" and "G" for start and goal. By
            default a random held-out maze that --seed picks.
        start: x and y of the start in cells, instead of the file's "S".
        goal: x and y of the goal in cells, instead of the file's "G".
        seed: of the maze and the noise.
        num_samples: candidates; the plan is the shortest one that is free of collisions.
        horizon: steps of the trajectory; by default what the pipeline was trained on.
        steps: steps of the sampler; by default the pipeline's.
        device: cpu, cuda, cuda:1, ...; by default a GPU where there is one.
    """

    out: Path
    pipeline: str = "particle-maze"
    maze: Path | None = None
    start: tuple[float, float] | None = None
    goal: tuple[float, float] | None = None
    seed: int = 0
    num_samples: int = 16
    horizon: int | None = None
    steps: int | None = None
    device: str | None = None

    def execute(self) -> None:
        """Plan, draw, write, and print a short table."""
        if self.maze is None and (self.start is not None or self.goal is not None):
            raise ValueError("--start and --goal need a maze of your own, found no --maze")
        device = pick_device(self.device)
        pipeline = load_pipeline(self.pipeline, device)
        horizon = pipeline.config.horizon if self.horizon is None else self.horizon
        if self.maze is None:
            task = held_out_task(self.seed, horizon=horizon)
        else:
            task = read_task(self.maze, start=self.start, goal=self.goal, horizon=horizon)
        condition = task.condition.to(device)
        # So that no set-up is in the time below; of the same size, since few candidates take another way.
        pipeline.plan(condition, candidates=self.num_samples, horizon=horizon, steps=1)
        began = time.perf_counter()
        plan = pipeline.plan(
            condition,
            candidates=self.num_samples,
            generator=torch.Generator(device).manual_seed(self.seed),
            horizon=horizon,
            steps=self.steps,
        ).to("cpu")
        seconds = time.perf_counter() - began
        metrics = {"maze": task.name, **_measure(plan, task), "seconds": seconds}
        write_settings(self.out, self)
        _draw(self.out, plan, task)
        write_arrays(self.out / "samples.npz", **_arrays(plan, task))
        write_json(self.out / "metrics.json", metrics)
        show_table(_rows(metrics))
        files = "plan.png, samples.png, samples.npz, metrics.json, config.json"
        sys.stdout.write(f"\nwritten to {self.out}: {files}\n")


def _measure(plan: Plan, task: Task) -> dict[str, Any]:
    """What is said of the plan, and of all candidates."""
    condition, trajectory, candidates = task.condition, plan.trajectory, plan.generation.trajectory
    several = len(candidates) > 1
    return {
        "free_of_collisions": bool(plan.valid[0]),
        "candidates": len(candidates),
        "candidates_free": int(is_success(condition, candidates).sum()),
        "length_cells": float(path_length(trajectory)),
        "length_over_expert": float(length_ratio(trajectory, task.expert[None])),
        "points_in_walls": float(collision_rate(condition, trajectory)),
        "smoothness": float(smoothness(trajectory)),
        "diversity_cells": float(diversity(candidates[None])) if several else None,
    }


def _rows(metrics: dict[str, Any]) -> dict[str, str]:
    return {
        "maze": metrics["maze"],
        "plan free of collisions": "yes" if metrics["free_of_collisions"] else "no",
        "free candidates": f"{metrics['candidates_free']} of {metrics['candidates']}",
        "length": f"{metrics['length_cells']:.2f} cells",
        "length / expert": f"{metrics['length_over_expert']:.3f}",
        "points in walls": f"{100 * metrics['points_in_walls']:.1f} %",
        "time": f"{1000 * metrics['seconds']:.0f} ms for all candidates",
    }


def _draw(out: Path, plan: Plan, task: Task) -> None:
    chosen = plan.chosen
    bad = "" if plan.valid[0] else ": no candidate is free of collisions"
    figure = draw_plan(
        task.condition,
        plan.trajectory[0],
        coarse=chosen.coarse[0],
        keypoints=chosen.keypoints[0],
        expert=task.expert,
        title=task.name + bad,
    )
    save_figure(figure, out / "plan.png")
    save_figure(draw_samples(task.condition, plan.generation.trajectory), out / "samples.png")


def _arrays(plan: Plan, task: Task) -> dict[str, Tensor]:
    """All that a notebook needs to draw it again; positions in cells."""
    made, condition = plan.generation, task.condition
    return {
        "walls": condition.walls[0],
        "start": condition.start[0],
        "goal": condition.goal[0],
        "expert": task.expert,
        "trajectory": made.trajectory,
        "coarse": made.coarse,
        "keypoints": made.keypoints,
        "anchors": made.anchors.index,
        "chosen": plan.index,
    }
