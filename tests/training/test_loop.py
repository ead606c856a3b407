import json
import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from anchordiff.data import Slot
from anchordiff.errors import TrainingError
from anchordiff.training import Draw, TrainConfig, TrainState, save_checkpoint, train

SHORT = TrainConfig(steps=12, batch_size=8, warmup_steps=2, learning_rate=1e-2)


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [value.detach().clone() for value in model.parameters()]


def largest_difference(a: nn.Module, b: nn.Module) -> float:
    return max((x - y).abs().max().item() for x, y in zip(a.parameters(), b.parameters(), strict=True))


@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_it_learns(toy, precision: str):
    config = TrainConfig(
        steps=150, batch_size=16, learning_rate=2e-2, warmup_steps=10, precision=precision, ema_decay=0.9
    )
    model = toy.model(dropout=False)
    steps = list(train(model, toy.batches, toy.exact_loss, config))
    assert [step.step for step in steps] == list(range(1, 151))
    assert steps[-1].loss < 0.1 * steps[0].loss
    assert all(0 <= step.data_seconds <= step.seconds for step in steps)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_it_matches_the_plain_loop(toy):
    config = TrainConfig(
        steps=10, batch_size=8, warmup_steps=3, clip_norm=0.1, weight_decay=0.1, betas=(0.8, 0.9)
    )
    model, plain = toy.model(dropout=False), toy.model(dropout=False)
    steps = list(train(model, toy.batches, toy.exact_loss, config))

    decayed = [p for p in plain.parameters() if p.ndim > 1]
    others = [p for p in plain.parameters() if p.ndim == 1]
    groups = [{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=(0.8, 0.9), fused=False, foreach=False)
    for index, step in enumerate(steps):
        loss = toy.exact_loss(plain, toy.batches(Slot(step=index, batch_size=8)), torch.Generator())
        optimizer.zero_grad()
        loss.backward()
        norm = torch.linalg.vector_norm(torch.cat([p.grad.reshape(-1) for p in plain.parameters()]))
        for parameter in plain.parameters():
            parameter.grad *= min(1.0, 0.1 / (norm.item() + 1e-6))
        for group in optimizer.param_groups:
            group["lr"] = step.learning_rate
        optimizer.step()
        assert step.loss == pytest.approx(loss.item(), rel=1e-4)
        assert step.grad_norm == pytest.approx(norm.item(), rel=1e-4)
        assert step.learning_rate == config.learning_rate_at(index)
    assert largest_difference(model, plain) < 1e-6


@pytest.mark.parametrize("accumulate", [2, 4])
def test_accumulated_parts_add_up_to_the_whole_batch(toy, accumulate: int):
    whole, parts = toy.model(dropout=False), toy.model(dropout=False)
    a = list(train(whole, toy.batches, toy.exact_loss, SHORT))
    b = list(train(parts, toy.batches, toy.exact_loss, replace(SHORT, accumulate=accumulate)))
    assert [s.loss for s in a] == pytest.approx([s.loss for s in b], rel=1e-4)
    assert [s.grad_norm for s in a] == pytest.approx([s.grad_norm for s in b], rel=1e-3)
    assert largest_difference(whole, parts) < 1e-4


@pytest.mark.parametrize("ahead", [0, 5])
def test_the_run_follows_from_the_seed_alone(toy, ahead: int):
    first, second, third = toy.model(), toy.model(), toy.model()
    a = list(train(first, toy.batches, toy.noisy_loss, SHORT))
    torch.rand(7)
    b = list(train(second, toy.batches, toy.noisy_loss, SHORT, ahead=ahead))
    c = list(train(third, toy.batches, toy.noisy_loss, replace(SHORT, seed=1)))
    assert [s.loss for s in a] == [s.loss for s in b]
    assert largest_difference(first, second) == 0
    assert [s.loss for s in a] != [s.loss for s in c]


def test_each_step_and_part_has_its_own_noise(toy):
    drawn: list[float] = []

    def loss(model: nn.Module, batch: dict[str, torch.Tensor], draw: Draw) -> torch.Tensor:
        drawn.append(torch.rand((), generator=draw.generator).item())
        drawn.append(torch.rand(()).item())
        return toy.exact_loss(model, batch, draw)

    list(train(toy.model(), toy.batches, loss, replace(SHORT, accumulate=2)))
    assert len(set(drawn[::2])) == len(set(drawn[1::2])) == 24


def test_a_loss_is_told_the_step_that_it_is_for_however_the_run_is_cut(toy):
    seen: list[int] = []

    def loss(model: nn.Module, batch: dict[str, torch.Tensor], draw: Draw) -> torch.Tensor:
        seen.append(draw.step)
        return toy.exact_loss(model, batch, draw)

    config = replace(SHORT, accumulate=2)
    state = TrainState(toy.model(), config)
    for _ in range(2):
        for count, _ in enumerate(train(state.model, toy.batches, loss, config, state=state), start=1):
            if count == 6:
                break
    assert seen == [step for step in range(12) for _ in range(2)]


def test_a_draw_gives_numbers_below_one_from_its_generator():
    first, again = (Draw(step=0, generator=torch.Generator().manual_seed(3)) for _ in range(2))
    numbers = [first.uniform() for _ in range(200)]
    assert numbers == [again.uniform() for _ in range(200)]
    assert 0 <= min(numbers) < 0.1
    assert 0.9 < max(numbers) < 1


def test_named_terms_are_reported(toy):
    step = next(train(toy.model(), toy.batches, toy.noisy_loss, SHORT))
    assert set(step.terms) == {"absolute"}
    assert step.terms["absolute"] > 0
    assert json.dumps(step.terms)


def test_a_caller_may_stop_and_go_on(toy):
    state, whole = TrainState(toy.model(), SHORT), toy.model()
    list(train(whole, toy.batches, toy.noisy_loss, SHORT))
    for _ in range(3):
        for count, _ in enumerate(
            train(state.model, toy.batches, toy.noisy_loss, SHORT, state=state), start=1
        ):
            if count == 4:
                break
    assert state.step == 12
    assert largest_difference(state.model, whole) == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_before_the_weights_are_spoilt(toy, tmp_path, bad: float):
    def loss(model: nn.Module, batch: dict[str, torch.Tensor], draw: Draw) -> torch.Tensor:
        value = toy.exact_loss(model, batch, draw)
        return value * bad if state.step == 5 else value

    state = TrainState(toy.model(), SHORT)
    steps = train(state.model, toy.batches, loss, SHORT, state=state)
    for step in steps:
        if step.step == 4:
            save_checkpoint(tmp_path / "last.pt", state)
        if step.step == 5:
            break
    before = weights(state.model)
    with pytest.raises(TrainingError, match=rf"step 6 cannot.* loss is {bad}; .* checkpoint is .*last\.pt$"):
        next(steps)
    assert all(torch.equal(a, b) for a, b in zip(before, weights(state.model), strict=True))
    assert state.step == 5


def test_a_gradient_that_is_not_finite_stops_the_run(toy):
    def loss(model: nn.Module, batch: dict[str, torch.Tensor], draw: Draw) -> torch.Tensor:
        return toy.exact_loss(model, batch, draw) + next(model.parameters()).mul(0).abs().sqrt().sum()

    with pytest.raises(TrainingError, match=r"step 1 cannot .* norm is nan; no checkpoint was saved"):
        next(train(toy.model(), toy.batches, loss, SHORT))


def test_fp16_skips_a_step_that_overflows_and_lowers_the_scale(toy):
    config = replace(SHORT, precision="fp16")
    state = TrainState(toy.model(), config)
    state.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**24, growth_interval=10**6)
    start, skipped = weights(state.model), []
    for step in train(state.model, toy.batches, toy.exact_loss, config, state=state):
        skipped.append(step.skipped)
        assert step.skipped == (not math.isfinite(step.grad_norm))
        assert math.isfinite(step.loss)
        if all(skipped):
            assert all(torch.equal(a, b) for a, b in zip(start, weights(state.model), strict=True))
    assert skipped[0]
    assert not skipped[-1]
    assert state.scaler.get_scale() == 2.0 ** (24 - sum(skipped))
    assert (state.step, state.skipped) == (12, sum(skipped))
    assert state.ema.updates == 12 - sum(skipped)


