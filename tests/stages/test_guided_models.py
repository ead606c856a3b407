"""Guidance through models and pipelines, where it must fit in."""

from typing import Any

import pytest
import torch
from gaussian_walk import COUNT, HORIZON, Linear, joined, lowered, refuse, seeded
from torch import Tensor

from anchordiff.anchors import AnchorSet
from anchordiff.costs import SmoothnessCost, SphereCost
from anchordiff.domains.vector import VectorCondition, VectorEncoderConfig
from anchordiff.masks import Even
from anchordiff.nn.config import TransformerConfig
from anchordiff.nn.frame import Frame
from anchordiff.pipeline import PipelineConfig, TwoStagePipeline
from anchordiff.schedules import Rectified
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.guidance import ClassifierFreeGuidance, CostGuidance, GuidedStep
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.states import StateSpace

BODY = TransformerConfig(width=16, depth=1, heads=2)


def vectors(states: StateSpace, *, context: int = 2, tokens: int = 3) -> TwoStagePipeline:
    encoder = VectorEncoderConfig(
        positions=states.positions, velocities=states.velocities, context_size=context, token_size=tokens,
        width=16, attention_channels=16, context_channels=4,
    )  # fmt: skip
    shared: dict[str, Any] = {"encoder": encoder, "states": states, "horizon": HORIZON, "transformer": BODY}
    torch.manual_seed(0)
    return TwoStagePipeline(
        KeypointDiffusion(KeypointDiffusionConfig(**shared, num_keypoints=COUNT)),
        InterpDenoiser(InterpDenoiserConfig(**shared, num_keypoints=COUNT)),
        PipelineConfig(horizon=HORIZON, num_keypoints=COUNT, steps=4),
    )


@pytest.mark.parametrize("velocities", [False, True])
def test_an_untrained_pipeline_is_a_bridge_and_is_steered_as_one(velocities):
    # Untrained, stage 1 is the best estimate of a Brownian bridge, and stage 2 leaves it alone.
    states = StateSpace(positions=2, velocities=velocities, keypoint_velocities=velocities, scale=(1.5, 0.5))
    pipe, cost, weight = vectors(states), Linear(1), 0.8
    start, goal = torch.tensor([[0.0, 1.0]]), torch.tensor([[3.0, -1.0]])
    condition = VectorCondition(start=start, goal=goal)
    plain, steered = (
        pipe.generate(condition, num_samples=6, guidance=guidance, generator=seeded())
        for guidance in ([], [CostGuidance(cost, weight=weight)])
    )
    anchors = steered.anchors[:1]
    frame = Frame.bridge(start, goal, anchors.times, states=states, horizon=HORIZON)
    step = GuidedStep(frame=frame, anchors=anchors, states=states, schedule=Rectified(), without=refuse)
    expected = torch.from_numpy(lowered(step, cost, weight)).float()
    moved = (steered.keypoints - plain.keypoints)[..., :2]
    torch.testing.assert_close(moved, expected.expand_as(moved), atol=1e-4, rtol=1e-4)
    everywhere = torch.from_numpy(joined(anchors.index[0])).float() @ expected
    moved = (steered.trajectory - plain.trajectory)[..., :2]
    torch.testing.assert_close(moved, everywhere.expand_as(moved), atol=1e-4, rtol=1e-4)
    if velocities:
        # Stage 1's own velocities are no part of a trajectory, and nothing steers them.
        assert torch.equal(steered.keypoints[..., 2:], plain.keypoints[..., 2:])
    assert not steered.trajectory.is_inference()
    assert not steered.trajectory.requires_grad


