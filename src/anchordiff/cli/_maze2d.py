"""`anchordiff evaluate --suite maze2d`: a pipeline in closed loop, in MuJoCo."""

import sys
from functools import partial
from pathlib import Path

import numpy as np

from anchordiff.evaluation.maze2d import (
    Agent,
    Maze2dEvaluation,
    Planned,
    evaluate_maze2d,
    reference_agents,
)
from anchordiff.evaluation.maze2d.references import PACE
from anchordiff.files import write_json, write_whole
from anchordiff.pipeline import TwoStagePipeline
from anchordiff.plots import draw_rollouts, save_figure
from anchordiff.pointmaze import PathTracker, PointMaze, Task, find_point_maze, find_walls
from anchordiff.pointmaze.planner import PointMazePlanner


def planning_agents(
    pipeline: TwoStagePipeline, maze: PointMaze, *, candidates: int, seed: int
) -> list[Agent]:
    """The pipeline's plans: one sample and the best of several under Diffuser's controller, the best re-timed."""
    horizon = PACE[maze.name]
    single, several = (
        PointMazePlanner(pipeline=pipeline, maze=maze, horizon=horizon, candidates=count, seed=seed)
        for count in (1, candidates)
    )
    return [
        Planned(name="one sample, Diffuser's PD", planner=single),
        Planned(name=f"plan of {candidates}, Diffuser's PD", planner=several),
        Planned(
            name=f"plan of {candidates}, tracker",
            planner=several,
            follow=partial(PathTracker, walls=find_walls(maze)),
        ),
    ]


def run_maze2d(
    pipeline: TwoStagePipeline,
    source: str,
    *,
    maze: str,
    task: Task,
    episodes: int,
    candidates: int,
    seed: int,
    out: Path,
) -> None:
    """Evaluate, print the table, write evaluation.json, table.md and rollouts.png."""
    point_maze = find_point_maze(maze)
    own = planning_agents(pipeline, point_maze, candidates=candidates, seed=seed)
    evaluation = evaluate_maze2d(
        [*own, *reference_agents(point_maze)],
        maze=maze,
        task=task,
        episodes=episodes,
        seed=seed,
        progress=sys.stderr.isatty(),
    )
    heading = f"{source} on Maze2D {maze}, {task} task, {episodes} episodes"
    table = evaluation.table()
    write_whole(out / "table.md", f"{heading}\n\n{table}\n".encode())
    _save_picture(evaluation, heading, out / "rollouts.png")
    content = {"source": source, "candidates": candidates, "horizon": PACE[maze], **evaluation.to_json()}
    write_json(out / "evaluation.json", content)
    sys.stdout.write(f"{heading}\n\n{table}\n\nwritten to {out}: evaluation.json, table.md, rollouts.png\n")


def _save_picture(evaluation: Maze2dEvaluation, title: str, path: Path) -> None:
    walls, starts = evaluation.results[0].walls, evaluation.starts
    agents = [
        (
            result.name,
            [rollout.states[:, :2] for rollout in result.rollouts],
            np.array([rollout.first_touch is not None for rollout in result.rollouts]),
        )
        for result in evaluation.results
    ]
    target = starts.target[0] if starts.task == "single" else None
    boxes = np.stack([walls.low, walls.high], axis=1)
    save_figure(draw_rollouts(boxes, agents, target=target, title=title, columns=4), path, dpi=110)
