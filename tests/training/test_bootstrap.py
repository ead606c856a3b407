"""Scheduled sampling: its probability, what it replaces, and that the draw alone decides it."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from anchordiff.domains.maze import ParticleMazeConfig, ParticleMazeDataset, WallHinge
from anchordiff.masks import Even
from anchordiff.states import StateSpace
from anchordiff.training import TrainConfig, TrainState, train
from anchordiff.training.bootstrap import Bootstrap, ScheduledSampling
from anchordiff.training.draw import Draw
from anchordiff.training.objectives import DenoiserObjective

DATA = ParticleMazeDataset(ParticleMazeConfig(rows=9, cols=9, min_l1=4, horizon=16), geodesic=True)
ALWAYS = Bootstrap(start=1.0, end=1.0, cap=1.0, tolerance=1e6, sampler_steps=2)
SPARSEST = DenoiserObjective(sparsest_share=1.0, keypoint_noise=0.0, masks=Even(4))

units = st.floats(0.0, 1.0)


@pytest.fixture
def make_stage(tiny_keypoints, tiny_encoder, roughen):
    """Make a stage 1 whose every weight matters."""
    encoder = tiny_encoder(attention_channels=0)
    return lambda **fields: roughen(tiny_keypoints(encoder=encoder, **fields), size=0.05)


@pytest.fixture
def make_denoiser(tiny_denoiser, roughen):
    """Make a stage 2 whose every weight matters."""
    return lambda: roughen(tiny_denoiser(), size=0.05, seed=1)


def drawn(seed: int = 0, *, step: int = 0) -> Draw:
    return Draw(step=step, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def coarse_of(make_denoiser):
    """The terms of a call, and the interpolated trajectories that it showed to stage 2."""

    def call(scheduled: ScheduledSampling, *, step: int = 0, seed: int = 0, size: int = 16):
        model, seen = make_denoiser(), []
        model.transformer.register_forward_pre_hook(lambda _, args: seen.append(args[1].detach().clone()))
        batch = DATA.batch(range(size))
        terms = scheduled(model, batch, drawn(seed, step=step))
        return terms, seen[0], batch.trajectory

    return call


def is_changed(coarse, truth):
    """Which trajectories do not pass through the expert's even anchors."""
    steps = [0, 5, 10, 15]
    return (coarse[:, steps] - truth[:, steps]).abs().amax(dim=(1, 2)) > 1e-4


@given(
    ends=st.tuples(units, units).map(sorted),
    cap=units,
    warmup=st.integers(0, 1000),
    steps=st.tuples(st.integers(0, 2000), st.integers(0, 2000)).map(sorted),
)
def test_probability_climbs_from_start_to_end_and_never_passes_the_cap(ends, cap, warmup, steps):
    bootstrap = Bootstrap(start=ends[0], end=ends[1], cap=cap, warmup_steps=warmup)
    earlier, later = (bootstrap.probability(step) for step in steps)
    assert earlier <= later + 1e-12
    assert min(ends[0], cap) - 1e-12 <= earlier
    assert later <= min(ends[1], cap) + 1e-12
    assert bootstrap.probability(warmup) == min(ends[1], cap)
    if warmup:
        assert bootstrap.probability(0) == min(ends[0], cap)
    if warmup % 2 == 0 and warmup:
        middle = min((ends[0] + ends[1]) / 2, cap)
        assert bootstrap.probability(warmup // 2) == pytest.approx(middle, abs=1e-12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": -0.1}, "start must lie in"),
        ({"end": 1.5}, "end must lie in"),
        ({"cap": float("nan")}, "cap must lie in"),
        ({"start": 0.6}, "start must not exceed end = 0.5, found 0.6"),
        ({"warmup_steps": -1}, "warmup_steps must not be negative"),
        ({"tolerance": 0.0}, "tolerance must be positive"),
        ({"sampler_steps": 0}, "sampler_steps must be at least 1"),
    ],
)
def test_values_out_of_range_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        Bootstrap(**options)


