"""The bundled weights `pointmaze`: what they are, and that they plan and reach goals."""

from functools import partial
from importlib.resources import files

import numpy as np
import pytest

from anchordiff import TwoStagePipeline
from anchordiff.domains.pointmaze.benchmark import Planned, evaluate_maze2d, load_starts
from anchordiff.domains.pointmaze.benchmark.references import PACE
from anchordiff.domains.pointmaze.planner import PointMazePlanner
from anchordiff.domains.pointmaze.world import POINT_MAZES, PathTracker, find_walls


@pytest.fixture(scope="module")
def pipeline() -> TwoStagePipeline:
    return TwoStagePipeline.from_pretrained("pointmaze")


def test_nothing_in_it_searches_and_it_is_small(pipeline):
    assert pipeline.config.shared_encoder
    assert not pipeline.keypoints.config.encoder.value_iteration
    folder = files("anchordiff") / "weights" / "pointmaze"
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 16 * 2**20


@pytest.mark.parametrize("name", POINT_MAZES)
@pytest.mark.parametrize("task", ["single", "multi"])
def test_plans_keep_clear_of_the_walls_and_join_the_ends_at_an_even_pace(pipeline, name, task):
    maze, starts = POINT_MAZES[name], load_starts(name, task=task, episodes=8)
    planner = PointMazePlanner(pipeline=pipeline, maze=maze, horizon=PACE[name])
    walls, clear = find_walls(maze), 0
    for position, target in zip(starts.position, starts.target, strict=True):
        path = planner(np.concatenate([position, np.zeros(2)]), target)
        np.testing.assert_array_equal(path[[0, -1]], [position, target])
        steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
        assert steps.max() < 1.3 * steps.mean()
        clear += bool(walls.distance(path).min() > 0.149)
    assert clear >= 7


def test_the_tracker_reaches_every_goal_with_its_plans(pipeline):
    maze = POINT_MAZES["umaze"]
    planner = PointMazePlanner(pipeline=pipeline, maze=maze, horizon=128, candidates=4)
    follow = partial(PathTracker, walls=find_walls(maze))
    agent = Planned(name="tracker", planner=planner, follow=follow)
    figures = evaluate_maze2d([agent], maze="umaze", task="single", episodes=6).summaries["tracker"]
    assert figures["success"] == 1.0
    assert figures["score"] > 140
