"""Mazes with one wall that can be gone around on either side."""

import numpy as np
import pytest
import torch

from anchordiff.domains.maze import SymmetricWallConfig, SymmetricWallDataset, is_success, ways


@pytest.fixture(scope="module")
def batch():
    return SymmetricWallDataset(size=400).batch(range(400))


def mirrored(positions):
    return torch.stack([positions[..., 0], 21 - positions[..., 1]], dim=-1)


def test_the_wall_and_its_ends_are_symmetric_and_both_ways_are_free(batch):
    condition = batch.condition
    assert torch.equal(condition.walls, condition.walls.flip(1))
    assert bool((condition.start[:, 1] == 10.5).all())
    assert bool((condition.goal[:, 1] == 10.5).all())
    straight = torch.lerp(
        condition.start[:, None], condition.goal[:, None], torch.linspace(0, 1, 64)[:, None]
    )
    assert not bool(is_success(condition, straight).any())
    other = mirrored(batch.trajectory)
    assert bool(is_success(condition, batch.trajectory).all())
    assert bool(is_success(condition, other).all())
    assert ways(condition, torch.stack([batch.trajectory, other], dim=1)).unique().tolist() == [2]


def test_the_expert_tosses_a_coin(batch):
    above = (batch.trajectory[..., 1].amin(dim=1) < 9).double().mean()
    assert 0.4 < float(above) < 0.6  # 5 standard deviations


@pytest.mark.parametrize("horizon", [8, 11, 200])
def test_any_horizon_goes_through_the_corners(horizon):
    batch = SymmetricWallDataset(SymmetricWallConfig(horizon=horizon, dim=4), size=50).batch(range(50))
    assert batch.trajectory.shape == (50, horizon, 4)
    assert bool(is_success(batch.condition, batch.trajectory).all())


def test_other_seeds_are_other_mazes_and_other_sizes_of_a_set_are_the_same(batch):
    whole = SymmetricWallDataset(size=40).batch(np.array([7]))
    assert torch.equal(whole.trajectory, batch.trajectory[7:8])
    other = SymmetricWallDataset(SymmetricWallConfig(seed=1), size=40).batch([7])
    assert not torch.equal(other.condition.start, whole.condition.start)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"side": 20}, "side must be odd"),
        ({"side": 13}, "side"),
        ({"horizon": 7}, "horizon"),
        ({"seed": -1}, "seed"),
    ],
)
def test_bad_settings_are_refused(options, told):
    with pytest.raises(ValueError, match=told):
        SymmetricWallConfig(**options)


@pytest.mark.usefixtures("unchecked")
def test_training_is_refused():
    with pytest.raises(ValueError, match='split must be "train"'):
        SymmetricWallDataset(size=4).at(None)