def test_a_skipped_step_is_none_of_the_warm_up(toy):
    config = TrainConfig(steps=40, batch_size=8, warmup_steps=10, learning_rate=3e-4, precision="fp16")
    state = TrainState(toy.model(), config)
    state.scaler = torch.amp.GradScaler("cpu", init_scale=2.0**30, growth_interval=10**6)
    rates = [
        s.learning_rate
        for s in train(state.model, toy.batches, toy.exact_loss, config, state=state)
        if not s.skipped
    ]
    assert state.skipped >= 3
    assert rates[:3] == pytest.approx([3e-5, 6e-5, 9e-5])


def test_a_frozen_part_stays_frozen(toy):
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    model[1].eval()
    seen = []

    def loss(model: nn.Module, batch: torch.Tensor, draw: Draw) -> torch.Tensor:
        seen.append((model.training, model[1].training))
        return model(batch).square().mean()

    for _ in train(model, lambda slot: torch.ones(slot.size, 4), loss, SHORT):
        model.eval()  # what the caller does between two steps is undone
    assert seen == [(True, False)] * SHORT.steps
    assert int(model[1].num_batches_tracked) == 0


def test_fp16_gives_up_where_no_scale_helps(toy):
    def loss(model: nn.Module, batch: dict[str, torch.Tensor], draw: Draw) -> torch.Tensor:
        return toy.exact_loss(model, batch, draw) + next(model.parameters()).mul(0).abs().sqrt().sum()

    config = replace(SHORT, steps=100, precision="fp16")
    steps = train(toy.model(), toy.batches, loss, config)
    with pytest.raises(TrainingError, match="overflows at every loss scale"):
        list(steps)


