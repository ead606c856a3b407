"""Stage 1: its preconditioning, its loss, and samples that begin and end where they must."""

import pytest
import torch
from torch import nn

from anchordiff.anchors import AnchorSet
from anchordiff.domains.maze import ParticleMazeConfig, ParticleMazeDataset
from anchordiff.masks import Ends, Even, Random
from anchordiff.nn.config import TransformerConfig
from anchordiff.nn.frame import Frame
from anchordiff.samplers import DDIMSampler, DDPMSampler, ElementNoise, FlowSampler, to_x0
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.states import StateSpace

HORIZON, COUNT = 16, 5
PREDICTIONS = ["x0", "eps", "v"]


@pytest.fixture
def build(tiny_keypoints):
    """Make a fresh model of two blocks."""
    body = TransformerConfig(width=16, depth=2, heads=2)
    return lambda **changes: tiny_keypoints(**{"num_keypoints": COUNT, "transformer": body} | changes)


@pytest.fixture
def rough(build, roughen):
    """A model with random heads, not to be trained."""
    return lambda **changes: roughen(build(**changes)).requires_grad_(requires_grad=False)


def even(batch: int, *, horizon: int = HORIZON, count: int = COUNT) -> AnchorSet:
    return AnchorSet.from_mask(Even(count).sample(batch, horizon))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def frame_of(model: KeypointDiffusion, condition, anchors: AnchorSet) -> Frame:
    return Frame.bridge(
        condition.start, condition.goal, anchors.times, states=model.config.states, horizon=anchors.horizon
    )


@pytest.mark.parametrize("schedule", ["rectified", "cosine", "linear_beta"])
@pytest.mark.parametrize("t", [0.0, 0.3, 1.0])
def test_clean_keypoints_have_exact_ends_at_all_times(rough, mazes, schedule, t):
    model, condition = rough(schedule=schedule), mazes(3)
    z_t = 20 * torch.randn(3, COUNT, 2, generator=seeded())
    keypoints = model(z_t, torch.full((3,), t), even(3), condition)
    assert torch.equal(keypoints[:, 0], condition.start)
    assert torch.equal(keypoints[:, -1], condition.goal)
    assert bool(keypoints.isfinite().all())


def test_without_noise_the_estimate_is_the_state_itself(rough, mazes):
    model, condition, anchors = rough(), mazes(3), even(3)
    z = frame_of(model, condition, anchors).denormalise(torch.randn(3, COUNT, 2, generator=seeded()))
    z[:, 0], z[:, -1] = condition.start, condition.goal
    keypoints = model(z, torch.zeros(3), anchors, condition)
    torch.testing.assert_close(keypoints, z, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("prediction", "schedule"),
    [("x0", "rectified"), ("x0", "cosine"), ("eps", "linear_beta"), ("v", "rectified"), ("v", "cosine")],
)
def test_forward_reads_the_raw_output_as_its_prediction_says(build, mazes, prediction, schedule):
    model, condition, anchors = build(prediction=prediction, schedule=schedule), mazes(4), even(4)
    raw = torch.tensor([0.7, -0.4])
    with torch.no_grad():
        model.transformer.heads[0][1].bias.copy_(0.25 * raw)
        model.transformer.heads[1][1].bias.copy_(0.75 * raw)  # blocks add up
    frame, t = frame_of(model, condition, anchors), torch.tensor([0.1, 0.4, 0.7, 0.9])
    u_t = torch.randn(4, COUNT, 2, generator=seeded())
    found = frame.normalise(model(frame.denormalise(u_t), t, anchors, condition).detach())
    alpha, sigma = model.schedule(t)
    output = raw.expand_as(u_t)
    if prediction == "x0":
        a, s, spread = alpha[:, None, None], sigma[:, None, None], frame.spread
        power = a**2 * spread**2 + s**2
        expected = a * spread**2 / power * u_t + s * spread / power.sqrt() * output
    else:
        # What is known is known, whatever the network says.
        expected = to_x0(output, u_t, alpha, sigma, prediction).masked_fill(frame.spread == 0, 0.0)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


