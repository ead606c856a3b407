"""Attention among patches: places as rotations, and space and time one after the other."""

import pytest
import torch
from torch.nn import functional

from anchordiff.domains.vector import VectorEncoderConfig
from anchordiff.nn.attention import FactorisedAttention, FactorisedRotation, Rotation
from anchordiff.nn.config import TransformerConfig
from anchordiff.stages import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.states import StateSpace

WIDTH, HEADS, STEPS = 16, 2, 5
SPACE = StateSpace(positions=24, patches=(2, 3))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def made(*, causal=False):
    torch.manual_seed(0)
    times = torch.rand(2, STEPS, generator=generator(1)).sort(dim=1).values
    rotation = FactorisedRotation.of(times, head_dim=WIDTH // HEADS, places=SPACE.patch_places(1, times))
    attention = FactorisedAttention(WIDTH, HEADS, causal=causal).requires_grad_(requires_grad=False)
    return attention, rotation, torch.randn(2, STEPS * 6, WIDTH, generator=generator(2)), times


def plain(attention, x, cos, sin):
    """Self-attention of one row of tokens, written out."""
    q, k, v = attention.to_qkv(x).view(len(x), 3, HEADS, -1).permute(1, 2, 0, 3)
    half = q.shape[-1] // 2
    q, k = (part * cos + torch.cat([part[..., half:], part[..., :half]], dim=-1) * sin for part in (q, k))
    weights = torch.softmax(q @ k.transpose(1, 2) / q.shape[-1] ** 0.5, dim=-1)
    return attention.to_out((weights @ v).transpose(0, 1).flatten(1))


def test_it_is_what_loops_over_steps_and_patches_give():
    attention, rotation, x, times = made()
    tokens = x.view(2, STEPS, 6, WIDTH)
    space = Rotation.of(torch.zeros(1, 6), head_dim=8, places=SPACE.patch_places(1, times))
    expected = torch.zeros_like(tokens)
    for element in range(2):
        time = Rotation.of(times[element : element + 1], head_dim=8)
        among = torch.stack(
            [
                plain(attention.space, tokens[element, step], space.cos[0], space.sin[0])
                for step in range(STEPS)
            ]
        )
        rows = functional.layer_norm(
            tokens[element] + among, (WIDTH,), attention.norm.weight, attention.norm.bias
        )
        for patch in range(6):
            along = plain(attention.time, rows[:, patch], time.cos[0], time.sin[0])
            expected[element, :, patch] = among[:, patch] + along
    torch.testing.assert_close(attention(x, rotation).view_as(expected), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("step", [1, 3])
def test_a_causal_one_does_not_look_ahead(step):
    attention, rotation, x, _ = made(causal=True)
    moved = x.clone()
    moved.view(2, STEPS, 6, WIDTH)[:, step:] += 1.0
    before, after = (attention(part, rotation).view(2, STEPS, 6, WIDTH) for part in (x, moved))
    assert torch.equal(before[:, :step], after[:, :step])
    assert float((before - after)[:, step].abs().min()) > 0


def test_attention_sees_differences_of_places_alone():
    times = torch.zeros(1, 4)
    places = torch.rand(1, 4, 2, generator=generator())
    q, k = torch.randn(2, 1, 1, 4, 32, generator=generator(1))

    def scores(offset):
        rotation = Rotation.of(times, head_dim=32, places=places + offset)
        return rotation(q) @ rotation(k).transpose(-1, -2)

    torch.testing.assert_close(scores(0.0), scores(torch.tensor([0.3, -0.2])), atol=1e-4, rtol=1e-4)
    assert float((scores(0.0) - Rotation.of(times, head_dim=32)(q) @ k.transpose(-1, -2)).abs().max()) > 0.1
    assert torch.equal(
        Rotation.of(times, head_dim=32, places=places[..., :0]).cos, Rotation.of(times, head_dim=32).cos
    )


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("config", [KeypointDiffusionConfig, InterpDenoiserConfig])
def test_patches_have_no_order_within_a_step(config):
    shared = {"encoder": VectorEncoderConfig(positions=24), "states": SPACE}
    with pytest.raises(ValueError, match='attention must be "factorised" for a causal network of patches'):
        config(**shared, transformer=TransformerConfig(causal=True))
    config(**shared, transformer=TransformerConfig(causal=True, attention="factorised"))
    with pytest.raises(ValueError, match="attention must be one of 'full', 'factorised', found 'sparse'"):
        TransformerConfig(attention="sparse")
