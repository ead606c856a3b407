"""What the training stream leaves out of samples or adds to them, drawn from each sample's place alone."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64, UInt64

from anchordiff.domains.vector.data.batch import VectorBatch
from anchordiff.domains.vector.data.config import TrajectoryConfig

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_CONTEXT, _START, _GOAL, _HAS_POINTS, _COUNT, _STEPS = range(6)


def uniforms(
    seed: int, places: Int64[np.ndarray, " batch"], count: int
) -> Float64[np.ndarray, "batch count"]:
    """Numbers in [0, 1), a pure function of the seed, the sample's place and the number's place.

    Args:
        seed: of the stream.
        places: of the samples in the endless stream.
        count: numbers of each sample.
    """
    first = _mix(places.astype(np.uint64) + _mix(np.array([seed % 2**64], np.uint64)))
    words = _mix(first[:, None] + np.arange(count, dtype=np.uint64) * _GOLDEN)
    numbers: np.ndarray = (words >> np.uint64(11)) * 2.0**-53
    return numbers


def vary(
    batch: VectorBatch,
    places: Int64[np.ndarray, " batch"],
    config: TrajectoryConfig,
    *,
    positions: int,
) -> VectorBatch:
    """Leave parts of conditions out, and give way points, as the config says.

    Args:
        batch: whole samples.
        places: of the samples in the endless stream.
        config: how often.
        positions: of a state.
    """
    if not (config.drop or config.drop_ends or config.way_points):
        return batch
    horizon = batch.trajectory.shape[1]
    chance = uniforms(config.seed, places, _STEPS + (horizon if config.way_points else 0))
    condition = batch.condition
    if config.drop:
        dropped = chance[:, _CONTEXT] < config.drop
        condition = condition.without("context", "tokens", where=torch.from_numpy(dropped))
    if config.drop_ends:
        for part, column in (("start", _START), ("goal", _GOAL)):
            dropped = chance[:, column] < config.drop_ends
            condition = condition.without(part, where=torch.from_numpy(dropped))
    if config.way_points:
        steps = _way_points(batch, chance, config)
        is_known = torch.zeros(batch.trajectory.shape, dtype=torch.bool)
        is_known[:, :, :positions] = torch.from_numpy(steps)[:, :, None]
        condition = replace(condition, known=torch.where(is_known, batch.trajectory, 0.0), is_known=is_known)
    return replace(batch, condition=condition)


def _way_points(
    batch: VectorBatch, chance: Float64[np.ndarray, "batch numbers"], config: TrajectoryConfig
) -> Bool[np.ndarray, "batch horizon"]:
    """Random steps between the ends, padding left out; any number up to `way_points` is equally likely."""
    inside = np.ones(batch.trajectory.shape[:2], bool) if batch.valid is None else batch.valid.numpy().copy()
    inside[:, [0, -1]] = False
    counts = 1 + np.floor(chance[:, _COUNT] * config.way_points).astype(np.int64)
    counts *= chance[:, _HAS_POINTS] < config.way_point_share
    # Each step's rank in a random order in which steps that may not be chosen come last.
    rank = np.where(inside, chance[:, _STEPS:], 2.0).argsort(axis=1).argsort(axis=1)
    chosen: np.ndarray = (rank < counts[:, None]) & inside
    return chosen


def _mix(words: UInt64[np.ndarray, "*shape"]) -> UInt64[np.ndarray, "*shape"]:
    """Finaliser of splitmix64 (Steele, Lea and Flood 2014); arrays wrap around in silence."""
    words = words + _GOLDEN
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = words ^ (words >> np.uint64(31))
    return mixed
