"""The planner: paths in metres, from the ball to the goal, clear of the walls."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from anchordiff.domains.maze.judge import MazeJudge
from anchordiff.domains.pointmaze.planner import PointMazePlanner
from anchordiff.domains.pointmaze.world import POINT_MAZES, walls_from_maze
from anchordiff.kernels.grid.polyline import resample
from anchordiff.pipeline import TwoStagePipeline


@pytest.fixture(scope="module")
def pipeline():
    return TwoStagePipeline.from_pretrained("particle-maze")


def state_at(maze, cell):
    return np.concatenate([maze.place(cell), np.zeros(2)])


def test_a_plan_runs_from_ball_to_goal_around_the_walls(pipeline):
    maze = POINT_MAZES["umaze"]
    planner = PointMazePlanner(pipeline=pipeline, maze=maze, horizon=128)
    state = state_at(maze, (3, 1))
    path = planner(state, maze.target)
    assert path.shape == (128, 2)
    assert np.array_equal(path[0], state[:2])
    assert np.array_equal(path[-1], maze.target)
    assert walls_from_maze(maze.maze).overlap(path, radius=0.15).max() == 0.0
    steps = np.linalg.norm(np.diff(path, axis=0), axis=1)
    assert steps.sum() > 3.0  # around the bar, not through it
    assert steps.max() < 1.3 * steps.mean()
    assert np.array_equal(planner(state, maze.target), path)


def test_the_seed_and_the_velocity(pipeline):
    maze = POINT_MAZES["medium"]
    state = state_at(maze, (1, 1))
    plans = [
        PointMazePlanner(pipeline=pipeline, maze=maze, horizon=64, candidates=2, seed=seed)(
            state, maze.target
        )
        for seed in (0, 1)
    ]
    assert not np.array_equal(*plans)
    moving = state + np.array([0.0, 0.0, 1.0, -1.0])
    planner = PointMazePlanner(pipeline=pipeline, maze=maze, horizon=64, candidates=2)
    assert np.array_equal(planner(moving, maze.target), plans[0])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"horizon": 1}, "horizon must be an integer of at least 2, found 1"),
        ({"candidates": 0}, "candidates must be an integer of at least 1, found 0"),
        ({"clearance": -0.1}, "clearance must be finite and not negative, in metres, found -0.1"),
    ],
)
def test_bad_options(pipeline, changes, said):
    with pytest.raises(ValueError, match=said):
        PointMazePlanner(pipeline=pipeline, maze=POINT_MAZES["umaze"], **changes)


def test_a_goal_in_a_wall(pipeline):
    maze = POINT_MAZES["umaze"]
    planner = PointMazePlanner(pipeline=pipeline, maze=maze)
    with pytest.raises(ValueError, match=r"goal\[0\] must be in free cells"):
        planner(state_at(maze, (1, 1)), maze.centre((0, 0)))


def test_candidates_and_clearance_reach_the_pipeline_in_cells(pipeline, monkeypatch):
    calls, plan = [], pipeline.plan

    def spy(condition, **options):
        calls.append(options)
        return plan(condition, **options)

    monkeypatch.setattr(pipeline, "plan", spy)
    maze = POINT_MAZES["umaze"]
    planner = PointMazePlanner(pipeline=pipeline, maze=maze, horizon=32, candidates=2, clearance=0.2)
    planner(state_at(maze, (3, 1)), maze.target)
    wanted = (MazeJudge(clearance=0.2), 2, 32)
    assert [(each["judge"], each["candidates"], each["horizon"]) for each in calls] == [wanted]


def test_the_plan_in_cells_is_the_path_in_metres(pipeline, monkeypatch):
    steps, plan = [], pipeline.plan
    monkeypatch.setattr(
        pipeline,
        "plan",
        lambda *words, **options: steps.append(options.get("steps")) or plan(*words, **options),
    )
    maze = POINT_MAZES["medium"]
    planner = PointMazePlanner(pipeline=pipeline, maze=maze, horizon=64, candidates=3)
    state = state_at(maze, (1, 1))
    condition = planner.condition(state[:2], maze.target)
    assert np.allclose(condition.start[0], [1.7, 1.7])  # y runs downwards in cells
    assert np.allclose(condition.goal[0], [6.7, 6.7])
    assert condition.walls.shape == (1, 9, 12)
    assert condition.walls[0, 8:].all()
    assert condition.walls[0, :, 8:].all()
    made = planner.plan(condition)
    assert len(made.generation) == 3
    path = planner(state, maze.target)
    drawn = maze.maze.to_world(made.trajectory[0].numpy()).astype(np.float64)
    np.testing.assert_allclose(path, resample(drawn, 64), atol=1e-5)
    planner.plan(condition, steps=1)
    assert steps == [None, None, 1]


def test_without_a_clearance_the_shortest_candidate_is_taken_whatever_the_walls(pipeline, monkeypatch):
    maze = POINT_MAZES["umaze"]
    start, goal = maze.place((3, 1)), maze.place((1, 1))
    planners = [
        PointMazePlanner(pipeline=pipeline, maze=maze, horizon=4, candidates=3, clearance=clearance)
        for clearance in (0.15, None)
    ]
    condition = planners[0].condition(start, goal)
    ways = [
        [(3.7, 3.7), (3.3, 1.3)],
        [(3.5, 3.5), (3.5, 1.5)],
        [(2.0, 3.0), (1.6, 2.0)],
    ]  # the last through the bar
    ends = condition.start[0].tolist(), condition.goal[0].tolist()
    trajectory = torch.tensor([[ends[0], *way, ends[1]] for way in ways])
    drawn = pipeline.generate(condition, num_samples=3, horizon=4, anchors=4)
    generation = replace(drawn, trajectory=trajectory)
    monkeypatch.setattr(pipeline, "generate", lambda *_, **__: generation)
    plans = [planner.plan(condition) for planner in planners]
    assert [plan.index.tolist() for plan in plans] == [[1], [2]]
    assert [plan.valid.tolist() for plan in plans] == [[True], [False]]
    for plan in plans:
        assert torch.equal(plan.trajectory, trajectory[plan.index])
        steps = trajectory[plan.index].diff(dim=1).norm(dim=2)
        assert plan.cost.tolist() == pytest.approx(steps.sum(dim=1).tolist())
    path = planners[1](np.concatenate([start, np.zeros(2)]), goal)
    drawn = maze.maze.to_world(trajectory[2].numpy()).astype(np.float64)
    np.testing.assert_allclose(path, resample(drawn, 4), atol=1e-5)


def test_a_maze_larger_than_the_benchmarks_keeps_its_size(pipeline):
    rows = ["#" * 14, *["#" + "." * 12 + "#"] * 5, "#" * 14]
    large = replace(POINT_MAZES["large"], text="\n".join(rows))
    planner = PointMazePlanner(pipeline=pipeline, maze=large, horizon=16, candidates=1)
    condition = planner.condition(large.centre((1, 1)), large.centre((5, 12)))
    assert condition.walls.shape == (1, 9, 14)
    assert condition.walls[0, 7:].all()
    assert not condition.walls[0, 1:6, 1:13].any()
