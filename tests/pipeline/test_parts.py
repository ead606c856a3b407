"""Calls for what people have at hand, what they are told, and stages that do not fit."""

from inspect import Parameter, signature

import numpy as np
import pytest
import torch

import anchordiff as ad
from anchordiff.pipeline import PipelineConfig, TwoStagePipeline
from anchordiff.pipeline.request import GenerateOptions

ENDS = (1.5, 1.5), (8.5, 6.5)


def seeded():
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize("kind", ["maze", "booleans", "integers", "tensor"])
def test_a_maze_and_its_ends_are_a_condition(pipe, new_condition, kind):
    walls = new_condition(1).walls[0]
    maze = {
        "maze": ad.Maze(walls.numpy()),
        "booleans": walls.numpy(),
        "integers": walls.numpy().astype(np.uint8),
        "tensor": walls,
    }[kind]
    made = pipe.plan(maze, *ENDS, candidates=2, generator=seeded())
    start, goal = (torch.tensor([end]) for end in ENDS)
    condition = ad.MazeCondition.from_arrays(walls[None], start, goal)
    expected = pipe.plan(condition, candidates=2, generator=seeded())
    assert torch.equal(made.trajectory, expected.trajectory)
    assert pipe.generate(maze, (2, 2), np.array([[8, 6], [8.5, 7]]) + 0.5).trajectory.shape == (2, 32, 2)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((), "condition must be a MazeCondition, or a maze, a start and a goal, found dict"),
        (((1, 1), (2, 2)), "maze must be a Maze, or walls"),
        ((1.5,), "found dict, float"),
    ],
)
def test_other_parts_are_refused(pipe, parts, message, unchecked):
    with pytest.raises(ValueError, match=message):
        pipe.plan({}, *parts)


def test_a_plan_from_a_place_to_itself_stays_there(pipe, new_condition):
    condition = new_condition(2)
    goal = torch.stack([condition.start[0], condition.goal[1]])
    condition = ad.MazeCondition.from_arrays(condition.walls, condition.start, goal)
    plan = pipe.plan(condition, candidates=3)
    assert plan.cost[0] == 0
    assert plan.valid[0]
    assert (plan.trajectory[0] == condition.start[0]).all()
    assert plan.cost[1] > 5


def test_stages_of_other_anchors_are_told(pipe, tiny_keypoints):
    other = tiny_keypoints(horizon=64, num_keypoints=8)
    with pytest.warns(
        UserWarning, match=r"for different horizons .*, 64 with 8 and 32 with 6: plans are poor"
    ):
        TwoStagePipeline(other, pipe.denoiser, PipelineConfig(horizon=32, num_keypoints=6))


def test_swapped_stages_are_told(pipe, unchecked):
    with pytest.raises(
        ValueError, match="keypoints must be a stage 1, as KeypointDiffusion, found InterpDenoiser"
    ):
        TwoStagePipeline(pipe.denoiser, pipe.keypoints)
    with pytest.raises(
        ValueError, match="denoiser must be a stage 2, as InterpDenoiser, found KeypointDiffusion"
    ):
        TwoStagePipeline(pipe.keypoints, pipe.keypoints)


@pytest.mark.parametrize("name", ["walk", "progress"])
def test_flags_are_true_or_false(pipe, condition, name, unchecked):
    with pytest.raises(ValueError, match=f"{name} must be True or False, found 'no'"):
        pipe.generate(condition, **{name: "no"})


def test_errors_name_all_that_an_option_takes(pipe, condition, unchecked):
    with pytest.raises(ValueError, match=r"sampler must be a Sampler or one of 'flow', .*, found 3"):
        pipe.generate(condition, sampler=3)
    with pytest.raises(
        ValueError, match="anchors must be a number of even anchors, a MaskSampler or an AnchorSet"
    ):
        pipe.generate(condition, anchors="even")


@pytest.mark.parametrize("method", [TwoStagePipeline.generate, TwoStagePipeline.plan])
def test_signatures_show_every_option(method):
    shown = signature(method).parameters
    names = {name for name, p in shown.items() if p.kind is Parameter.KEYWORD_ONLY}
    assert names >= {"generator", "horizon", "anchors", "sampler", "steps", "walk", "guidance"}
    assert "options" not in shown
    assert set(GenerateOptions.__optional_keys__) <= names


def test_what_is_returned_is_told_in_a_few_lines(pipe, condition):
    plan = pipe.plan(condition, candidates=2)
    assert repr(plan).startswith(f"Plan(valid: {int(plan.valid.sum())} of 3, cost: ")
    assert "candidates: 2, trajectory: (3, 32, 2)" in repr(plan)
    assert "<table><caption>Plan</caption><tr><th>valid</th>" in plan._repr_html_()
    assert repr(condition[:1]).startswith(
        "MazeCondition(walls: bool (1, 9, 11), sdf: float32 (1, 9, 11), start: [["
    )
    assert "<th>walls</th><td>bool (3, 9, 11)</td>" in condition._repr_html_()
    for thing in (plan.generation, plan.generation.anchors, condition):
        assert len(repr(thing)) < 400