def test_the_stage_is_left_as_it_is_and_gets_no_gradient(make_stage, make_denoiser):
    stage = make_stage().train()
    before = {name: value.clone() for name, value in stage.state_dict().items()}
    scheduled = ScheduledSampling(SPARSEST, stage, ALWAYS)
    model = make_denoiser()
    terms = scheduled(model, DATA.batch(range(4)), drawn())
    terms["loss"].backward()
    assert any(bool(p.grad.abs().sum()) for p in model.parameters() if p.grad is not None)
    assert all(module.training for module in stage.modules())
    assert all(p.requires_grad and p.grad is None for p in stage.parameters())
    assert all(torch.equal(before[name], value) for name, value in stage.state_dict().items())
    assert not any(module.training for module in scheduled.stage.modules())
    assert not any(p.requires_grad or p.grad is not None for p in scheduled.stage.parameters())


def test_training_the_stage_on_changes_nothing(make_stage, coarse_of, roughen):
    stage = make_stage()
    scheduled = ScheduledSampling(SPARSEST, stage, ALWAYS)
    first = coarse_of(scheduled)[1]
    roughen(stage)
    assert torch.equal(coarse_of(scheduled)[1], first)


@pytest.mark.parametrize(
    "objective",
    [
        DenoiserObjective(terms={"hinge": WallHinge()}),
        DenoiserObjective(terms={"hinge": WallHinge()}, sparsest_share=0.0),
    ],
)
def test_it_is_the_plain_objective_at_probability_zero_and_above_the_sparsest_level(
    make_stage, make_denoiser, objective
):
    never = objective.sparsest_share > 0
    scheduled = ScheduledSampling(objective, make_stage(), Bootstrap(end=0.0) if never else ALWAYS)
    batch = DATA.batch(range(6))
    for seed in range(3):
        plain = objective(make_denoiser(), batch, drawn(seed))
        terms = scheduled(make_denoiser(), batch, drawn(seed, step=10**6))
        assert float(terms.pop("generated")) == 0.0
        assert terms.keys() == plain.keys()
        assert all(torch.equal(terms[name], plain[name]) for name in plain)


def test_at_probability_one_every_trajectory_is_generated_with_one_encoding(make_stage, coarse_of):
    scheduled = ScheduledSampling(SPARSEST, make_stage(), ALWAYS)
    calls = []
    scheduled.stage.encoder.register_forward_hook(lambda *_: calls.append(1))
    terms, coarse, truth = coarse_of(scheduled)
    assert float(terms["generated"]) == 1.0
    assert bool(is_changed(coarse, truth).all())
    assert calls == [1]
    torch.testing.assert_close(coarse[:, [0, -1]], truth[:, [0, -1]])


def test_the_target_stays_the_expert(make_stage, make_denoiser, coarse_of):
    terms, coarse, truth = coarse_of(ScheduledSampling(SPARSEST, make_stage(), ALWAYS))
    model = make_denoiser()
    for head in model.transformer.heads:
        nn.init.zeros_(head[1].weight)
        nn.init.zeros_(head[1].bias)
    terms = ScheduledSampling(SPARSEST, make_stage(), ALWAYS)(model, DATA.batch(range(16)), drawn())
    # A denoiser that changes nothing errs by the distance of the generated way to the expert's.
    torch.testing.assert_close(terms["error"], (coarse - truth).square().mean())


def test_keypoints_beyond_the_tolerance_stay_true(make_stage, coarse_of):
    wide = ScheduledSampling(SPARSEST, make_stage(), ALWAYS)
    _, coarse, truth = coarse_of(wide)
    steps = [0, 5, 10, 15]
    distance = (coarse[:, steps] - truth[:, steps]).norm(dim=-1).amax(dim=1)
    tolerance = float(distance.sort().values[[7, 8]].mean())
    terms, coarse, truth = coarse_of(
        ScheduledSampling(SPARSEST, make_stage(), replace(ALWAYS, tolerance=tolerance))
    )
    assert torch.equal(is_changed(coarse, truth), distance <= tolerance)
    assert float(terms["generated"]) == 0.5


