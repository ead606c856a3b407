"""Stage 1 with the first blocks of its transformer alone."""

import pytest
import torch

from anchordiff.anchors import AnchorSet
from anchordiff.masks import Even
from anchordiff.nn.config import TransformerConfig


def test_the_first_blocks_give_the_estimate_of_the_last_one_kept(tiny_keypoints, roughen, mazes):
    body = TransformerConfig(width=16, depth=3, heads=2)
    model = roughen(tiny_keypoints(transformer=body)).requires_grad_(requires_grad=False)
    condition, anchors = mazes(2), AnchorSet.from_mask(Even(4).sample(2, 16))
    frame = model.encode(condition).frame(anchors.times, horizon=16)
    u_t = torch.randn(2, 4, 2, generator=torch.Generator().manual_seed(0))
    t = torch.full((2,), 0.4)
    estimates = model._denoise(u_t, t, model._prepare(model.encode(condition), anchors))
    for depth in (1, 2, 3):
        short = model.first_blocks(depth)
        assert (short.config.transformer.depth, len(short.transformer.blocks)) == (depth, depth)
        found = short(frame.denormalise(u_t), t, anchors, condition)
        torch.testing.assert_close(found, frame.denormalise(estimates[depth - 1]), atol=1e-5, rtol=1e-5)
    for depth in (0, 4):
        with pytest.raises(
            ValueError, match=rf"depth must lie in 1 ... 3, the blocks there are, found {depth}"
        ):
            model.first_blocks(depth)


def test_the_first_blocks_have_the_dtype_of_the_model_and_cost_no_randomness(tiny_keypoints):
    model = tiny_keypoints().double()
    before = torch.get_rng_state()
    short = model.first_blocks(1)
    assert torch.equal(torch.get_rng_state(), before)
    assert {p.dtype for p in short.parameters()} == {torch.float64}
