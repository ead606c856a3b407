"""Stage 2: any level, horizon and maze; its loss; and that it learns."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.anchors import AnchorSet
from anchordiff.domains.maze import ParticleMazeConfig, ParticleMazeDataset
from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.interpolation import interpolate
from anchordiff.masks import Ends, Even, Random
from anchordiff.nn.config import TransformerConfig
from anchordiff.stages.denoiser import _distance_to_anchors
from anchordiff.states import StateSpace

HORIZON = 16
BODY = TransformerConfig(width=16, depth=2, heads=2)


@pytest.fixture
def build(tiny_denoiser):
    """Make a fresh model of two blocks."""
    return lambda **changes: tiny_denoiser(**{"transformer": BODY} | changes)


@pytest.fixture
def rough(build, roughen):
    """A model with random heads, not to be trained."""
    return lambda **changes: roughen(build(**changes)).requires_grad_(requires_grad=False)


def even(batch: int, *, horizon: int = HORIZON, count: int = 4) -> AnchorSet:
    return AnchorSet.from_mask(Even(count).sample(batch, horizon))


def levels(batch: int, level: int = 2) -> torch.Tensor:
    return torch.full((batch,), level)


def path(condition: MazeCondition, *, horizon: int = HORIZON, dim: int = 2) -> torch.Tensor:
    """A wavy line from start to goal."""
    times = torch.linspace(0, 1, horizon)[:, None]
    line = condition.start[:, None] + times * (condition.goal - condition.start)[:, None]
    positions = line + 0.3 * (9 * times).sin() * torch.tensor([1.0, -1.0])
    return torch.cat([positions, torch.zeros_like(positions)], dim=-1) if dim == 4 else positions


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_fresh_model_gives_back_what_it_gets(build, mazes, level):
    condition = mazes(3)
    x_s = path(condition)
    assert torch.equal(build()(x_s, levels(3, level), even(3), condition), x_s)


def test_level_zero_keeps_every_step_and_is_restored_from_itself(rough, mazes):
    condition, anchors = mazes(3), even(3, count=HORIZON)
    x_0 = path(condition)
    x_s = interpolate(anchors.gather(x_0), anchors)
    torch.testing.assert_close(x_s, x_0)
    found = rough()(x_s, levels(3, 0), anchors, condition)
    assert found.shape == x_0.shape
    assert bool(found.isfinite().all())


@pytest.mark.parametrize(("horizon", "count"), [(2, 2), (7, 3), (64, 8), (384, 8)])
@pytest.mark.parametrize("dim", [2, 4])
def test_any_horizon_can_be_asked_for(rough, mazes, horizon, count, dim):
    model, condition = rough(states=StateSpace(velocities=dim == 4)), mazes(2)
    anchors = even(4, horizon=horizon, count=count)
    x_s = path(condition, horizon=horizon, dim=dim).repeat_interleave(2, dim=0)
    found = model(x_s, levels(4), anchors, condition)
    assert found.shape == (4, horizon, dim)
    assert bool(found.isfinite().all())
    assert float((found - x_s).abs().min(dim=0).values.max()) > 1e-4


@pytest.mark.parametrize(("rows", "cols"), [(5, 5), (15, 23)])
def test_mazes_of_other_sizes_work(rough, mazes, rows, cols):
    condition = mazes(2, rows, cols)
    assert bool(rough()(path(condition), levels(2), even(2), condition).isfinite().all())


def test_every_input_matters_and_no_element_sees_another(rough, mazes):
    model, condition, x_s = rough(), mazes(3), path(mazes(3))
    anchors = AnchorSet.from_mask((Ends() + Random(2)).sample(3, HORIZON, generator=torch.Generator()))
    expected = model(x_s, levels(3), anchors, condition)
    for element in range(3):
        alone = model(x_s[[element]], levels(1), anchors[[element]], condition[[element]])
        torch.testing.assert_close(alone, expected[[element]], atol=1e-4, rtol=1e-4)
    others = [
        model(x_s, levels(3, 1), anchors, condition),
        model(x_s, levels(3), even(3), condition),
        model(x_s, levels(3), anchors, mazes(3, seed=1)),
        model(x_s, levels(3), anchors, replace(condition, goal=condition.start)),
    ]
    for other in others:
        assert float((other - expected).abs().max()) > 1e-4


def test_copies_share_a_scene(rough, mazes, tiny_encoder):
    model, condition = rough(encoder=tiny_encoder(value_iteration=False)), mazes(2)
    x_s = path(condition).repeat_interleave(3, dim=0)
    x_s = x_s + 0.1 * torch.randn(x_s.shape, generator=torch.Generator().manual_seed(0))
    shared = model(x_s, levels(6), even(6), model.encode(condition))
    torch.testing.assert_close(shared, model(x_s, levels(6), even(6), condition.repeat(3)))


def open_room(batch: int) -> MazeCondition:
    walls = np.zeros((batch, 9, 9), dtype=bool)
    start = np.full((batch, 2), 2.0, dtype=np.float32)
    return MazeCondition.from_arrays(walls, start, start + 5)


def test_the_loss_is_zero_for_an_oracle(build):
    condition = open_room(3)
    x_0, model = path(condition), build()
    scene = model.encode(condition)
    made = model.loss(x_0, x_0, levels(3), even(3), scene, step_weight=0.5)
    assert made.terms.keys() == {"error", "steps"}
    assert float(made.loss.detach()) == 0.0
    assert {name: float(value) for name, value in made.terms.items()} == dict.fromkeys(made.terms, 0.0)
    assert torch.equal(made.estimate, x_0)
    assert made.scene is scene
    assert model.loss(x_0, x_0, levels(3), even(3), condition).terms.keys() == {"error"}


def test_the_loss_weighs_errors_by_block_and_reports_the_last(build):
    condition, model = open_room(3), build()
    x_0, off = path(condition), torch.tensor([0.2, 0.0])
    with torch.no_grad():
        model.transformer.heads[1][1].bias.copy_(off)
    # Of two blocks the first weighs 1 / 3, the last 2 / 3; the mean over x and y halves the square.
    for x_s, error, loss in ((x_0 - off, 0.0, 0.02 / 3), (x_0, 0.02, 0.02 * 2 / 3)):
        made = model.loss(x_0, x_s, levels(3), even(3), condition)
        assert float(made.terms["error"]) == pytest.approx(error, rel=1e-4, abs=1e-8)
        assert float(made.loss.detach()) == pytest.approx(loss, rel=1e-4)
        assert not made.terms["error"].requires_grad
        assert made.estimate.requires_grad


def test_the_loss_counts_in_units_of_the_states(build):
    condition = open_room(3)
    x_0, off = path(condition), torch.tensor([0.2, 0.3])
    model = build(states=StateSpace(unit=(0.5, 2.0)))
    made = model.loss(x_0, x_0 + off, levels(3), even(3), condition)
    assert float(made.loss.detach()) == pytest.approx((0.4**2 + 0.15**2) / 2, rel=1e-4)


def test_nothing_is_learned_from_steps_that_are_padding(build):
    condition, model = open_room(3), build()
    x_0, valid = path(condition), torch.ones(3, HORIZON, dtype=torch.bool)

    def loss(x_s, **options):
        made = model.loss(x_0, x_s, levels(3), even(3), condition, step_weight=0.3, **options)
        return float(made.loss.detach()), float(made.terms["error"])

    off = torch.tensor([0.2, 0.0])
    assert loss(x_0 + off, valid=valid) == pytest.approx(loss(x_0 + off))
    valid[:, 10:] = False
    wild = x_0 + off
    wild[:, 10:] += 7.0
    assert loss(wild, valid=valid)[1] == pytest.approx(0.02, rel=1e-3)
    assert loss(wild, valid=valid)[0] == pytest.approx(0.02, rel=1e-3)
    assert loss(wild)[0] > 1.0


def test_the_error_of_steps_sees_jitter_and_no_shift(build):
    condition, model = open_room(3), build()
    x_0 = path(condition)
    jitter = torch.zeros_like(x_0)
    jitter[:, 1::2, 0] = 0.1
    for change, steps in ((jitter, 0.01 / 2 * (x_0.shape[1] / 64) ** 2), (torch.tensor([0.1, 0.0]), 0.0)):
        plain = model.loss(x_0, x_0 + change, levels(3), even(3), condition)
        made = model.loss(x_0, x_0 + change, levels(3), even(3), condition, step_weight=0.3)
        assert float(made.terms["steps"]) == pytest.approx(steps, rel=1e-3, abs=1e-9)
        torch.testing.assert_close(made.loss, plain.loss + 0.3 * made.terms["steps"])


def test_checkpointed_activations_give_the_same_gradients(build, roughen, mazes):
    condition, gradients = mazes(2), []
    for checkpointing in (False, True):
        body = replace(BODY, activation_checkpointing=checkpointing)
        model = roughen(build(transformer=body))
        made = model.loss(path(condition), path(condition) + 0.1, levels(2), even(2), condition)
        made.loss.backward()
        gradients.append({name: p.grad for name, p in model.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, msg=name)


@given(data=st.data(), horizon=st.integers(2, 20))
def test_each_step_knows_how_far_its_anchors_are(data, horizon):
    inner = data.draw(st.sets(st.integers(1, horizon - 2))) if horizon > 2 else set()
    index = sorted({0, horizon - 1} | inner)
    before, after = _distance_to_anchors(AnchorSet(torch.tensor([index]), horizon=horizon))
    for step in range(horizon):
        last, following = max(i for i in index if i <= step), min(i for i in index if i >= step)
        assert float(before[0, step]) == pytest.approx((step - last) / (horizon - 1))
        assert float(after[0, step]) == pytest.approx((following - step) / (horizon - 1))


def test_a_tiny_model_learns_a_handful_of_mazes(build):
    data = ParticleMazeDataset(ParticleMazeConfig(rows=9, cols=9, min_l1=6, horizon=HORIZON))
    batch = data.batch(range(8))
    x_0, condition, anchors = batch.trajectory, batch.condition, even(8, count=3)
    x_s = interpolate(anchors.gather(x_0), anchors)
    model = build(transformer=TransformerConfig(width=32, depth=2, heads=2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    errors = []
    for _ in range(60):
        made = model.loss(x_0, x_s, levels(8), anchors, condition)
        optimizer.zero_grad()
        made.loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        errors.append(float(made.terms["error"]))
    assert errors[-1] < 0.03 * errors[0]


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused(rough, mazes):
    model, condition = rough(), mazes(2)
    x_s = path(condition)
    with pytest.raises(ValueError, match="anchors must be 2 sets over 16 steps as x_s, found 2 over 12"):
        model(x_s, levels(2), even(2, horizon=12), condition)
    with pytest.raises(
        ValueError, match="level must be a tensor with one level for each of 2 elements, found 2"
    ):
        model(x_s, 2, even(2), condition)
    with pytest.raises(
        ValueError, match="x_s must have a multiple of the 2 conditions as its length, found 3"
    ):
        model(x_s[[0, 1, 1]], levels(3), even(3), condition)
