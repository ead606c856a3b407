"""`anchordiff generate`."""

import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from anchordiff.cli._cells import InCells
from anchordiff.cli._mazes import Task, held_out_task, read_task
from anchordiff.cli._metres import InMetres
from anchordiff.cli._output import check_out, show_table, write_arrays, write_settings
from anchordiff.cli._stages import default_pipeline, load_pipeline, pick_device
from anchordiff.evaluation.maze2d.references import PACE
from anchordiff.files import write_json
from anchordiff.pipeline import Plan, TwoStagePipeline
from anchordiff.plots import draw_plan, draw_samples, save_figure
from anchordiff.pointmaze import POINT_MAZES, find_walls
from anchordiff.pointmaze.planner import PointMazePlanner


@dataclass(frozen=True, kw_only=True)
class Generate:
    """Plan through a maze and draw the plan.

    Without other flags: the bundled weights and a maze that they were not trained on. The folder gets
    plan.png, samples.png, samples.npz, metrics.json and config.json.

    In D4RL's mazes umaze, medium and large all is in metres, and a candidate is free that keeps 0.15 m off walls.

    Attributes:
        out: folder for the results.
        pipeline: bundled name, folder or "org/repo" on the Hub; by default pointmaze in D4RL's mazes, and
            particle-maze in others.
        maze: umaze, medium, large, or a text file of a maze (./medium for one of such a name): "#" for walls,
            "." for free cells, "S" and "G" for start and goal. By default a random held-out maze that --seed
            picks.
        start: x and y of the start in cells, instead of the file's "S"; in D4RL's mazes in metres, by default
            that of the stored episode with the number --seed.
        goal: x and y of the goal in cells, instead of the file's "G"; in D4RL's mazes in metres, by default
            D4RL's.
        seed: of the maze, or of the start in D4RL's mazes, and of the noise.
        num_samples: candidates; the plan is the shortest one that is free of collisions.
        horizon: steps of the trajectory; by default what the pipeline was trained on, and in D4RL's mazes
            Diffuser's pace (128, 256, 384).
        steps: steps of the sampler; by default the pipeline's.
        device: cpu, cuda, cuda:1, ...; by default a GPU where there is one.
    """

    out: Path
    pipeline: str | None = None
    maze: str | None = None
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
        check_out(self.out)
        source = self.pipeline or default_pipeline(d4rl=self.maze in POINT_MAZES)
        scene = self._scene(load_pipeline(source, pick_device(self.device)))
        # So that no set-up is in the time below; of the same size, since few candidates take another way.
        scene.plan(steps=1)
        began = time.perf_counter()
        plan = scene.plan(steps=self.steps).to("cpu")
        seconds = time.perf_counter() - began
        task = scene.task
        metrics = {"maze": task.name, **scene.measure(plan), "seconds": seconds}
        write_settings(self.out, replace(self, pipeline=source))
        _draw(self.out, plan, task, rule=scene.rule)
        write_arrays(self.out / "samples.npz", **_arrays(plan, task))
        write_json(self.out / "metrics.json", metrics)
        show_table(
            {
                "maze": task.name,
                f"plan {scene.rule}": "yes" if metrics["free_of_collisions"] else "no",
                "free candidates": f"{metrics['candidates_free']} of {metrics['candidates']}",
                **scene.rows(metrics),
                "time": f"{1000 * seconds:.0f} ms for all candidates",
            }
        )
        files = "plan.png, samples.png, samples.npz, metrics.json, config.json"
        sys.stdout.write(f"\nwritten to {self.out}: {files}\n")

    def _scene(self, pipeline: TwoStagePipeline) -> InCells | InMetres:
        """The pipeline in the maze that was asked for."""
        if self.maze is not None and self.maze in POINT_MAZES:
            planner = PointMazePlanner(
                pipeline=pipeline,
                maze=POINT_MAZES[self.maze],
                horizon=PACE[self.maze] if self.horizon is None else self.horizon,
                candidates=self.num_samples,
                seed=self.seed,
            )
            return InMetres.between(planner, self.start, self.goal)
        horizon = pipeline.config.horizon if self.horizon is None else self.horizon
        if self.maze is None:
            task = held_out_task(self.seed, horizon=horizon)
        elif Path(self.maze).exists():
            task = read_task(Path(self.maze), start=self.start, goal=self.goal, horizon=horizon)
        else:
            raise ValueError(
                f"--maze must be one of {', '.join(POINT_MAZES)} or the path of a text file, found {self.maze!r}, "
                "which is neither"
            )
        return InCells(
            pipeline=pipeline, task=task, horizon=horizon, candidates=self.num_samples, seed=self.seed
        )


def _draw(out: Path, plan: Plan, task: Task, *, rule: str) -> None:
    chosen = plan.chosen
    bad = "" if plan.valid[0] else f": no candidate {rule}"
    figure = draw_plan(
        task.condition,
        plan.trajectory[0],
        coarse=chosen.coarse[0],
        keypoints=chosen.keypoints[0],
        expert=task.expert,
        title=task.name + bad,
        clearance=task.clearance,
        world=task.world,
    )
    save_figure(figure, out / "plan.png")
    samples = plan.generation.trajectory
    figure = draw_samples(task.condition, samples, clearance=task.clearance, world=task.world)
    save_figure(figure, out / "samples.png")


def _arrays(plan: Plan, task: Task) -> dict[str, Tensor]:
    """All that a notebook needs to draw it again; positions as the task tells them."""
    made, condition = plan.generation, task.condition
    arrays = {
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
    if task.world is not None:  # the grid alone does not say where its walls are
        boxes = find_walls(task.world)
        arrays["wall_boxes"] = torch.from_numpy(np.stack([boxes.low, boxes.high], axis=1))
    return arrays