def test_a_fresh_model_is_the_best_linear_estimate_of_a_brownian_bridge(build, mazes):
    # E[u | u_t] under u ~ N(0, s²): no other factor of u_t errs less, over many draws.
    model, condition, anchors = build(), mazes(1), even(1).repeat(4000)
    frame = frame_of(model, condition.repeat(4000), anchors)
    u = frame.spread * torch.randn(4000, COUNT, 2, generator=seeded(0))
    t = torch.full((4000,), 0.6)
    u_t = 0.4 * u + 0.6 * torch.randn(4000, COUNT, 2, generator=seeded(1))
    with torch.no_grad():
        estimate = frame.normalise(model(frame.denormalise(u_t), t, anchors, condition))
    residual = ((u - estimate) * u_t).mean(dim=(0, 2))
    torch.testing.assert_close(residual, torch.zeros(COUNT), atol=0.03, rtol=0)


def test_the_loss_is_zero_for_an_oracle_and_weighs_errors_by_noise(build, mazes, monkeypatch):
    model, condition, anchors = build(), mazes(3), even(3)
    keypoints = 5 + torch.randn(3, COUNT, 2, generator=seeded())
    truth = frame_of(model, condition, anchors).normalise(keypoints)
    seen = []

    def oracle(error: float):
        def estimates(u_t, t, *_):
            seen.append(t)
            copies = len(u_t) // 3
            return [truth.repeat_interleave(copies, dim=0) + error * block for block in (3.0, 1.0)]

        return estimates

    for repeats in (1, 4):
        monkeypatch.setattr(model, "_denoise", oracle(0.0))
        made = model.loss(keypoints, anchors, condition, generator=seeded(), repeats=repeats)
        assert float(made.loss) == float(made.terms["diffusion"]) == 0.0
        torch.testing.assert_close(made.estimate, keypoints.repeat_interleave(repeats, dim=0))
    monkeypatch.setattr(model, "_denoise", oracle(0.5))
    loss = model.loss(keypoints, anchors, condition, generator=seeded(), repeats=4).loss
    alpha, sigma = model.schedule(seen[-1])
    weight = ((alpha**2 + sigma**2) / sigma**2).clamp(max=10).mean()
    # The first of two blocks weighs 1 / 3, the last 2 / 3.
    torch.testing.assert_close(loss, weight * (1.5**2 / 3 + 0.5**2 * 2 / 3))
    times = seen[-1].sort().values
    assert len(times) == 12
    torch.testing.assert_close(times.diff(), torch.full((11,), 1 / 12))


def test_the_loss_follows_from_its_generator_and_shares_the_scene(build, mazes):
    model, condition, anchors = build(), mazes(3), even(3)
    keypoints = torch.rand(3, COUNT, 2, generator=seeded())
    calls = []
    model.encoder.register_forward_hook(lambda *_: calls.append(1))
    losses = [
        model.loss(keypoints, anchors, condition, generator=seeded(seed), repeats=3).loss
        for seed in (0, 0, 1)
    ]
    assert torch.equal(losses[0], losses[1])
    assert not torch.equal(losses[0], losses[2])
    assert len(calls) == 3
    scene = model.encode(condition)
    made = model.loss(keypoints, anchors, scene, generator=seeded(), repeats=3)
    assert torch.equal(made.loss, losses[0])
    assert made.scene is scene
    assert made.loss.requires_grad
    assert made.estimate.requires_grad
    assert made.estimate.shape == (9, COUNT, 2)
    assert not made.terms["diffusion"].requires_grad


def test_nothing_is_learned_from_keypoints_that_are_padding(build, mazes):
    model, condition, anchors = build(), mazes(3), even(3)
    keypoints = condition.start[:, None] + torch.rand(3, COUNT, 2, generator=seeded())
    valid = torch.ones(3, COUNT, dtype=torch.bool)
    options = {"generator": seeded(), "repeats": 2}
    plain = model.loss(keypoints, anchors, condition, **options).loss
    options["generator"] = seeded()
    torch.testing.assert_close(model.loss(keypoints, anchors, condition, valid=valid, **options).loss, plain)
    valid[:, 2] = False
    losses = []
    for shift in (0.0, 3.0):
        # A fresh model moves each keypoint by itself.
        keypoints[:, 2] += shift
        made = model.loss(keypoints, anchors, condition, valid=valid, generator=seeded(), repeats=2)
        losses.append(made.loss)
    torch.testing.assert_close(losses[0], losses[1])
    assert not torch.equal(losses[0], plain)


