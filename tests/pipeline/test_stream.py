"""Trajectories chunk by chunk."""

from itertools import islice

import pytest
import torch
from torch.testing import assert_close

from anchordiff.anchors import AnchorSet
from anchordiff.domains.video import TextCondition, VideoEncoderConfig
from anchordiff.horizons import AdaptiveHorizon
from anchordiff.masks import Even
from anchordiff.nn.attention import KVCache, Rotation, SelfAttention
from anchordiff.nn.config import TransformerConfig
from anchordiff.pipeline import PipelineConfig, TwoStagePipeline
from anchordiff.stages.config import InterpDenoiserConfig
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.guidance import CostGuidance
from anchordiff.stages.restoration import restore, restore_stream
from anchordiff.states import StateSpace
from conftest import make_condition, make_pipeline


def causal_pipeline(*, velocities=False, **config):
    """With random weights, so that every input matters."""
    pipeline = make_pipeline(velocities=velocities, **config)
    body = TransformerConfig(width=32, depth=3, heads=2, causal=True)
    before = pipeline.denoiser.config
    denoiser = InterpDenoiser(
        InterpDenoiserConfig(
            encoder=before.encoder, states=before.states, horizon=32, num_keypoints=6, transformer=body
        )
    )
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in denoiser.parameters():
            weight.add_(0.05 * torch.randn(weight.shape, generator=generator))
    return TwoStagePipeline(pipeline.keypoints, denoiser, pipeline.config)


@pytest.fixture(scope="module", params=[False, True], ids=["positions", "velocities"])
def pipeline(request):
    return causal_pipeline(velocities=request.param)


def seeded():
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("chunk", [1, 5, 8, 31, 32, 99])
@pytest.mark.parametrize(
    "options",
    [{}, {"clamp": "all_anchors", "clamp_dims": "all"}, {"clamp": "none", "level": 1, "horizon": 21}],
)
def test_joined_chunks_are_what_generate_gives(pipeline, chunk, options):
    condition = make_condition(2, density=0.2)
    whole = pipeline.generate(condition, num_samples=2, generator=seeded(), **options)
    parts = list(pipeline.stream(condition, chunk=chunk, num_samples=2, generator=seeded(), **options))
    horizon = whole.trajectory.shape[1]
    assert [part.shape[1] for part in parts] == [
        min(chunk, horizon - first) for first in range(0, horizon, chunk)
    ]
    assert_close(torch.cat(parts, dim=1), whole.trajectory, rtol=0, atol=1e-4)
    if options.get("clamp") != "none":
        assert torch.equal(parts[0][:, 0, :2], condition.start.repeat_interleave(2, dim=0))
        assert torch.equal(parts[-1][:, -1, :2], condition.goal.repeat_interleave(2, dim=0))
    assert not any(part.is_inference() for part in parts)


def test_a_later_anchor_that_moves_leaves_earlier_chunks_as_they_are(pipeline):
    condition = make_condition(1)
    made = pipeline.generate(condition, generator=seeded())
    moved = made.keypoints.clone()
    moved[:, 4] += 1.0
    before = int(made.anchors.index[0, 3])  # its gap and what follows may change
    one, other = (
        torch.cat(list(restore_stream(pipeline.denoiser, points, made.anchors, condition, chunk=3)), dim=1)
        for points in (made.keypoints, moved)
    )
    assert torch.equal(one[:, :before], other[:, :before])
    assert not torch.equal(one[:, before:], other[:, before:])


def test_the_first_chunk_is_there_before_the_rest_is_made(pipeline):
    passes = []
    hook = pipeline.denoiser.transformer.register_forward_hook(lambda *_: passes.append(1))
    stream = pipeline.stream(make_condition(1), chunk=8, generator=seeded())
    assert passes == []
    next(stream)
    assert len(passes) == 1
    list(islice(stream, 2))
    assert len(passes) == 3
    hook.remove()


def test_a_stream_leaves_inference_mode_between_its_chunks_and_modes_as_they_were(pipeline):
    pipeline.denoiser.train()
    for _ in pipeline.stream(make_condition(1), chunk=16):
        assert not torch.is_inference_mode_enabled()
        assert pipeline.denoiser.training
    pipeline.denoiser.eval()