def test_the_tolerance_is_in_units_of_the_states(make_stage, coarse_of):
    shares = []
    for unit in (1.0, 4.0):
        stage = make_stage(states=StateSpace(unit=unit))
        tolerant = replace(ALWAYS, tolerance=1.0 / unit)
        shares.append(float(coarse_of(ScheduledSampling(SPARSEST, stage, tolerant))[0]["generated"]))
    assert shares[0] == shares[1]
    assert 0 < shares[0] < 1


def test_the_tolerance_is_measured_at_the_horizon_that_was_drawn(make_stage, coarse_of):
    longer = replace(SPARSEST, horizons=(46,))
    terms, coarse, _ = coarse_of(ScheduledSampling(longer, make_stage(), ALWAYS))
    assert coarse.shape[1] == 46
    assert terms["generated"] == 1.0
    strict = replace(ALWAYS, tolerance=1e-6)
    terms, coarse, truth = coarse_of(ScheduledSampling(longer, make_stage(), strict))
    assert terms["generated"] == 0.0
    torch.testing.assert_close(coarse[:, [0, 15, 30, 45]], truth[:, [0, 5, 10, 15]])


def test_the_share_follows_the_probability_and_an_elements_draw_does_not(make_stage, coarse_of):
    shares = {}
    for probability in (0.3, 0.6):
        bootstrap = replace(ALWAYS, start=0.0, end=1.0, warmup_steps=100)
        scheduled = ScheduledSampling(SPARSEST, make_stage(), bootstrap)
        terms, coarse, truth = coarse_of(scheduled, step=round(100 * probability), size=128)
        shares[probability] = is_changed(coarse, truth), coarse
        assert float(terms["generated"]) == pytest.approx(probability, abs=0.15)
        assert float(terms["generated"]) == pytest.approx(float(shares[probability][0].float().mean()))
    (few, coarse_few), (many, coarse_many) = shares.values()
    assert bool((many | ~few).all())
    torch.testing.assert_close(coarse_few[few], coarse_many[few])


def test_by_batch_all_trajectories_are_replaced_or_none(make_stage, coarse_of):
    half = replace(ALWAYS, start=0.5, end=0.5, unit="batch")
    scheduled = ScheduledSampling(SPARSEST, make_stage(), half)
    shares = [coarse_of(scheduled, seed=seed)[0]["generated"].item() for seed in range(24)]
    assert set(shares) == {0.0, 1.0}
    assert 6 <= sum(shares) <= 18


def test_a_stage_that_does_not_fit_is_refused(make_stage, make_denoiser):
    stage = make_stage(states=StateSpace(velocities=True))
    with pytest.raises(ValueError, match="stage must have the trajectories' dim 2, found 4"):
        ScheduledSampling(SPARSEST, stage, ALWAYS)(make_denoiser(), DATA.batch([0]), drawn())
    broken = make_stage()
    with torch.no_grad():
        broken.transformer.to_tokens.bias[0] = torch.nan
    with pytest.raises(ValueError, match="NaN or infinity in transformer"):
        ScheduledSampling(SPARSEST, broken)


def test_a_resumed_run_ends_with_the_same_bits(make_stage, make_denoiser):
    config = TrainConfig(steps=6, batch_size=4, accumulate=2, learning_rate=1e-2, warmup_steps=1)
    bootstrap = replace(ALWAYS, start=0.0, end=1.0, warmup_steps=4)
    loss = ScheduledSampling(DenoiserObjective(), make_stage(), bootstrap)

    model = make_denoiser()
    state = TrainState(model, config)
    shares, saved = [], {}
    for step in train(model, DATA.at, loss, config, state=state, ahead=0):
        shares.append(step.terms["generated"])
        if step.step == 3:
            saved = deepcopy(state.state_dict())  # it shares memory with the run that goes on
    resumed = make_denoiser()
    state = TrainState(resumed, config)
    state.load_state_dict(saved)
    again = [step.terms["generated"] for step in train(resumed, DATA.at, loss, config, state=state, ahead=0)]
    assert shares[0] == 0.0
    assert max(shares) > 0.4
    assert again == shares[3:]
    for name, value in model.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
