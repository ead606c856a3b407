"""Attention: what it sees, and that sharing a condition's keys changes nothing."""

import pytest
import torch

from anchordiff.nn.attention import CrossAttention, Rotation, SelfAttention

HEADS, WIDTH = 2, 16


def self_attention(*, causal: bool) -> SelfAttention:
    torch.manual_seed(0)
    return SelfAttention(WIDTH, HEADS, causal=causal)


def rotation(times: torch.Tensor) -> Rotation:
    return Rotation.of(times, head_dim=WIDTH // HEADS)


def uneven_times(batch: int, tokens: int) -> torch.Tensor:
    return torch.rand(batch, tokens, generator=torch.Generator().manual_seed(3)).sort(dim=1).values


@pytest.mark.parametrize("changed", [1, 4, 6])
@pytest.mark.parametrize("causal", [True, False])
def test_a_causal_token_sees_itself_and_earlier_ones_alone(generator, causal, changed):
    attention, times = self_attention(causal=causal), rotation(uneven_times(2, 7))
    x = torch.randn(2, 7, WIDTH, generator=generator)
    other = x.clone()
    other[:, changed] += 1.0
    differs = (attention(x, times) - attention(other, times)).abs().amax(dim=(0, 2)) > 1e-6
    assert differs.tolist() == [not causal or token >= changed for token in range(7)]


def test_attention_depends_on_time_differences_alone(generator):
    attention, times = (
        self_attention(causal=False).requires_grad_(requires_grad=False),
        uneven_times(2, 6) / 2,
    )
    x = torch.randn(2, 6, WIDTH, generator=generator)
    expected = attention(x, rotation(times))
    torch.testing.assert_close(attention(x, rotation(times + 0.4)), expected, atol=1e-5, rtol=1e-4)
    assert float((attention(x, rotation(times * 1.5)) - expected).abs().max()) > 1e-3


def test_order_says_nothing_beyond_time(generator):
    attention, times = self_attention(causal=False), uneven_times(1, 6)
    x, order = torch.randn(1, 6, WIDTH, generator=generator), torch.tensor([3, 0, 5, 1, 4, 2])
    shuffled = attention(x[:, order], rotation(times[:, order]))
    torch.testing.assert_close(shuffled, attention(x, rotation(times))[:, order])


def test_rotation_keeps_lengths_and_turns_by_half_a_turn_to_64_turns(generator):
    x = torch.randn(2, HEADS, 5, 8, generator=generator)
    times = uneven_times(2, 5)
    turned = Rotation.of(times, head_dim=8)(x)
    torch.testing.assert_close(turned.norm(dim=-1), x.norm(dim=-1))
    torch.testing.assert_close(Rotation.of(torch.zeros(2, 5), head_dim=8)(x), x)
    # The slowest pair makes half a turn by time 1, the fastest in a 128th of it.
    whole = Rotation.of(torch.ones(2, 5), head_dim=8)(x)
    torch.testing.assert_close(whole[..., [0, 4]], -x[..., [0, 4]], atol=1e-5, rtol=1e-4)
    short = Rotation.of(torch.full((2, 5), 1 / 128), head_dim=8)(x)
    torch.testing.assert_close(short[..., [3, 7]], -x[..., [3, 7]], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("multiple", [1, 3])
def test_queries_of_a_multiple_equal_repeated_keys(generator, multiple):
    torch.manual_seed(0)
    attention = CrossAttention(WIDTH, 12, 3)
    x = torch.randn(2 * multiple, 5, WIDTH, generator=generator)
    keys, values = torch.randn(2, 2, 3, 10, 4, generator=generator)
    repeated = [part.repeat_interleave(multiple, dim=0) for part in (keys, values)]
    torch.testing.assert_close(attention(x, keys, values), attention(x, *repeated))


def test_cross_attention_is_the_softmax_over_cells(generator):
    torch.manual_seed(0)
    attention = CrossAttention(WIDTH, 6, 1)
    x = torch.randn(2, 4, WIDTH, generator=generator)
    keys, values = torch.randn(2, 2, 1, 9, 6, generator=generator)
    weights = (attention.to_q(x) @ keys[:, 0].mT / 6**0.5).softmax(dim=-1)
    torch.testing.assert_close(attention(x, keys, values), attention.to_out(weights @ values[:, 0]))