SAMPLERS = [None, FlowSampler(2, method="heun"), DDIMSampler(3, eta=1.0), DDPMSampler(3)]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("prediction", PREDICTIONS)
def test_samples_hold_start_and_goal_bit_by_bit(rough, mazes, prediction, sampler):
    model, condition = rough(prediction=prediction, schedule="linear_beta"), mazes(3)
    keypoints = model.sample(condition, even(6), sampler=sampler, generator=seeded())
    assert torch.equal(keypoints[:, 0], condition.start.repeat_interleave(2, dim=0))
    assert torch.equal(keypoints[:, -1], condition.goal.repeat_interleave(2, dim=0))
    assert bool(keypoints.isfinite().all())


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
def test_samples_follow_from_the_generator_and_not_from_the_batch(rough, mazes, sampler):
    model, condition, anchors = rough(schedule="cosine"), mazes(2), even(6)
    whole = model.sample(condition, anchors, sampler=sampler, generator=seeded())
    assert torch.equal(whole, model.sample(condition, anchors, sampler=sampler, generator=seeded()))
    assert not torch.equal(whole, model.sample(condition, anchors, sampler=sampler, generator=seeded(1)))
    assert len(whole[:, 1].unique(dim=0)) == 6
    source = seeded()
    parts = [
        model.sample(condition[[element]], even(3), sampler=sampler, generator=source) for element in (0, 1)
    ]
    torch.testing.assert_close(torch.cat(parts), whole, atol=1e-4, rtol=1e-4)
    seeds = ElementNoise.draw(6, generator=seeded()).seeds
    last = model.sample(condition[[1]], even(1), sampler=sampler, noise=ElementNoise(seeds[[5]]))
    torch.testing.assert_close(last, whole[5:], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("horizon", "count"), [(2, 2), (16, 2), (9, 9), (100, 11), (384, 5)])
@pytest.mark.parametrize("dim", [2, 4])
def test_any_horizon_and_number_of_keypoints_can_be_asked_for(rough, mazes, horizon, count, dim):
    model, condition = rough(states=StateSpace(velocities=dim == 4)), mazes(2)
    anchors = even(4, horizon=horizon, count=count)
    keypoints = model.sample(condition, anchors, sampler=FlowSampler(2), generator=seeded())
    assert keypoints.shape == (4, count, dim)
    assert bool(keypoints.isfinite().all())
    torch.testing.assert_close(keypoints[:, 0, :2], condition.start.repeat_interleave(2, dim=0))


@pytest.mark.parametrize(("rows", "cols"), [(5, 5), (15, 23)])
def test_mazes_of_other_sizes_work(rough, mazes, rows, cols):
    model, condition = rough(), mazes(2, rows, cols)
    keypoints = model.sample(condition, even(2), sampler=FlowSampler(2), generator=seeded())
    assert torch.equal(keypoints[:, -1], condition.goal)
    assert bool(keypoints.isfinite().all())


def test_anchors_may_differ_between_samples(rough, mazes):
    model, condition = rough(), mazes(2)
    mask = (Ends() + Random(3)).sample(2, HORIZON, generator=seeded(4))
    anchors = AnchorSet.from_mask(mask)
    assert not torch.equal(*anchors.index)
    noise = ElementNoise.draw(2, generator=seeded())
    both = model.sample(condition, anchors, noise=noise)
    one = model.sample(condition[[1]], anchors[[1]], noise=ElementNoise(noise.seeds[1:]))
    torch.testing.assert_close(both[1:], one, atol=1e-4, rtol=1e-4)
    swapped = model.sample(condition, anchors[[1, 0]], noise=noise)
    assert float((swapped - both)[:, 1:-1].abs().max()) > 1e-3


