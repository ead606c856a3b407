"""A horizon and anchors for each condition, by the length of its way."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.config import MazeEncoderConfig
from anchordiff.horizons import AdaptiveHorizon
from anchordiff.pipeline import PipelineConfig, TwoStagePipeline
from anchordiff.samplers import FlowSampler
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.guidance import CostGuidance
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.states import StateSpace
from conftest import make_pipeline

ADAPTIVE = AdaptiveHorizon(steps_per_unit=2.0, spacing=4, fewest=3, most=6)


@pytest.fixture(scope="module", params=[False, True], ids=["positions", "velocities"])
def pipeline(request):
    pipeline = make_pipeline(velocities=request.param, adaptive=ADAPTIVE)
    for layer in (
        pipeline.keypoints.encoder.value_iteration.linear,
        pipeline.keypoints.encoder.value_iteration.mix,
    ):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)  # so that a way's length is its number of steps
    return pipeline


@pytest.fixture
def near_and_far():
    """An open floor, and goals that are 1 to 8 cells away."""
    walls = np.zeros((5, 9, 11), bool)
    walls[:, [0, -1]] = walls[:, :, [0, -1]] = True
    start = np.full((5, 2), 1.5, np.float32)
    goal = np.array([[9.5, 7.5], [2.5, 1.5], [6.5, 2.5], [3.5, 2.5], [9.4, 7.4]], np.float32)
    return MazeCondition.from_arrays(walls, start, goal)


def seeded():
    return torch.Generator().manual_seed(0)


def told(pipeline, condition):
    lengths = pipeline.encode(condition)[0].length()
    return [ADAPTIVE.horizon(count) for count in ADAPTIVE.num_keypoints(lengths).tolist()]


def test_each_condition_gets_its_own_horizon_and_then_stays(pipeline, near_and_far):
    horizons = told(pipeline, near_and_far)
    assert horizons == [17, 9, 13, 9, 17]
    made = pipeline.generate(near_and_far, num_samples=2, generator=seeded(), return_trace=True)
    assert made.lengths.tolist() == [horizon for horizon in horizons for _ in range(2)]
    longest = max(horizons)
    assert made.trajectory.shape[1] == made.coarse.shape[1] == made.trace.coarse.shape[2] == longest
    assert made.anchors.horizon == longest
    assert set(made.anchors.gaps.flatten().tolist()) == {4}
    assert not made.trajectory.is_inference()
    states = pipeline.keypoints.config.states
    goal = near_and_far.goal.repeat_interleave(2, dim=0)
    for row, length in enumerate(made.lengths.tolist()):
        for x in (made.trajectory[row], made.coarse[row], made.trace.coarse[row, -1]):
            rest = x[length - 1 :]
            assert torch.equal(rest[:, :2], goal[row].expand(len(rest), 2))
            assert not (length < longest and rest[:, 2:].any())
    at_anchors = made.anchors.gather(made.coarse)
    assert_close(at_anchors[..., :2], made.keypoints[..., :2], rtol=0, atol=1e-5)
    assert states.dim == made.trajectory.shape[2]


@pytest.mark.parametrize("batch_size", [None, 1, 3, 4])
@pytest.mark.parametrize("guided", [False, True])
def test_samples_do_not_hang_on_who_they_are_drawn_with(pipeline, near_and_far, batch_size, guided):
    options = {"batch_size": batch_size}
    if guided:
        options["guidance"] = [CostGuidance(lambda x: x[..., 0].square().sum(dim=(1,)), weight=0.01)]
    whole = pipeline.generate(near_and_far, num_samples=3, generator=seeded(), **options)
    generator = seeded()
    for element, horizon in enumerate(told(pipeline, near_and_far)):
        alone = pipeline.generate(
            near_and_far[[element]], num_samples=3, generator=generator,
            guidance=options.get("guidance"), horizon=horizon,
        )  # fmt: skip
        assert alone.lengths is None
        rows = whole.trajectory[3 * element : 3 * element + 3]
        # All but the last step, whose velocity is another where the trajectory stays.
        assert_close(rows[:, : horizon - 1], alone.trajectory[:, :-1], rtol=0, atol=1e-3)


def test_a_plan_and_what_it_was_chosen_from(pipeline, near_and_far):
    plan = pipeline.plan(near_and_far, candidates=4, generator=seeded())
    assert plan.chosen.lengths.tolist() == told(pipeline, near_and_far)
    assert torch.equal(plan.chosen.trajectory, plan.trajectory)


def test_what_a_call_asks_for_goes_before(pipeline, near_and_far):
    made = pipeline.generate(near_and_far, horizon=23, generator=seeded())
    assert made.trajectory.shape[1] == 23
    assert made.anchors.num_keypoints == 7  # about four steps apart
    made = pipeline.generate(near_and_far, anchors=4, generator=seeded())
    assert made.trajectory.shape[1] == pipeline.config.horizon
    assert made.anchors.num_keypoints == 4


def test_an_encoder_that_does_not_know_the_way_is_told_so(near_and_far):
    stage = {"states": StateSpace(), "encoder": MazeEncoderConfig(value_iteration=False)}
    blind = TwoStagePipeline(
        KeypointDiffusion(KeypointDiffusionConfig(**stage)), InterpDenoiser(InterpDenoiserConfig(**stage)),
        PipelineConfig(adaptive=ADAPTIVE),
    )  # fmt: skip
    with pytest.raises(ValueError, match="horizon must be given where the encoder does not know how long"):
        blind.generate(near_and_far)
    assert blind.generate(near_and_far, horizon=20).trajectory.shape[1] == 20


def test_it_is_saved_with_the_pipeline(pipeline, tmp_path):
    loaded = TwoStagePipeline.from_pretrained(pipeline.save_pretrained(tmp_path / "pipe"))
    assert loaded.config.adaptive == ADAPTIVE


def test_with_a_sampler_and_steps_of_the_call(pipeline, near_and_far):
    seen = []
    pipeline.generate(
        near_and_far, sampler=FlowSampler(2), callback=lambda step, t, z_t, z_0: seen.append(z_0.shape)
    )
    # Two steps for each horizon, all samples of one horizon together.
    assert len(seen) == 2 * len(set(told(pipeline, near_and_far)))
    assert sum(shape[0] for shape in seen) == 2 * len(near_and_far)
