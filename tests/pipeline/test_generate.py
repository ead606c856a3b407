from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from anchordiff.anchors import AnchorSet
from anchordiff.interpolation import interpolate, with_velocity
from anchordiff.masks import Ends, Even, Random
from anchordiff.pipeline import PipelineConfig, TwoStagePipeline, stages
from anchordiff.samplers import DDIMSampler, DDPMSampler
from anchordiff.stages.guidance import CostGuidance

FIELDS = ("trajectory", "coarse", "keypoints")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def assert_same(a, b):
    for name in FIELDS:
        assert_close(getattr(a, name), getattr(b, name), rtol=0, atol=1e-4)


def test_shapes_and_order(pipe, condition):
    out = pipe.generate(condition, num_samples=4, generator=seeded())
    assert len(out) == 12
    assert out.trajectory.shape == out.coarse.shape == (12, 32, 2)
    assert out.keypoints.shape == (12, 6, 2)
    assert out.anchors.index.shape == (12, 6)
    assert out.trace is None
    for name in FIELDS:
        states = getattr(out, name)
        assert torch.equal(states[:, 0], condition.start.repeat_interleave(4, dim=0))
        assert torch.equal(states[:, -1], condition.goal.repeat_interleave(4, dim=0))
    assert (out.trajectory[0] - out.trajectory[1]).abs().max() > 0.01
    assert (out.trajectory - out.coarse).abs().max() > 0.01


def test_coarse_is_the_interpolation_of_the_keypoints(pipe, condition):
    out = pipe.generate(condition)
    assert torch.equal(out.coarse, interpolate(out.keypoints, out.anchors))


@pytest.mark.parametrize(
    ("sampler", "batch_size"),
    [
        ("flow", 1),
        ("flow", 3),
        ("flow", 4),
        ("flow", 100),
        ("heun", 3),
        ("ddim", 8),
        ("ddpm", 1),
        ("ddpm", 3),
    ],
)
def test_the_batch_split_changes_nothing(pipe, condition, sampler, batch_size):
    whole = pipe.generate(condition, num_samples=4, generator=seeded(), sampler=sampler)
    parts = pipe.generate(
        condition, num_samples=4, generator=seeded(), sampler=sampler, batch_size=batch_size
    )
    assert_same(whole, parts)


@pytest.mark.parametrize("sampler", ["flow", "ddpm"])
def test_conditions_together_are_conditions_in_turn(pipe, condition, sampler):
    together = pipe.generate(condition, num_samples=2, generator=seeded(), sampler=sampler)
    generator = seeded()
    first = pipe.generate(condition[:1], num_samples=2, generator=generator, sampler=sampler)
    others = pipe.generate(condition[1:], num_samples=2, generator=generator, sampler=sampler)
    for name in FIELDS:
        joined = torch.cat([getattr(first, name), getattr(others, name)])
        assert_close(getattr(together, name), joined, rtol=0, atol=1e-4)


def test_the_generator_decides(pipe, condition):
    a, b, c = (pipe.generate(condition, generator=seeded(seed), sampler="ddpm") for seed in (1, 1, 2))
    assert torch.equal(a.trajectory, b.trajectory)
    assert not torch.equal(a.trajectory, c.trajectory)
    torch.manual_seed(5)
    d = pipe.generate(condition)
    torch.manual_seed(5)
    assert torch.equal(d.trajectory, pipe.generate(condition).trajectory)


def test_masks_drawn_at_random_do_not_depend_on_the_split(pipe, condition):
    masks = Ends() + Random(3)
    whole = pipe.generate(condition, num_samples=2, generator=seeded(), anchors=masks)
    parts = pipe.generate(condition, num_samples=2, generator=seeded(), anchors=masks, batch_size=1)
    assert torch.equal(whole.anchors.index, parts.anchors.index)
    assert_same(whole, parts)
    assert len({tuple(row) for row in whole.anchors.index.tolist()}) > 1


def test_anchors_and_horizon_of_a_call(pipe, condition):
    assert pipe.generate(condition, anchors=4, horizon=20).trajectory.shape == (3, 20, 2)
    one = AnchorSet(torch.tensor([[0, 5, 19]]), horizon=20)
    each = AnchorSet(torch.tensor([[0, 5, 19], [0, 6, 19], [0, 7, 19]]), horizon=20)
    out = pipe.generate(condition, num_samples=2, anchors=one, horizon=20)
    assert out.anchors.index.tolist() == [[0, 5, 19]] * 6
    out = pipe.generate(condition, num_samples=2, anchors=each, horizon=20)
    assert out.anchors.index[:, 1].tolist() == [5, 5, 6, 6, 7, 7]
    out = pipe.generate(condition, num_samples=2, anchors=each.repeat(2), horizon=20)
    assert out.anchors.index[:, 1].tolist() == [5, 5, 6, 6, 7, 7]
    assert pipe.generate(condition, anchors=Even(5)).keypoints.shape == (3, 5, 2)
    assert pipe.generate(condition, anchors=32).keypoints.shape == (3, 32, 2)
    assert pipe.generate(condition, anchors=2, horizon=2).trajectory.shape == (3, 2, 2)


