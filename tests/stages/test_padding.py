"""Padded steps: nothing is learned from them, and what is learned is what unpadded trajectories teach."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anchordiff.anchors import AnchorSet
from anchordiff.domains.vector import (
    TrajectoryConfig,
    TrajectoryDataset,
    VectorBatch,
    VectorCondition,
    VectorEncoderConfig,
)
from anchordiff.masks import Ends, Even, Random
from anchordiff.nn.config import TransformerConfig
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.states import StateSpace
from anchordiff.training import DenoiserObjective, Draw, KeypointObjective

HORIZON, COUNT = 12, 5
STATES = StateSpace(positions=2, scale=(0.5, 2.0), unit=(0.5, 2.0), pace=6)
ENCODER = VectorEncoderConfig(positions=2, width=8, attention_channels=8)
BODY = TransformerConfig(width=8, depth=2, heads=2)
SHARED: dict[str, Any] = {"encoder": ENCODER, "states": STATES, "horizon": HORIZON, "transformer": BODY}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def stage_1(**changes: Any) -> KeypointDiffusion:
    torch.manual_seed(0)
    return KeypointDiffusion(KeypointDiffusionConfig(**SHARED, num_keypoints=COUNT, **changes))


def stage_2() -> InterpDenoiser:
    torch.manual_seed(0)
    return InterpDenoiser(InterpDenoiserConfig(**SHARED, num_keypoints=COUNT, num_levels=2))


def with_offsets(model):
    """Heads that move every point by the same way: an error at each step, and no step sees another."""
    with torch.no_grad():
        for number, head in enumerate(model.transformer.heads):
            head[1].bias.copy_(torch.tensor([0.3, -0.2]) + 0.1 * number)
    return model


def padded(seed: int, lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor, VectorCondition]:
    """Trajectories whose last state is repeated, which steps are data, and their ends."""
    x = torch.randn(len(lengths), HORIZON, 2, generator=seeded(seed)).cumsum(dim=1)
    steps = torch.arange(HORIZON).expand(len(lengths), -1)
    last = torch.tensor(lengths)[:, None] - 1
    x = x.gather(1, torch.minimum(steps, last)[..., None].expand(-1, -1, 2))
    return x, steps <= last, VectorCondition(start=x[:, 0], goal=x[:, -1])


lengths = st.lists(st.integers(2, HORIZON), min_size=3, max_size=3)


@settings(max_examples=25)
@given(seed=st.integers(0, 99), lengths=lengths, step_weight=st.sampled_from([0.0, 2.0]))
def test_stage_2_learns_nothing_from_what_padded_steps_should_be(roughen, seed, lengths, step_weight):
    model = roughen(stage_2())
    x_0, valid, condition = padded(seed, lengths)
    anchors = AnchorSet.from_mask((Ends() + Random(3)).sample(3, HORIZON, generator=seeded(seed)))
    x_s = STATES.fill_in(anchors.gather(x_0), anchors)
    options: dict[str, Any] = {"valid": valid, "step_weight": step_weight}
    losses = []
    for shift in (0.0, 100.0):
        truth = (x_0 + shift * (~valid)[..., None]).requires_grad_()
        made = model.loss(truth, x_s, torch.tensor([2, 1, 2]), anchors, condition, **options)
        losses.append(made.loss)
        (slope,) = torch.autograd.grad(made.loss, truth)
        assert torch.equal(slope[~valid], torch.zeros_like(slope[~valid]))
        assert bool((slope[valid] != 0).all())
    torch.testing.assert_close(losses[0], losses[1])


@settings(max_examples=25)
@given(seed=st.integers(0, 99), lengths=lengths, step_weight=st.sampled_from([0.0, 2.0]))
def test_the_loss_of_stage_2_is_the_mean_over_valid_numbers(seed, lengths, step_weight):
    model = with_offsets(stage_2())
    x_0, valid, condition = padded(seed, lengths)
    anchors = AnchorSet.from_mask(Even(COUNT).sample(3, HORIZON))
    x_s = STATES.fill_in(anchors.gather(x_0), anchors)
    made = model.loss(x_0, x_s, torch.full((3,), 2), anchors, condition, valid=valid, step_weight=step_weight)
    # By NumPy, element by element, of trajectories cut to what is data.
    unit = np.array(STATES.unit)
    errors: list[list[np.ndarray]] = [[], []]
    ways = []
    for element, length in enumerate(lengths):
        truth, coarse = (x[element, :length].double().numpy() for x in (x_0, x_s))
        offset = np.zeros(2)
        for block in range(2):
            offset = offset + unit * (np.array([0.3, -0.2]) + 0.1 * block)
            errors[block].append((coarse + offset - truth) / unit)
        ways.append(np.diff(errors[1][-1], axis=0) * HORIZON / STATES.pace)
    first, last = (np.mean(np.concatenate(block) ** 2) for block in errors)
    assert made.terms["error"].item() == pytest.approx(last, rel=1e-4)
    expected = (first + 2 * last) / 3
    if step_weight:
        steps = np.mean(np.concatenate(ways) ** 2)
        assert made.terms["steps"].item() == pytest.approx(steps, rel=1e-4, abs=1e-7)
        expected += step_weight * steps
    assert made.loss.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("prediction", ["x0", "v"])
@settings(max_examples=15)
@given(seed=st.integers(0, 99), data=st.data())
def test_stage_1_learns_nothing_from_padded_keypoints(prediction, seed, data):
    model = with_offsets(stage_1(prediction=prediction))
    x, _, condition = padded(seed, [HORIZON] * 3)
    anchors = AnchorSet.from_mask(Even(COUNT).sample(3, HORIZON))
    rows = st.lists(st.booleans(), min_size=COUNT, max_size=COUNT).filter(any)
    valid = torch.tensor([data.draw(rows) for _ in range(3)])
    keypoints = anchors.gather(x)
    losses = []
    for shift in (0.0, 7.0):
        moved = (keypoints + shift * (~valid)[..., None]).requires_grad_()
        options: dict[str, Any] = {"valid": valid, "generator": seeded(seed), "repeats": 3}
        made = model.loss(moved, anchors, condition, **options)
        losses.append(made.loss)
        (slope,) = torch.autograd.grad(made.loss, moved)
        assert torch.equal(slope[~valid], torch.zeros_like(slope[~valid]))
    torch.testing.assert_close(losses[0], losses[1])


@settings(max_examples=15)
@given(seed=st.integers(0, 99))
def test_padded_keypoints_leave_the_loss_of_the_others(seed):
    """The same keypoints with and without padding between; an untrained stage looks at each alone."""
    model = stage_1()
    many, few = torch.tensor([[0, 3, 5, 8, 11]]), torch.tensor([[0, 5, 11]])
    places = torch.tensor([0, 2, 4])
    x, _, condition = padded(seed, [HORIZON] * 4)
    anchors, fewer = (AnchorSet(index.repeat(4, 1), HORIZON) for index in (many, few))
    valid = torch.zeros(4, COUNT, dtype=torch.bool)
    valid[:, places] = True
    noise = torch.randn(4, COUNT, 2, generator=seeded(seed + 1))

    def loss(own: AnchorSet, taken: torch.Tensor, counted: torch.Tensor | None) -> torch.Tensor:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch, "randn", lambda *_, **__: noise[:, taken])
            return model.loss(own.gather(x), own, condition, generator=seeded(3), valid=counted).loss

    padded_one = loss(anchors, torch.arange(COUNT), valid)
    torch.testing.assert_close(padded_one, loss(fewer, places, None), atol=1e-6, rtol=1e-5)


def recorded(lengths: list[int], *, horizon: int) -> TrajectoryDataset:
    random = np.random.default_rng(0)
    walks = [random.normal(size=(length, 2)).cumsum(axis=0) for length in lengths]
    config = TrajectoryConfig(horizon=horizon, pad=True, held_out_share=0.0)
    return TrajectoryDataset.from_arrays(walks, config, space=STATES)


@pytest.mark.parametrize("objective", [KeypointObjective(), DenoiserObjective(step_weight=1.0)])
def test_objectives_hand_on_what_a_data_set_padded(objective):
    data = recorded([5, 7, 9, 12], horizon=HORIZON)
    batch = data.batch(range(4))
    assert batch.valid is not None
    assert batch.valid.sum(dim=1).tolist() == [5, 7, 9, 12]
    model = with_offsets(stage_1() if isinstance(objective, KeypointObjective) else stage_2())

    def loss(batch: VectorBatch) -> float:
        return float(objective(model, batch, Draw(step=0, generator=seeded()))["loss"].detach())

    everything = replace(batch, valid=torch.ones_like(batch.valid))
    assert loss(everything) == pytest.approx(loss(replace(batch, valid=None)), rel=1e-5)
    assert loss(batch) != pytest.approx(loss(everything), rel=1e-3)
    parameters = list(model.parameters())
    grads = torch.autograd.grad(
        objective(model, batch, Draw(step=0, generator=seeded()))["loss"], parameters, allow_unused=True
    )
    assert all(bool(grad.isfinite().all()) for grad in grads if grad is not None)


def test_a_batch_of_nothing_but_padding_has_no_loss():
    x, _, condition = padded(0, [HORIZON] * 2)
    anchors = AnchorSet.from_mask(Even(COUNT).sample(2, HORIZON))
    nothing = torch.zeros(2, HORIZON, dtype=torch.bool)
    keypoints = anchors.gather(x)
    assert float(stage_1().loss(keypoints, anchors, condition, valid=nothing[:, :COUNT]).loss.detach()) == 0.0
    made = stage_2().loss(
        x, STATES.fill_in(keypoints, anchors), torch.ones(2, dtype=torch.long), anchors, condition,
        valid=nothing, step_weight=1.0,
    )  # fmt: skip
    assert float(made.loss.detach()) == 0.0


def test_padded_trajectories_are_not_resampled():
    batch = recorded([5, 12], horizon=HORIZON).batch([0, 1])
    objective = DenoiserObjective(horizons=(8,))
    with pytest.raises(ValueError, match="horizons must be left out for padded trajectories"):
        objective(stage_2(), batch, Draw(step=0, generator=seeded()))


def test_padding_is_not_lost_where_batches_are_joined():
    padded_one = recorded([5, 12], horizon=HORIZON).batch([0, 1])
    whole = replace(padded_one, valid=None)
    for parts in ([padded_one, whole], [whole, padded_one]):
        with pytest.raises(ValueError, match="records must all have valid, or none of them"):
            VectorBatch.collate(parts)
    assert VectorBatch.collate([padded_one, padded_one]).valid.shape == (4, HORIZON)
    assert VectorBatch.collate([whole, whole]).valid is None