def test_the_callback_sees_each_step_in_the_units_of_states(rough, mazes):
    model, condition, seen = rough(), mazes(2), []

    def callback(step, t, z_t, z_0):
        seen.append((step, t, z_t.clone(), z_0.clone()))

    keypoints = model.sample(
        condition, even(2), sampler=FlowSampler(4), generator=seeded(), callback=callback
    )
    assert [(step, t) for step, t, *_ in seen] == [(0, 1.0), (1, 0.75), (2, 0.5), (3, 0.25)]
    torch.testing.assert_close(seen[-1][3], keypoints)
    for *_, z_0 in seen:
        assert torch.equal(z_0[:, 0], condition.start)
        assert torch.equal(z_0[:, -1], condition.goal)
    first = frame_of(model, condition, even(2)).normalise(seen[0][2])
    assert 0.5 < float(first.std()) < 1.5
    expected = ElementNoise.draw(2, generator=seeded())(0, first)
    torch.testing.assert_close(first, expected, atol=1e-5, rtol=1e-4)


def test_noise_has_one_source(rough, mazes):
    noise = ElementNoise.draw(2, generator=seeded())
    with pytest.raises(ValueError, match="generator and noise must not be given together"):
        rough().sample(mazes(2), even(2), generator=seeded(), noise=noise)
    with pytest.raises(ValueError, match="one element a seed"):
        rough().sample(mazes(3), even(3), noise=noise)


def test_a_tiny_model_learns_a_handful_of_mazes(build):
    data = ParticleMazeDataset(ParticleMazeConfig(rows=9, cols=9, min_l1=6, horizon=HORIZON))
    batch, anchors = data.batch(range(4)), even(4)
    keypoints = anchors.gather(batch.trajectory)
    model = build(transformer=TransformerConfig(width=32, depth=2, heads=2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)

    def error() -> float:
        with torch.no_grad():
            drawn = model.sample(batch.condition, even(16), generator=seeded())
        return float((drawn - keypoints.repeat_interleave(4, dim=0)).norm(dim=-1)[:, 1:-1].mean())

    before = error()
    generator = seeded(1)
    for _ in range(80):
        loss = model.loss(keypoints, anchors, batch.condition, generator=generator, repeats=4).loss
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    assert error() < 0.25 * before


def test_a_noise_prediction_weighs_its_own_error(build, mazes, monkeypatch):
    # An error e of the noise moves the estimate by sigma / alpha e; the weight must undo what that adds.
    model, condition = build(prediction="eps", schedule="linear_beta"), mazes(64)
    z = condition.start[:, None] + torch.zeros(64, COUNT, 2)
    seen: list[torch.Tensor] = []

    def off_by_one_in_noise(u_t, t, task):
        alpha, sigma = model.schedule(t)
        seen.append((alpha / sigma).square().clamp(max=10.0) * (sigma / alpha).square())
        clean = task.frame.normalise(z)
        return [clean + (sigma / alpha)[:, None, None]]

    monkeypatch.setattr(model, "_denoise", off_by_one_in_noise)
    loss = model.loss(z, even(64), condition, generator=seeded()).loss
    torch.testing.assert_close(loss, seen[0].mean(), atol=1e-4, rtol=1e-4)
    assert float(seen[0].max()) <= 1.0 + 1e-5


def test_a_scene_serves_inside_and_outside_of_autocast(rough, mazes):
    model, condition, anchors = rough(), mazes(2), even(2)
    plain = model.sample(condition, anchors, generator=seeded())
    with torch.autocast("cpu", torch.bfloat16):
        scene = model.encode(condition)
    for many in (1, 20):  # few tokens take the compiled kernel, many torch
        rough_one = model.sample(scene, anchors.repeat(many), generator=seeded())
        assert rough_one.dtype == torch.float32
        assert float((rough_one[::many][:1] - plain[:1]).abs().max()) < 0.5
    with torch.autocast("cpu", torch.bfloat16):
        assert bool(model.sample(model.encode(condition), anchors.repeat(20)).isfinite().all())


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused(rough, mazes):
    model = rough()
    with pytest.raises(
        ValueError, match="anchors must have a multiple of the 2 conditions as its length, found 3"
    ):
        model.sample(mazes(2), even(3))
    with pytest.raises(ValueError, match=r"sampler must be a Sampler, as FlowSampler.* found 'ddim'"):
        model.sample(mazes(2), even(2), sampler="ddim")
