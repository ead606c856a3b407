"""Gaussian noise that belongs to an element of a batch and not to its place in it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias, final

import torch
from jaxtyping import Float, Int

from anchordiff.checks import check_integer
from anchordiff.tensors import check_tensor

__all__ = ["ElementNoise", "NoiseSource"]

NoiseSource: TypeAlias = Callable[[int, "torch.Tensor"], "torch.Tensor"]
"""`noise(step, like)` returns standard normal numbers with the shape, dtype and device of `like`."""


@final
@dataclass(frozen=True)
class ElementNoise:
    """Standard normal noise as a pure function of (an element's seed, step, position within the element).

    Elements keep their noise when a batch is split, joined or reordered: this is what makes a batch (a, b)
    give the same samples as a and b alone. Numbers come from the finalizer of SplitMix64 (Steele et al.
    2014) over a counter and the Box-Muller transform; CPU and GPU draw the same ones up to rounding.

    Args:
        seeds: one 64-bit seed for each element.

    Example:
        >>> like = torch.zeros(3, 4, 2)
        >>> noise = ElementNoise.draw(3, generator=torch.Generator().manual_seed(0))
        >>> bool((noise(5, like)[1:] == ElementNoise(noise.seeds[1:])(5, like[1:])).all())
        True
    """

    seeds: Int[torch.Tensor, " batch"]

    def __post_init__(self) -> None:
        check_tensor("seeds", self.seeds, "batch", "integer")
        if self.seeds.dtype != torch.int64:
            raise ValueError(
                "seeds must be an int64 tensor of shape (batch,), "
                f"found {self.seeds.dtype} of shape {tuple(self.seeds.shape)}"
            )

    @staticmethod
    def draw(batch: int, *, generator: torch.Generator | None = None) -> "ElementNoise":
        """Draw a seed for each of `batch` elements, one after another.

        Drawing for two batches in turn gives the seeds of the joint batch. Without a generator the seeds
        come from torch's default one.

        Raises:
            ValueError: if `batch` is negative.
        """
        check_integer("batch", batch, least=0)
        if generator is None or generator.device.type == "cpu":
            return ElementNoise(torch.randint(_SEED_RANGE, (batch,), generator=generator))
        # A GPU generator moves on by calls, not by numbers, so the seeds are drawn one a call.
        draws = [
            torch.randint(_SEED_RANGE, (1,), generator=generator, device=generator.device)
            for _ in range(batch)
        ]
        return ElementNoise(torch.cat([torch.empty(0, dtype=torch.int64, device=generator.device), *draws]))

    def __call__(
        self, step: int, like: Float[torch.Tensor, " batch *shape"]
    ) -> Float[torch.Tensor, " batch *shape"]:
        """Return the noise of sampler step `step`; samplers use 1 and up, 0 is left for drawing x_1.

        Raises:
            ValueError: if `like` has another batch size than there are seeds.
        """
        if len(like) != len(self.seeds):
            raise ValueError(
                f"like must have one element a seed ({len(self.seeds)}), found {len(like)} elements"
            )
        size = math.prod(like.shape[1:])
        stream = _mix(_mix(self.seeds.to(like.device)) + step)
        bits = _mix(stream[:, None] + _counter((size + 1) // 2, like.device))
        # The upper 32 bits give the radius (from a number in (0, 1], so that its logarithm is finite), the
        # lower ones the angle.
        real = torch.float64 if like.dtype == torch.float64 else torch.float32
        radius = ((_shift(bits, 32) + 1).to(real) * 2.0**-32).log().mul(-2.0).sqrt()
        angle = (bits & 0xFFFFFFFF).to(real) * (2.0**-32 * 2.0 * math.pi)
        normal = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=-1).flatten(1)
        return normal[:, :size].reshape(like.shape).to(like.dtype)


_SEED_RANGE: Final = 2**62
_GAMMA: Final = 0x9E3779B97F4A7C15 - 2**64
_FIRST: Final = 0xBF58476D1CE4E5B9 - 2**64
_SECOND: Final = 0x94D049BB133111EB - 2**64


def _mix(x: torch.Tensor) -> torch.Tensor:
    """One SplitMix64 output for each state; int64 arithmetic wraps as unsigned arithmetic does."""
    x = x * _GAMMA
    x = (x ^ _shift(x, 30)) * _FIRST
    x = (x ^ _shift(x, 27)) * _SECOND
    return x ^ _shift(x, 31)


@lru_cache(maxsize=64)
def _counter(count: int, device: torch.device) -> torch.Tensor:
    """The part of each number's state that is the same for all elements and steps."""
    with torch.inference_mode(False):  # so that training can use what a plan has made
        return _mix(torch.arange(1, count + 1, device=device))


def _shift(x: torch.Tensor, places: int) -> torch.Tensor:
    """Shift right without copying the sign."""
    return (x >> places) & ((1 << (64 - places)) - 1)
