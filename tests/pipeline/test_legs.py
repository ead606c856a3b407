"""Way points divide a way into legs, each generated on its own and joined."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from anchordiff.anchors import AnchorSet
from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.vector import VectorCondition
from anchordiff.horizons import AdaptiveHorizon
from anchordiff.interpolation import interpolate
from anchordiff.masks import Even
from anchordiff.pipeline import TwoStagePipeline
from conftest import make_condition, make_pipeline

ADAPTIVE = AdaptiveHorizon(steps_per_unit=2.0, spacing=4, fewest=3, most=6)
POINTS = torch.tensor([[4.5, 3.5], [6.5, 4.5]])


@pytest.fixture(scope="module", params=[False, True], ids=["positions", "velocities"])
def pipeline(request):
    return make_pipeline(velocities=request.param)


def seeded():
    return torch.Generator().manual_seed(0)


def is_whole(made, condition, steps):
    """Starts, way points and goals are met bit by bit."""
    copies = len(made) // len(condition)
    places = torch.cat([condition.start[:, None], condition.way_points, condition.goal[:, None]], dim=1)
    met = made.trajectory[:, steps, :2]
    return torch.equal(met, places.repeat_interleave(copies, dim=0))


def test_each_leg_has_the_pipelines_horizon_and_way_points_are_met(pipeline):
    condition = make_condition(2).through(POINTS)
    made = pipeline.generate(condition, num_samples=3, generator=seeded())
    assert made.trajectory.shape[:2] == made.coarse.shape[:2] == (6, 3 * 31 + 1)
    assert made.keypoints.shape[:2] == (6, 3 * 5 + 1)
    assert made.anchors.horizon == 94
    assert is_whole(made, condition, [0, 31, 62, 93])
    # Keypoints are those of the coarse trajectory at the anchors, which interpolates them.
    positions = made.keypoints[..., :2]
    assert_close(made.coarse[..., :2], interpolate(positions, made.anchors), rtol=0, atol=1e-5)
    assert (made.trajectory[0] - made.trajectory[1]).abs().max() > 0.01
    assert made.lengths is None


def test_a_leg_is_what_a_call_for_it_alone_gives(pipeline):
    condition = make_condition(1).through(POINTS[:1])
    made = pipeline.generate(condition, num_samples=2, generator=seeded())
    generator = seeded()
    legs = condition.legs().conditions
    first = pipeline.generate(legs[:1], num_samples=2, generator=generator)
    second = pipeline.generate(legs[1:], num_samples=2, generator=generator)
    assert_close(made.trajectory[:, :31], first.trajectory[:, :31], rtol=0, atol=1e-4)
    assert_close(made.trajectory[:, 31:], second.trajectory, rtol=0, atol=1e-4)


@settings(max_examples=15)
@given(steps=st.sets(st.integers(1, 48), min_size=1, max_size=3), samples=st.integers(1, 2))
def test_way_points_are_met_at_their_steps(steps, samples):
    steps = sorted(steps)
    pipeline = make_pipeline()
    points = torch.tensor([[3.5, 2.5], [4.5, 3.5], [6.5, 4.5]])[: len(steps)]
    condition = make_condition(2).through(points, steps)
    made = pipeline.generate(condition, num_samples=samples, horizon=50, generator=seeded())
    assert made.trajectory.shape[:2] == (2 * samples, 50)
    assert is_whole(made, condition, [0, *steps, 49])
    assert made.anchors.horizon == 50
    assert set(steps) <= set(made.anchors.index[0].tolist())


def test_a_horizon_alone_is_shared_out_evenly(pipeline):
    condition = make_condition(1).through(POINTS)
    made = pipeline.generate(condition, horizon=31, generator=seeded())
    assert is_whole(made, condition, [0, 10, 20, 30])


def test_with_adaptive_horizons_each_leg_has_its_own():
    pipeline = make_pipeline(velocities=True, adaptive=ADAPTIVE)
    for layer in (
        pipeline.keypoints.encoder.value_iteration.linear,
        pipeline.keypoints.encoder.value_iteration.mix,
    ):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)  # so that a way's length is its number of steps
    walls = np.zeros((2, 9, 11), bool)
    start, goal = np.full((2, 2), 1.5, np.float32), np.array([[9.5, 7.5], [3.5, 1.5]], np.float32)
    points = torch.tensor([[[6.5, 1.5]], [[2.5, 2.5]]])
    condition = MazeCondition.from_arrays(walls, start, goal).through(points)
    made = pipeline.generate(condition, num_samples=2, generator=seeded())
    # 5 and 6 cells, then 1 and 1: 13 + 13 steps, and 9 + 9; a step is shared.
    assert made.lengths.tolist() == [25, 25, 17, 17]
    assert made.trajectory.shape == (4, 25, 4)
    assert torch.equal(made.trajectory[:2, 12, :2], points[0].expand(2, 2))
    assert torch.equal(made.trajectory[2:, 8, :2], points[1].expand(2, 2))
    assert torch.equal(made.trajectory[2:, 16:, :2], torch.from_numpy(goal[1]).expand(2, 9, 2))
    assert not made.trajectory[2:, 17:, 2:].any()
    at_anchors = made.anchors.gather(made.coarse)[..., :2]
    assert_close(at_anchors, made.keypoints[..., :2], rtol=0, atol=1e-5)


def test_the_bundled_planner_goes_through_way_points_off_its_way():
    pipeline = TwoStagePipeline.from_pretrained("particle-maze")
    walls = torch.zeros(1, 21, 21, dtype=torch.bool)
    walls[0, 10, 3:18] = True
    ends = torch.tensor([[2.5, 2.5]]), torch.tensor([[18.5, 2.5]])
    condition = MazeCondition.from_arrays(walls, *ends).through(torch.tensor([[10.5, 15.5]]))
    plan = pipeline.plan(condition, candidates=8, generator=seeded())
    assert bool(plan.valid[0])
    assert torch.equal(plan.trajectory[0, 63], condition.way_points[0, 0])
    assert float(plan.cost[0]) > 30


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_go_with_way_points_is_refused(pipeline):
    condition = make_condition(2).through(POINTS, (3, 9))
    for options, told in (
        ({"anchors": 5}, "anchors must be left out with way points"),
        ({"return_trace": True}, "return_trace must be left out with way points"),
        ({"horizon": 10}, r"way_steps must increase strictly within 1 ... 8, found \(3, 9\)"),
        ({"horizon": 3}, "horizon must be an integer of at least 4, found 3"),
    ):
        with pytest.raises(ValueError, match=told):
            pipeline.generate(condition, **options)
    with pytest.raises(ValueError, match="condition must hold no way points here"):
        pipeline.fill(
            torch.ones(2, 6, pipeline.keypoints.config.states.dim),
            AnchorSet.from_mask(Even(6).sample(1, 32)),
            condition,
        )
    assert VectorCondition.empty(2).legs() is None