def test_fp16_matches_fp32_closely(toy):
    a, b = toy.model(dropout=False), toy.model(dropout=False)
    full = list(train(a, toy.batches, toy.exact_loss, SHORT))
    half = list(train(b, toy.batches, toy.exact_loss, replace(SHORT, precision="fp16")))
    assert [s.loss for s in full] == pytest.approx([s.loss for s in half], rel=0.02)
    assert [s.grad_norm for s in full] == pytest.approx([s.grad_norm for s in half], rel=0.05)


def test_an_error_in_the_data_reaches_the_caller(toy):
    def batches(slot: Slot) -> dict[str, torch.Tensor]:
        if slot.step == 3:
            raise OSError("shard 7 is gone")
        return toy.batches(slot)

    steps = train(toy.model(), batches, toy.exact_loss, SHORT)
    assert [next(steps).step for _ in range(3)] == [1, 2, 3]
    with pytest.raises(OSError, match="shard 7"):
        next(steps)


def test_bad_losses_and_states_are_refused(toy):
    with pytest.raises(ValueError, match=r"mapping with 'loss', found \['total'\]"):
        next(train(toy.model(), toy.batches, lambda m, b, g: {"total": m(b["x"]).sum()}, SHORT))
    with pytest.raises(ValueError, match=r"'loss' must be a scalar, found shape \(8, 4\)"):
        next(train(toy.model(), toy.batches, lambda m, b, g: m(b["x"]), SHORT))
    state = TrainState(toy.model(), SHORT)
    with pytest.raises(ValueError, match="made for this model"):
        train(toy.model(), toy.batches, toy.exact_loss, SHORT, state=state)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_it_learns_on_a_gpu(toy, precision: str):
    config = TrainConfig(steps=100, batch_size=16, learning_rate=2e-2, warmup_steps=10, precision=precision)
    steps = list(train(toy.model(dropout=False).cuda(), toy.batches, toy.exact_loss, config))
    assert steps[-1].loss < 0.2 * steps[0].loss