def test_sampler_and_steps_of_a_call(pipe, condition):
    def steps_of(**options):
        seen = []
        pipe.generate(condition, callback=lambda step, t, z_t, z_0: seen.append((step, t)), **options)
        return seen

    assert len(steps_of()) == 3
    assert steps_of(steps=2) == [(0, 1.0), (1, 0.5)]
    assert len(steps_of(sampler="heun", steps=5)) == 5
    assert len(steps_of(sampler=DDIMSampler(4))) == 4
    assert len(steps_of(sampler=DDIMSampler(4), steps=4)) == 4
    assert len(steps_of(steps=2, batch_size=1)) == 6
    ancestral = pipe.generate(condition, generator=seeded(), sampler=DDPMSampler(3))
    assert torch.equal(
        ancestral.trajectory, pipe.generate(condition, generator=seeded(), sampler="ddpm").trajectory
    )


@pytest.mark.parametrize("batch_size", [None, 2])
def test_trace(pipe, condition, batch_size):
    out = pipe.generate(
        condition, num_samples=2, return_trace=True, batch_size=batch_size, generator=seeded()
    )
    trace = out.trace
    assert trace.times == (1.0, pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert trace.noised.shape == trace.keypoints.shape == (6, 3, 6, 2)
    assert trace.coarse.shape == (6, 3, 32, 2)
    assert_close(trace.keypoints[:, -1], out.keypoints, rtol=0, atol=1e-5)
    assert torch.equal(trace.coarse[:, 1], interpolate(trace.keypoints[:, 1], out.anchors))
    assert torch.equal(out[2:4].trace.coarse, trace.coarse[2:4])
    assert_same(out, pipe.generate(condition, num_samples=2, generator=seeded()))


def test_callback_sees_states_in_their_own_units(pipe, condition):
    last = {}
    out = pipe.generate(condition, callback=lambda step, t, z_t, z_0: last.update({step: z_0.clone()}))
    assert_close(last[2], out.keypoints, rtol=0, atol=1e-5)


def test_clamp(pipe, condition):
    def call(clamp):
        return pipe.generate(condition, generator=seeded(), clamp=clamp)

    free, ends, held = call("none"), call("endpoints"), call("all_anchors")
    assert not torch.equal(free.trajectory[:, 0], condition.start)
    assert torch.equal(ends.trajectory[:, 0], condition.start)
    assert torch.equal(ends.trajectory[:, -1], condition.goal)
    assert torch.equal(ends.trajectory[:, 1:-1], free.trajectory[:, 1:-1])
    assert torch.equal(held.anchors.gather(held.trajectory), held.keypoints)
    between = ~held.anchors.mask
    assert torch.equal(held.trajectory[between], free.trajectory[between])


def test_velocities(new_pipeline, condition):
    pipe = new_pipeline(velocities=True)

    def call(**options):
        return pipe.generate(condition, generator=seeded(), **options)

    out = call()
    assert out.trajectory.shape == (3, 32, 4)
    assert torch.equal(out.coarse, with_velocity(out.coarse[:, :, :2]))
    free = call(clamp="none")
    assert torch.equal(out.trajectory[:, :, 2:], free.trajectory[:, :, 2:])
    assert torch.equal(out.trajectory[:, 0, :2], condition.start)
    whole = call(clamp_dims="all")
    assert torch.equal(whole.trajectory[:, [0, -1]], whole.keypoints[:, [0, -1]])
    held = call(clamp="all_anchors", clamp_dims="all")
    assert torch.equal(held.anchors.gather(held.trajectory), held.keypoints)


def test_results_are_ordinary_tensors(pipe, condition):
    out = pipe.generate(condition)
    out.trajectory[0] += 1.0
    out.keypoints.requires_grad_().square().sum().backward()
    assert not out.trajectory.is_inference()
    assert not any(weight.grad is not None for weight in pipe.keypoints.parameters())


def test_networks_return_to_training_mode(new_pipeline, condition):
    pipe = new_pipeline()
    pipe.keypoints.train()
    pipe.keypoints.encoder.eval()
    pipe.denoiser.eval()
    pipe.generate(condition)
    assert pipe.keypoints.training
    assert not pipe.keypoints.encoder.training
    assert not pipe.denoiser.training


def test_a_condition_is_encoded_once(new_pipeline, condition):
    pipe = new_pipeline()
    sizes = []
    for network in (pipe.keypoints, pipe.denoiser):
        network.encoder.register_forward_hook(lambda _, words, scene: sizes.append(len(words[0])))
    pipe.generate(condition, num_samples=5, batch_size=2, steps=4)
    assert sizes == [1, 1] * 3
    sizes.clear()
    pipe.generate(condition, num_samples=2, batch_size=5)
    assert sizes == [2, 2, 1, 1]


def test_progress_bar(pipe, condition, capsys):
    pipe.generate(condition, batch_size=1, progress=True)
    assert "3/3" in capsys.readouterr().err
    pipe.generate(condition, batch_size=1)
    assert capsys.readouterr().err == ""


def test_stages_must_agree(new_pipeline):
    pipe = new_pipeline()
    with pytest.raises(ValueError, match="must have the same states, found velocities False and True"):
        TwoStagePipeline(pipe.keypoints, new_pipeline(velocities=True).denoiser)
    assert TwoStagePipeline(pipe.keypoints, pipe.denoiser).config.num_keypoints == 6
    assert pipe.to("cpu") is pipe
    assert pipe.device == torch.device("cpu")
    assert pipe.dtype == torch.float32
    assert "keypoints: 0.0" in repr(pipe)


def generate(pipe, condition):
    return pipe.generate(condition, generator=seeded()).trajectory


def counted(network):
    """Calls of a network's encoder."""
    calls = []
    network.encoder.register_forward_hook(lambda *_: calls.append(1))
    return calls


def test_a_shared_encoder_encodes_a_condition_once_for_both_stages(new_pipeline, condition):
    apart = new_pipeline()
    own = generate(apart, condition)
    apart.denoiser.encoder.load_state_dict(apart.keypoints.encoder.state_dict())
    expected = generate(apart, condition)
    assert not torch.equal(own, expected)
    shared = TwoStagePipeline(apart.keypoints, apart.denoiser, replace(apart.config, shared_encoder=True))
    first, second = counted(shared.keypoints), counted(shared.denoiser)
    assert torch.equal(generate(shared, condition), expected)
    assert (len(first), len(second)) == (1, 0)
    scenes = shared.encode(condition)
    assert scenes[0] is scenes[1]
    other = apart.encode(condition)
    assert other[0] is not other[1]


def test_alike_encoders_are_not_shared_unless_they_are_one_and_the_same(new_pipeline, condition):
    alike = new_pipeline()
    alike.denoiser.encoder.load_state_dict(alike.keypoints.encoder.state_dict())
    encoder = alike.denoiser.encoder
    assert not TwoStagePipeline(alike.keypoints, alike.denoiser).config.shared_encoder
    assert alike.denoiser.encoder is encoder  # arguments stay what they are
    alike.denoiser.encoder = alike.keypoints.encoder
    one = TwoStagePipeline(alike.keypoints, alike.denoiser)
    assert one.config == PipelineConfig(horizon=32, num_keypoints=6, shared_encoder=True)
    calls = counted(one.keypoints)
    generate(one, condition)
    assert len(calls) == 1


def test_stages_with_different_encoders_share_none(new_pipeline, tiny_denoiser):
    pipe = new_pipeline()
    other = tiny_denoiser(horizon=32, num_keypoints=6)
    assert not TwoStagePipeline(pipe.keypoints, other).config.shared_encoder
    with pytest.raises(ValueError, match="shared_encoder must be False for stages with different encoders"):
        TwoStagePipeline(pipe.keypoints, other, PipelineConfig(shared_encoder=True))


def test_guidance_steers_towards_a_lower_cost_and_keeps_the_ends(pipe, condition):
    def cost(trajectory):
        return (trajectory[..., 0] - 5.0).square().mean(dim=1)

    plain = pipe.generate(condition, num_samples=4, generator=seeded())
    guided = pipe.generate(
        condition, num_samples=4, generator=seeded(), guidance=[CostGuidance(cost, weight=1.0)]
    )
    assert bool((cost(guided.keypoints) < cost(plain.keypoints)).all())
    assert torch.equal(guided.trajectory[:, [0, -1]], plain.trajectory[:, [0, -1]])
    none = pipe.generate(
        condition, num_samples=4, generator=seeded(), guidance=[CostGuidance(cost, weight=0.0)]
    )
    assert_same(none, plain)


@pytest.mark.parametrize("walk", [False, True])
@pytest.mark.parametrize(("samples", "tokens"), [(1, 64), (4, 64), (4, 300)])
def test_passes_of_stage_2_are_small_and_change_nothing(pipe, condition, samples, tokens, walk, monkeypatch):
    """On a CPU: passes of one, two and several conditions at a time, of 32 steps each."""
    options = {"num_samples": samples, "walk": walk}
    whole = pipe.generate(condition, generator=seeded(), **options)
    monkeypatch.setattr(stages, "TOKENS_PER_PASS", tokens)
    passes = []
    hook = pipe.denoiser.register_forward_pre_hook(lambda _, inputs: passes.append(inputs[0][..., 0].numel()))
    parts = pipe.generate(condition, generator=seeded(), **options)
    hook.remove()
    assert len(passes) > 1
    assert max(passes) <= tokens
    assert_same(parts, whole)