def test_vectors_are_steered_by_what_training_left_out(roughen):
    pipe = vectors(StateSpace(positions=2))
    roughen(pipe.keypoints)
    ends = {"start": torch.zeros(2, 2), "goal": torch.ones(2, 2)}
    told = {
        "context": torch.randn(2, 2, generator=seeded()),
        "tokens": torch.randn(2, 4, 3, generator=seeded()),
    }
    condition = VectorCondition(**ends, **told)
    options: dict[str, Any] = {"num_samples": 3}

    def made(given: VectorCondition, *weights: float) -> Tensor:
        guidance = [ClassifierFreeGuidance(weight) for weight in weights]
        return pipe.generate(given, guidance=guidance, generator=seeded(), **options).keypoints

    plain, without = made(condition), made(VectorCondition(**ends))
    assert float((plain - without).abs().max()) > 1e-3
    torch.testing.assert_close(made(condition, 1.0), plain, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(made(condition, 0.0), without, atol=1e-4, rtol=1e-4)
    strong = made(condition, 4.0)
    assert float((strong - plain).abs().max()) > 1e-3
    for place, name in ((0, "start"), (-1, "goal")):
        assert torch.equal(strong[:, place], ends[name].repeat_interleave(3, dim=0))
    # In batches and with several guides, as in one call.
    parts = pipe.generate(
        condition, guidance=[ClassifierFreeGuidance(4.0)], batch_size=2, generator=seeded(), **options
    )
    torch.testing.assert_close(parts.keypoints, strong, atol=1e-4, rtol=1e-4)
    assert torch.equal(parts.anchors.index, AnchorSet.from_mask(Even(COUNT).sample(6, HORIZON)).index)


def test_guides_work_one_after_another(roughen):
    pipe = vectors(StateSpace(positions=2))
    roughen(pipe.keypoints)
    condition = VectorCondition(start=torch.zeros(1, 2), context=torch.ones(1, 2))
    cost, strong = CostGuidance(Linear(2), weight=3.0), ClassifierFreeGuidance(2.0)
    made = [
        pipe.generate(condition, num_samples=2, guidance=guidance, generator=seeded()).trajectory
        for guidance in ([], [cost], [strong], [cost, strong], [strong, cost])
    ]
    for i, first in enumerate(made):
        for second in made[i + 1 :]:
            assert float((first - second).abs().max()) > 1e-4


def test_mazes_are_steered_by_costs(tiny_keypoints, tiny_denoiser, mazes):
    # Untrained, so that samples lie around the straight line: into the sphere, and out of it again.
    pipe = TwoStagePipeline(tiny_keypoints(), tiny_denoiser())
    condition = mazes(2)
    middle = ((condition.start + condition.goal) / 2)[0]
    cost = SphereCost(centres=middle[None], radii=[2.5])
    plain, steered = (
        pipe.generate(condition, num_samples=8, guidance=guidance, generator=seeded())
        for guidance in ([], [CostGuidance(cost, weight=4.0, most=0.5)])
    )
    assert float(cost(steered.trajectory).mean()) < 0.5 * float(cost(plain.trajectory).mean())
    for place, end in ((0, condition.start), (-1, condition.goal)):
        assert torch.equal(steered.trajectory[:, place], end.repeat_interleave(8, dim=0))
    plan = pipe.plan(condition, candidates=2, guidance=[CostGuidance(SmoothnessCost())], generator=seeded())
    assert bool(plan.trajectory.isfinite().all())


def test_angles_are_steered_across_the_seam():
    pipe = vectors(StateSpace(positions=1, angles=(0,)))
    condition = VectorCondition(start=torch.tensor([[3.0]]), goal=torch.tensor([[-3.0]]))

    def off(x: Tensor) -> Tensor:
        """How far the middle is from 2.6, around the circle."""
        return 1 - torch.cos(x[:, HORIZON // 2, 0] - 2.6)

    plain, steered = (
        pipe.generate(condition, num_samples=50, guidance=guidance, generator=seeded()).trajectory
        for guidance in ([], [CostGuidance(off, weight=3.0)])
    )
    assert float(off(steered).mean()) < 0.6 * float(off(plain).mean())
    assert bool(((steered >= -torch.pi) & (steered < torch.pi)).all())


def test_what_has_nothing_to_leave_out_is_refused_before_networks_run(tiny_keypoints, tiny_denoiser, mazes):
    pipe, calls = TwoStagePipeline(tiny_keypoints(), tiny_denoiser()), []
    pipe.keypoints.encoder.register_forward_hook(lambda *_: calls.append(1))
    guidance = [ClassifierFreeGuidance(2.0)]
    with pytest.raises(
        ValueError, match="guidance must be left out: a MazeCondition has no part that training"
    ):
        pipe.generate(mazes(1), guidance=guidance)
    assert not calls
    other = vectors(StateSpace(positions=2))
    message = "guidance must be left out where there is neither context nor tokens to strengthen"
    with pytest.raises(ValueError, match=message):
        other.generate(VectorCondition(start=torch.zeros(1, 2)), guidance=guidance)
    scene = other.keypoints.encode(VectorCondition(context=torch.zeros(1, 2)))
    anchors = AnchorSet.from_mask(Even(COUNT).sample(1, HORIZON))
    with pytest.raises(
        ValueError, match="condition must be a Condition for classifier-free guidance, found a scene"
    ):
        other.keypoints.sample(scene, anchors, guidance=guidance)
    # A cost needs nothing of the condition.
    steered = other.keypoints.sample(scene, anchors, guidance=[CostGuidance(SmoothnessCost())])
    assert bool(steered.isfinite().all())


@pytest.mark.usefixtures("unchecked")
def test_wrong_options_are_refused(tiny_keypoints, tiny_denoiser, mazes):
    for fields, message in (
        ({"weight": float("nan")}, "weight must be finite, found nan"),
        ({"iterations": 0}, "iterations must be an integer of at least 1, found 0"),
        ({"most": 0.0}, "most must be positive, found 0.0"),
        ({"cost": 3}, "cost must be a function of trajectories, found 3"),
    ):
        with pytest.raises(ValueError, match=message):
            CostGuidance(**{"cost": SmoothnessCost(), **fields})
    with pytest.raises(ValueError, match="weight must be finite, found inf"):
        ClassifierFreeGuidance(float("inf"))
    pipe = TwoStagePipeline(tiny_keypoints(), tiny_denoiser())
    with pytest.raises(ValueError, match=r"guidance must hold Guidance, as CostGuidance\(cost\), found 3"):
        pipe.generate(mazes(1), guidance=[3])
    message = r"cost must return one number for each of 2 trajectories, found the shape \(\)"
    with pytest.raises(ValueError, match=message):
        pipe.generate(mazes(2), guidance=[CostGuidance(lambda x: x.sum())])
