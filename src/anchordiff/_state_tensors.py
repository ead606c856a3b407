"""The numbers of a `StateSpace` as tensors, made once for each device and dtype."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch

import anchordiff as ad


def _each(value: float | Sequence[float], count: int) -> list[float]:
    return list(value) if isinstance(value, Sequence) else [value] * count


@lru_cache(maxsize=64)
def scales(space: ad.StateSpace, horizon: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Units of one normalised unit for each number of a state; see `StateSpace.scales`."""
    scale = _each(space.scale, space.positions)
    ways = [8 * value / (horizon - 1) for value in scale] if space.velocities else []
    return _lasting(scale + ways, device, dtype)


@lru_cache(maxsize=64)
def centres(space: ad.StateSpace, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """The normaliser's centre for each number of a state."""
    centre = _each(space.centre, space.positions)
    return _lasting(centre + [0.0] * (space.dim - space.positions), device, dtype)


@lru_cache(maxsize=64)
def units(space: ad.StateSpace, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """`StateSpace.unit` for each number of a state."""
    unit = _each(space.unit, space.positions)
    return _lasting(unit * (space.dim // space.positions), device, dtype)


@lru_cache(maxsize=64)
def is_angle(space: ad.StateSpace, device: torch.device) -> torch.Tensor:
    """True for numbers that wrap."""
    turns = [number in space.angles for number in range(space.positions)]
    return _lasting(turns + [False] * (space.dim - space.positions), device, torch.bool)


def _lasting(
    values: Sequence[float] | Sequence[bool], device: torch.device, dtype: torch.dtype
) -> torch.Tensor:
    with torch.inference_mode(False):  # so that training can use what a plan has made
        return torch.tensor(values, device=device, dtype=dtype)
