"""What is measured of trajectories of numbers, without a world: in units of the states' normaliser."""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float

from anchordiff.evaluation import measures
from anchordiff.states import StateSpace


def position_error(
    states: StateSpace,
    trajectory: Float[torch.Tensor, "batch horizon dim"],
    truth: Float[torch.Tensor, "batch horizon dim"],
) -> Float[torch.Tensor, " batch"]:
    """Mean distance of positions to the truth, over steps."""
    away = states.difference(trajectory, truth) / states.units(truth)
    error: torch.Tensor = away[..., : states.positions].norm(dim=-1).mean(dim=1)
    return error


def path_length(
    states: StateSpace, trajectory: Float[torch.Tensor, "batch horizon dim"]
) -> Float[torch.Tensor, " batch"]:
    """Length of the way of positions."""
    return measures.path_length(_unwound(states, trajectory))


def smoothness(
    states: StateSpace, trajectory: Float[torch.Tensor, "batch horizon dim"]
) -> Float[torch.Tensor, " batch"]:
    """Mean squared second difference of positions; 0 for a straight line at even speed."""
    return measures.smoothness(_unwound(states, trajectory))


def limit_violation(
    states: StateSpace,
    trajectory: Float[torch.Tensor, "batch horizon dim"],
    low: Float[torch.Tensor, " positions"],
    high: Float[torch.Tensor, " positions"],
) -> Float[torch.Tensor, " batch"]:
    """Greatest excess of a position over its limits; 0 where all of a trajectory keeps them.

    Args:
        states: what a state holds.
        trajectory: in the units of states.
        low: least value of each position; -inf for none.
        high: greatest value of each position; inf for none.
    """
    positions = trajectory[..., : states.positions]
    excess = torch.maximum(low - positions, positions - high).clamp(min=0.0)
    return (excess / states.units(trajectory)[: states.positions]).amax(dim=(1, 2))


def diversity(
    states: StateSpace, candidates: Float[torch.Tensor, "batch candidates horizon dim"]
) -> Float[torch.Tensor, " batch"]:
    """Mean distance between two candidates of a condition: over pairs, and over steps."""
    points = _features(states, rearrange(candidates, "b n h d -> (b n) h d"))
    return measures.diversity(rearrange(points, "(b n) h d -> b n h d", n=candidates.shape[1]))


def energy_terms(
    states: StateSpace,
    samples: Float[torch.Tensor, "samples horizon dim"],
    data: Float[torch.Tensor, "rows horizon dim"],
    *,
    paired: bool = False,
) -> Float[torch.Tensor, " samples"]:
    """Parts in the energy distance between whole trajectories; distances are root mean squares over all numbers.

    See `anchordiff.evaluation.measures.energy_terms`.
    """
    flat: list[Any] = [rearrange(_features(states, x), "b h d -> b (h d)") for x in (samples, data)]
    size = flat[0].shape[1] ** 0.5
    return measures.energy_terms(flat[0] / size, flat[1] / size, paired=paired)


def _unwound(states: StateSpace, trajectory: torch.Tensor) -> torch.Tensor:
    positions = states.unwrap(trajectory[..., : states.positions])
    return positions / states.units(trajectory)[: states.positions]


def _features(states: StateSpace, trajectory: torch.Tensor) -> torch.Tensor:
    """Positions in a space where distances mean something: angles as points of the circle."""
    positions = trajectory[..., : states.positions]
    plain = positions / states.units(trajectory)[: states.positions]
    if not states.wraps:
        return plain
    turns = states.is_angle(trajectory.device)[: states.positions]
    return torch.cat([plain[..., ~turns], positions[..., turns].sin(), positions[..., turns].cos()], dim=-1)
