"""States that are pictures: a token a patch, in both stages, and back."""

import pytest
import torch

from anchordiff.domains.vector import VectorCondition, VectorEncoderConfig
from anchordiff.nn.config import TransformerConfig
from anchordiff.pipeline import TwoStagePipeline
from anchordiff.stages import InterpDenoiser, InterpDenoiserConfig, KeypointDiffusion, KeypointDiffusionConfig
from anchordiff.states import StateSpace

SPACE = StateSpace(positions=12, patches=(2, 2), scale=1.0)
SIZES = {
    "encoder": VectorEncoderConfig(positions=12),
    "states": SPACE,
    "horizon": 16,
    "num_keypoints": 4,
    "transformer": TransformerConfig(width=16, depth=2, heads=2),
}


@pytest.fixture
def pipeline(roughen):
    torch.manual_seed(0)
    stages = (
        KeypointDiffusion(KeypointDiffusionConfig(**SIZES)),
        InterpDenoiser(InterpDenoiserConfig(**SIZES)),
    )
    return TwoStagePipeline(*(roughen(stage) for stage in stages))


def test_tokens_are_patches_one_after_another_and_come_back():
    x = torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(0))
    tokens = SPACE.tokens(x)
    assert tokens.shape == (2, 20, 3)
    assert torch.equal(tokens[:, 4 * 3 + 2], x[:, 3, 6:9])
    assert torch.equal(SPACE.from_tokens(tokens), x)
    places = SPACE.patch_places(2, x)[0].tolist()
    assert places == [[0.25, 0.25], [0.25, 0.75], [0.75, 0.25], [0.75, 0.75]] * 2


def test_networks_see_a_token_a_patch(pipeline):
    assert pipeline.keypoints.transformer.dim == 3
    seen = []
    pipeline.denoiser.transformer.to_tokens.register_forward_hook(lambda *args: seen.append(args[2].shape))
    pipeline.generate(VectorCondition(start=torch.zeros(2, 12)), generator=torch.Generator().manual_seed(0))
    assert seen == [(2, 16 * 4, 16)]


def test_what_is_known_holds_in_patches_too(pipeline):
    start = torch.randn(2, 12, generator=torch.Generator().manual_seed(1))
    out = pipeline.generate(
        VectorCondition(start=start), num_samples=3, generator=torch.Generator().manual_seed(0)
    )
    assert out.trajectory.shape == (6, 16, 12)
    assert torch.equal(out.trajectory[:, 0], start.repeat_interleave(3, dim=0))
    assert out.trajectory[:, 5].std() > 0.01


def test_patches_differ_by_where_they_are(pipeline):
    """With one and the same content everywhere, only the place can tell patches apart."""
    condition = VectorCondition(goal=torch.ones(1, 12))
    levels, anchors = torch.full((1,), 3), pipeline.generate(condition).anchors
    tokens = SPACE.tokens(pipeline.denoiser(torch.ones(1, 16, 12), levels, anchors, condition))
    patches = tokens.detach().unflatten(1, (16, 4))
    assert (patches[:, :, 0] - patches[:, :, 3]).abs().max() > 1e-4


def test_both_stages_learn_from_patches(pipeline):
    condition = VectorCondition(start=torch.zeros(2, 12))
    anchors = pipeline.generate(condition).anchors
    x = torch.randn(2, 16, 12, generator=torch.Generator().manual_seed(2))
    pipeline.keypoints.loss(anchors.gather(x), anchors, condition).loss.backward()
    x_s = SPACE.fill_in(anchors.gather(x), anchors)
    pipeline.denoiser.loss(x, x_s, torch.full((2,), 3), anchors, condition).loss.backward()
    for network in pipeline.components.values():
        assert network.transformer.to_tokens.weight.grad.abs().sum() > 0


@pytest.mark.parametrize(
    "fields", [{"positions": 10}, {"positions": 12, "velocities": True}, {"positions": 12, "patches": (0, 2)}]
)
def test_patches_that_do_not_fit_are_refused(fields):
    with pytest.raises(ValueError, match="patches"):
        StateSpace(**{"patches": (2, 2), **fields})
