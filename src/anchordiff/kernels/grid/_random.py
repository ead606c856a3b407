"""Random numbers inside kernels: SplitMix64 streams that are a pure function of (seed, index, stream).

A stream is a `uint64` array of one element, its counter; each draw adds an odd constant and mixes the sum
(Steele, Lea and Flood 2014). Streams of different (seed, index, stream) start at mixed, unrelated counters,
so that any sample can be made alone, in any order, by any worker.
"""

import numpy as np
from numpy.typing import NDArray

from anchordiff.kernels._jit import kernel

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@kernel()
def mix(value: np.uint64) -> np.uint64:
    """Scatter the 64 bits of `value` (the SplitMix64 finaliser, a bijection)."""
    value = (value ^ (value >> np.uint64(30))) * _MIX_1
    value = (value ^ (value >> np.uint64(27))) * _MIX_2
    return value ^ (value >> np.uint64(31))


@kernel()
def open_stream(state: NDArray[np.uint64], seed: int, index: int, stream: int) -> None:
    """Set `state` to the beginning of the stream that (seed, index, stream) names."""
    key = mix(np.uint64(seed) + _STEP)
    key = mix(key ^ (np.uint64(index) * _STEP + _MIX_2))
    state[0] = mix(key ^ (np.uint64(stream) * _MIX_1 + _STEP))


@kernel()
def draw(state: NDArray[np.uint64]) -> np.uint64:
    """Return 64 random bits and move the stream on."""
    state[0] += _STEP
    return mix(state[0])


@kernel()
def draw_below(state: NDArray[np.uint64], bound: int) -> int:
    """Return an integer in [0, bound), uniform to one part in 2³² / bound."""
    return int(((draw(state) >> np.uint64(32)) * np.uint64(bound)) >> np.uint64(32))


@kernel()
def draw_uniform(state: NDArray[np.uint64]) -> float:
    """Return a number in [0, 1) with 53 random bits."""
    return np.float64(draw(state) >> np.uint64(11)) * 2.0**-53


@kernel()
def draw_ahead(state: NDArray[np.uint64], number: int) -> np.uint64:
    """Return what draw number `number` from here will give (0 the next one), and leave the stream where it is."""
    return mix(state[0] + np.uint64(number + 1) * _STEP)


@kernel()
def skip(state: NDArray[np.uint64], count: int) -> None:
    """Move the stream on by `count` draws."""
    state[0] += np.uint64(count) * _STEP
