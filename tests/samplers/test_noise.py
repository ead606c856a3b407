import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.samplers import ElementNoise


@given(sizes=st.lists(st.integers(0, 5), min_size=1, max_size=4), seed=st.integers(0, 99))
def test_seeds_do_not_depend_on_the_split(sizes: list[int], seed: int):
    whole = ElementNoise.draw(sum(sizes), generator=torch.Generator().manual_seed(seed))
    generator = torch.Generator().manual_seed(seed)
    parts = [ElementNoise.draw(size, generator=generator).seeds for size in sizes]
    assert torch.equal(whole.seeds, torch.cat(parts))


@given(order=st.permutations(range(5)), step=st.integers(0, 1000), size=st.integers(0, 7))
def test_noise_follows_its_element(order: list[int], step: int, size: int):
    noise = ElementNoise.draw(5, generator=torch.Generator().manual_seed(0))
    like = torch.zeros(5, size, 2)
    moved = ElementNoise(noise.seeds[order])(step, like)
    assert torch.equal(moved, noise(step, like)[order])
    for i in range(5):
        assert torch.equal(ElementNoise(noise.seeds[i : i + 1])(step, like[:1])[0], noise(step, like)[i])


def test_default_generator_is_torchs(generator: torch.Generator):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        seeds = ElementNoise.draw(4).seeds
    assert torch.equal(seeds, ElementNoise.draw(4, generator=generator).seeds)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_dtype_and_odd_sizes(dtype: torch.dtype):
    noise = ElementNoise(torch.tensor([3, 4]))
    like = torch.zeros(2, 3, 1, dtype=dtype)
    assert noise(1, like).dtype == dtype
    torch.testing.assert_close(noise(1, like), noise(1, like.double()).to(dtype), rtol=1e-2, atol=1e-3)


def test_moments_and_tails_are_normal():
    # Neighbouring seeds are the hard case for a counter-based generator.
    count = 1_000_000
    z = ElementNoise(torch.arange(1000))(7, torch.zeros(1000, 1000, dtype=torch.float64)).flatten()
    for power, moment, variance in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)]:
        assert abs(z.pow(power).mean().item() - moment) < 5.0 * math.sqrt(variance / count)
    quantiles = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    distance = (torch.special.ndtr(z.sort().values) - quantiles).abs().max().item()
    assert distance < 2.0 / math.sqrt(count)  # Kolmogorov: exceeded with probability 7e-4


@pytest.mark.parametrize("shift", ["position", "step", "seed"])
def test_neighbours_are_uncorrelated(shift: str):
    like = torch.zeros(500, 1000, dtype=torch.float64)
    first = ElementNoise(torch.arange(500))(1, like)
    if shift == "position":
        first, second = first[:, :-1], first[:, 1:]
    elif shift == "step":
        second = ElementNoise(torch.arange(500))(2, like)
    else:
        second = ElementNoise(torch.arange(500) + 1)(1, like)
    for a, b in [(first, second), (first.square() - 1.0, second.square() - 1.0)]:
        scale = a.square().mean().item()
        assert abs((a * b).mean().item()) < 5.0 * scale / math.sqrt(a.numel())


def test_errors(unchecked: None):
    with pytest.raises(ValueError, match=r"int64 tensor of shape \(batch,\), found torch.int32"):
        ElementNoise(torch.zeros(2, dtype=torch.int32))
    with pytest.raises(ValueError, match=r"one element a seed \(2\), found 3 elements"):
        ElementNoise(torch.zeros(2, dtype=torch.int64))(1, torch.zeros(3, 1))
    with pytest.raises(ValueError, match="batch must be an integer of at least 0, found -1"):
        ElementNoise.draw(-1)
