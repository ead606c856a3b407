"""A pipeline's plans in D4RL's Maze2D: who drives them, and what they drove."""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from anchordiff.domains.pointmaze.benchmark import Agent, Maze2dEvaluation, Planned
from anchordiff.domains.pointmaze.benchmark.references import PACE
from anchordiff.domains.pointmaze.planner import PointMazePlanner
from anchordiff.domains.pointmaze.world import PathTracker, PointMaze, find_walls
from anchordiff.pipeline import TwoStagePipeline

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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


def draw_agents(evaluation: Maze2dEvaluation, *, title: str) -> "Figure":
    """What each agent of an evaluation drove, over the walls."""
    from anchordiff.domains.pointmaze.plots import draw_rollouts

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
    return draw_rollouts(boxes, agents, target=target, title=title, columns=4)