def test_guidance_steers_a_stream(pipeline):
    guidance = [CostGuidance(lambda x: x[..., 0].square().sum(dim=1), weight=0.1)]
    condition = make_condition(1)
    plain = torch.cat(list(pipeline.stream(condition, generator=seeded())), dim=1)
    steered = torch.cat(list(pipeline.stream(condition, generator=seeded(), guidance=guidance)), dim=1)
    whole = pipeline.generate(condition, generator=seeded(), guidance=guidance).trajectory
    assert_close(steered, whole, rtol=0, atol=1e-4)
    assert float((steered - plain).abs().max()) > 1e-3


def test_kept_keys_and_values_are_those_of_one_pass():
    torch.manual_seed(0)
    attention = SelfAttention(16, 2, causal=True)
    x, times = torch.randn(3, 10, 16), torch.linspace(0, 1, 10).expand(3, -1)
    whole = attention(x, Rotation.of(times, head_dim=8))
    cache = KVCache()
    parts = [
        attention(x[:, a:b], Rotation.of(times[:, a:b], head_dim=8), cache)
        for a, b in ((0, 4), (4, 5), (5, 10))
    ]
    assert_close(torch.cat(parts, dim=1), whole, rtol=1e-5, atol=1e-5)
    assert cache.keys.shape == (3, 2, 10, 8)


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_streamed_is_refused_at_once(pipeline):
    condition = make_condition(2)
    with pytest.raises(ValueError, match="denoiser must be causal for a stream"):
        make_pipeline().stream(condition)
    for name, value in (("walk", True), ("batch_size", 3), ("progress", True)):
        with pytest.raises(ValueError, match=rf"{name} must be left out of a stream, found {value}"):
            pipeline.stream(condition, **{name: value})
    for chunk in (0, 2.5):
        with pytest.raises(ValueError, match="chunk must be an integer"):
            pipeline.stream(condition, chunk=chunk)
    with pytest.raises(TypeError, match="options must be those of GenerateOptions, found steps_"):
        pipeline.stream(condition, steps_=3)
    anchors = AnchorSet.from_mask(Even(4).sample(1, 16))
    with pytest.raises(ValueError, match=r"transformer\.causal must be True for a stream"):
        next(
            make_pipeline().denoiser.stream(
                torch.zeros(1, 16, 2), torch.ones(1), anchors, condition[:1], chunk=4
            )
        )


def test_one_pass_and_chunks_of_patches_are_one():
    """Attention in space and time: a step's patches see each other, and earlier steps."""
    states = StateSpace(positions=16, patches=(2, 2))
    body = TransformerConfig(width=16, depth=2, heads=2, causal=True, attention="factorised")
    config = InterpDenoiserConfig(
        encoder=VideoEncoderConfig(token_size=3), states=states, horizon=12, num_keypoints=4, transformer=body
    )
    torch.manual_seed(0)
    model = InterpDenoiser(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.1 * torch.randn(weight.shape))
    condition = TextCondition(
        tokens=torch.randn(2, 4, 3), visible=torch.ones(2, 4, dtype=torch.bool), pooled=torch.randn(2, 3)
    )
    anchors = AnchorSet.from_mask(Even(4).sample(2, 12))
    keypoints = torch.randn(2, 4, 16)
    with torch.no_grad():
        whole = restore(model, keypoints, anchors, condition).trajectory
        parts = list(restore_stream(model, keypoints, anchors, condition, chunk=5))
    assert_close(torch.cat(parts, dim=1), whole, rtol=0, atol=1e-4)


def test_conditions_of_unequal_horizons_cannot_share_a_stream():
    adaptive = AdaptiveHorizon(steps_per_unit=20.0, spacing=4, fewest=3, most=200)
    pipeline = causal_pipeline(adaptive=adaptive)
    condition = make_condition(3, density=0.3)
    with pytest.raises(ValueError, match="condition must hold ways of one horizon for a stream"):
        pipeline.stream(condition)
    alone = pipeline.stream(condition[:1], chunk=16, generator=seeded())
    whole = pipeline.generate(condition[:1], generator=seeded())
    assert_close(torch.cat(list(alone), dim=1), whole.trajectory, rtol=0, atol=1e-3)
    assert pipeline.config != PipelineConfig()
