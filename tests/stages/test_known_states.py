"""What a condition gives comes back in every sample, bit by bit, whatever samples it; and anchors move to it."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anchordiff.anchors import AnchorSet
from anchordiff.costs import SmoothnessCost, WayPointCost
from anchordiff.domains.vector import VectorCondition, VectorEncoderConfig
from anchordiff.masks import Ends, Even, Random
from anchordiff.nn.config import TransformerConfig
from anchordiff.pipeline import PipelineConfig, TwoStagePipeline
from anchordiff.samplers import DDIMSampler, DDPMSampler, FlowSampler
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.guidance import ClassifierFreeGuidance, CostGuidance
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.states import StateSpace

HORIZON, COUNT = 14, 6
BODY = TransformerConfig(width=16, depth=1, heads=2)
SPACES = {
    "numbers": StateSpace(positions=3, scale=(1.0, 0.5, 2.0), centre=(0.0, 3.0, -1.0)),
    "angles with velocities": StateSpace(positions=2, angles=(1,), velocities=True),
    "generated velocities": StateSpace(positions=2, angles=(1,), velocities=True, keypoint_velocities=True),
}
KINDS = {"x0": "rectified", "v": "cosine", "eps": "linear_beta"}
SAMPLERS = [
    FlowSampler(2),
    FlowSampler(2, method="heun"),
    DDIMSampler(2),
    DDIMSampler(2, eta=1.0),
    DDPMSampler(2),
]
Roughen = Callable[..., Any]


@lru_cache(maxsize=8)
def build(space: str, prediction: str, roughen: Roughen) -> TwoStagePipeline:
    """A pipeline with random weights, so that all it is given matters."""
    states = SPACES[space]
    encoder = VectorEncoderConfig(
        positions=states.positions, velocities=states.velocities, context_size=2, width=16,
        attention_channels=16, context_channels=4,
    )  # fmt: skip
    shared: dict[str, Any] = {"encoder": encoder, "states": states, "horizon": HORIZON, "transformer": BODY}
    torch.manual_seed(0)
    keypoints = KeypointDiffusion(
        KeypointDiffusionConfig(
            **shared, num_keypoints=COUNT, prediction=prediction, schedule=KINDS[prediction]
        )
    )
    denoiser = InterpDenoiser(InterpDenoiserConfig(**shared, num_keypoints=COUNT, num_levels=2))
    config = PipelineConfig(horizon=HORIZON, num_keypoints=COUNT, steps=2)
    return TwoStagePipeline(roughen(keypoints), roughen(denoiser), config)


# What each element of a batch is given of start, goal and parts of states between them.
CASES = [
    (True, False, False),
    (False, True, False),
    (True, True, False),
    (False, False, True),
    (True, True, True),
]


def some(space: StateSpace, random: torch.Generator) -> torch.Tensor:
    """Single numbers of up to four steps between the ends, and of the ends, other ones in each element."""
    steps = torch.rand(len(CASES), HORIZON - 2, generator=random).argsort(dim=1).argsort(dim=1)
    steps = steps < torch.randint(0, COUNT - 1, (len(CASES), 1), generator=random)
    steps = torch.nn.functional.pad(steps, (1, 1), value=True)
    return steps[..., None] & (torch.rand(len(CASES), HORIZON, space.dim, generator=random) < 0.6)


def task(space: StateSpace, seed: int, *, whole: bool = False):
    """A condition of all cases, the trajectories that it is of, and what of them is given.

    Args:
        space: of the states.
        seed: of everything.
        whole: give ends with their velocities, where there are any.
    """
    random = torch.Generator().manual_seed(seed)
    x = space.wrap(2 * torch.randn(len(CASES), HORIZON, space.dim, generator=random))
    width = space.dim if whole else space.positions
    has = torch.tensor(CASES)
    known = some(space, random) & has[:, 2, None, None]
    condition = VectorCondition(
        start=x[:, 0, :width],
        goal=x[:, -1, :width],
        known=torch.where(known, x, torch.nan),
        is_known=known,
        context=torch.randn(len(CASES), 2, generator=random),
        given=torch.cat([has[:, :2], torch.ones(len(CASES), 2, dtype=torch.bool)], dim=1),
    )
    given_there = known.clone()
    given_there[:, 0, :width] |= has[:, :1]
    given_there[:, -1, :width] |= has[:, 1:2]
    return condition, x, given_there


GUIDANCE = [
    (),
    (CostGuidance(SmoothnessCost(), weight=2.0),),
    (ClassifierFreeGuidance(3.0), CostGuidance(WayPointCost(step=5, state=[4.0]), weight=9.0, iterations=2)),
]
seeds = st.integers(0, 2**31)


@settings(max_examples=25)
@given(
    space=st.sampled_from(list(SPACES)),
    prediction=st.sampled_from(list(KINDS)),
    sampler=st.sampled_from(SAMPLERS),
    seed=seeds,
    guidance=st.sampled_from(GUIDANCE),
    whole=st.booleans(),
)
def test_keypoints_hold_what_is_known(roughen, space, prediction, sampler, seed, guidance, whole):
    model = build(space, prediction, roughen).keypoints
    condition, x, given_there = task(SPACES[space], seed, whole=whole)
    anchors = AnchorSet.from_mask(Even(COUNT).sample(len(x), HORIZON))
    anchors = anchors.through(condition.known_steps(HORIZON)).repeat(3)
    keypoints = model.sample(
        condition, anchors, sampler=sampler, guidance=guidance, generator=torch.Generator().manual_seed(seed)
    )
    known = anchors.gather(given_there.repeat_interleave(3, dim=0))
    assert torch.equal(keypoints[known], anchors.gather(x.repeat_interleave(3, dim=0))[known])
    assert bool(keypoints.isfinite().all())
    generated = SPACES[space].of_keypoints.dim
    free = keypoints[..., :generated][~known[..., :generated]]
    assert len(free.unique()) > 0.99 * len(free)


@settings(max_examples=40)
@given(
    space=st.sampled_from(list(SPACES)),
    prediction=st.sampled_from(list(KINDS)),
    sampler=st.sampled_from(["flow", "heun", "ddim", "ddpm"]),
    seed=seeds,
    guidance=st.sampled_from(GUIDANCE),
    walk=st.booleans(),
    clamp=st.sampled_from(["endpoints", "all_anchors"]),
    clamp_dims=st.sampled_from(["position", "all"]),
    whole=st.booleans(),
)
def test_trajectories_hold_what_is_known(
    roughen, space, prediction, sampler, seed, guidance, walk, clamp, clamp_dims, whole
):
    pipe, states = build(space, prediction, roughen), SPACES[space]
    condition, x, given_there = task(states, seed, whole=whole)
    out = pipe.generate(
        condition, num_samples=2, sampler=sampler, guidance=guidance, walk=walk, clamp=clamp,
        clamp_dims=clamp_dims, generator=torch.Generator().manual_seed(seed),
    )  # fmt: skip
    known, truth = given_there.repeat_interleave(2, dim=0), x.repeat_interleave(2, dim=0)
    assert torch.equal(out.trajectory[known], truth[known])
    # Anchors have moved to what is known between the ends.
    assert bool((out.anchors.mask | ~known.any(dim=2))[:, 1:-1].all())
    there = out.anchors.gather(known)
    assert torch.equal(out.keypoints[there], out.anchors.gather(truth)[there])
    away = states.difference(out.trajectory, truth)[~known].abs()
    assert float(away.median()) > 1e-3
    angles = out.trajectory[..., states.is_angle(truth.device)]
    assert bool(((angles >= -torch.pi) & (angles < torch.pi)).all())


def test_a_clamp_holds_its_own_beside_what_is_known(roughen):
    pipe, states = build("angles with velocities", "x0", roughen), SPACES["angles with velocities"]
    condition, _, _ = task(states, 0)
    options: dict[str, Any] = {"num_samples": 2}
    for dims, width in (("position", states.positions), ("all", states.dim)):
        out = pipe.generate(condition, **options, clamp="all_anchors", clamp_dims=dims)
        assert torch.equal(out.anchors.gather(out.trajectory)[..., :width], out.keypoints[..., :width])
        out = pipe.generate(condition, **options, clamp_dims=dims)
        assert torch.equal(out.trajectory[:, [0, -1], :width], out.keypoints[:, [0, -1], :width])
        assert not torch.equal(out.anchors.gather(out.trajectory)[..., :width], out.keypoints[..., :width])
    free = pipe.generate(condition, **options, clamp="none")
    known = condition.is_known.repeat_interleave(2, dim=0)
    there = free.anchors.gather(known)
    expected = free.anchors.gather(condition.known.repeat_interleave(2, dim=0))
    assert torch.equal(free.keypoints[there], expected[there])


def test_what_is_known_holds_where_the_callers_anchors_leave_it_out(roughen):
    pipe, states = build("numbers", "v", roughen), SPACES["numbers"]
    condition, truth, known = task(states, 3)
    ends = AnchorSet(torch.tensor([[0, HORIZON - 1]]), HORIZON)
    for anchors in (Ends() + Random(2), ends, ends.repeat(len(CASES))):
        out = pipe.generate(condition, anchors=anchors, generator=torch.Generator().manual_seed(0))
        assert torch.equal(out.trajectory[known], truth[known])


@pytest.mark.parametrize("walk", [False, True])
def test_known_angles_beyond_half_a_turn_come_back_as_they_were_given(roughen, walk):
    pipe = build("angles with velocities", "v", roughen)
    condition = VectorCondition(start=torch.tensor([[0.5, 4.0]]), goal=torch.tensor([[1.5, -11.0]]))
    out = pipe.generate(condition, num_samples=3, walk=walk, generator=torch.Generator().manual_seed(0))
    for made in (out.keypoints, out.trajectory):
        assert made[:, 0, :2].tolist() == [[0.5, 4.0]] * 3
        assert made[:, -1, :2].tolist() == [[1.5, -11.0]] * 3
    assert float(out.trajectory[:, 1:-1, 1].abs().max()) <= torch.pi


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_held_is_refused(roughen):
    pipe, states = build("numbers", "x0", roughen), SPACES["numbers"]
    x = task(states, 0)[1][:2]
    many = torch.zeros(x.shape, dtype=torch.bool)
    many[1, 1:6, 0] = True
    condition = VectorCondition(known=x, is_known=many)
    rule = "must be at least 7, for the 5 known steps of condition 1 and both ends, found"
    with pytest.raises(ValueError, match=f"num_keypoints {rule} 6"):
        pipe.generate(condition)
    with pytest.raises(ValueError, match=f"anchors {rule} 4"):
        pipe.generate(condition, anchors=4)
    out = pipe.generate(condition, anchors=7)
    assert torch.equal(out.trajectory[many], x[many])
    rule = "known must have the horizon {} of the call, found 14"
    with pytest.raises(ValueError, match=rule.format(20)):
        pipe.generate(condition, anchors=7, horizon=20)
    # Without the pipeline it is no other.
    for horizon in (8, 20):
        anchors = AnchorSet.from_mask(Even(7).sample(2, horizon))
        with pytest.raises(ValueError, match=rule.format(horizon)):
            pipe.keypoints.sample(condition, anchors)


def moved(own: list[int], wanted: list[int], horizon: int) -> list[int]:
    """For each wanted step that is no anchor, in order, the nearest anchor that is not wanted itself gives way."""
    anchors = set(own)
    for step in wanted:
        if step not in anchors:
            free = sorted(anchors - set(wanted) - {0, horizon - 1})
            anchors.remove(min(free, key=lambda anchor, step=step: abs(anchor - step)))
            anchors.add(step)
    return sorted(anchors)


@given(data=st.data(), horizon=st.integers(4, 30))
def test_anchors_pass_through_what_is_asked_and_only_the_nearest_move(data, horizon):
    count = data.draw(st.integers(3, horizon))
    inside = st.integers(1, horizon - 2)
    rows, steps = [], torch.zeros(2, horizon, dtype=torch.bool)
    for element in range(2):
        own = data.draw(st.sets(inside, min_size=count - 2, max_size=count - 2))
        wanted = data.draw(st.sets(inside, max_size=count - 2))
        steps[element, sorted(wanted)] = True
        rows.append(([0, *sorted(own), horizon - 1], sorted(wanted)))
    steps[0, 0] = steps[1, -1] = data.draw(st.booleans())  # ends are always there
    anchors = AnchorSet(torch.tensor([own for own, _ in rows]), horizon)
    through = anchors.through(steps)
    assert through.num_keypoints == count
    assert bool((through.index.diff(dim=1) > 0).all())
    assert bool((through.mask | ~steps).all())
    for row, (own, wanted) in zip(through.index.tolist(), rows, strict=True):
        assert row == moved(own, wanted, horizon)
    assert torch.equal(through.through(steps).index, through.index)


def test_an_anchor_that_is_where_it_should_be_sends_no_other_away():
    anchors = AnchorSet(torch.tensor([[0, 2, 5, 8, 11]]), horizon=12)
    steps = torch.zeros(1, 12, dtype=torch.bool)
    steps[0, [2, 9]] = True
    assert anchors.through(steps).index.tolist() == [[0, 2, 5, 9, 11]]


def test_too_few_anchors_for_the_steps_are_refused():
    steps = torch.ones(2, 9, dtype=torch.bool)
    steps[0, 1:8] = False
    anchors = AnchorSet(torch.tensor([[0, 4, 8]]).repeat(2, 1), horizon=9)
    message = "K must be at least 9, for the 7 known steps of condition 1 and both ends, found 3"
    with pytest.raises(ValueError, match=message):
        anchors.through(steps, name="K")


@pytest.mark.usefixtures("unchecked")
def test_known_as_numpy_arrays_of_double_precision(roughen):
    pipe = build("numbers", "x0", roughen)
    x = np.random.default_rng(0).normal(size=(1, HORIZON, 3))
    mask = np.zeros(x.shape, bool)
    mask[0, 4, 1] = True
    out = pipe.generate(VectorCondition(known=x, is_known=mask))
    assert float(out.trajectory[0, 4, 1]) == np.float32(x[0, 4, 1])
