"""Mazes of all kinds and sizes as one stream."""

from dataclasses import replace

import pytest
import torch

from anchordiff.data.slot import Slot, slots
from anchordiff.domains.maze.data.mixture import MazeMixtureConfig
from anchordiff.domains.maze.data.mixture_dataset import POOL, MazeMixtureDataset
from anchordiff.horizons import AdaptiveHorizon
from anchordiff.states import StateSpace

SMALL = MazeMixtureConfig(
    sides=(7, 17), min_l1=4, horizons=AdaptiveHorizon(steps_per_unit=2.0, spacing=5, fewest=4, most=30)
)

DATASET = MazeMixtureDataset(SMALL)


def test_each_sample_comes_once_and_batches_are_of_one_size():
    seen, shapes = set(), set()
    for slot in slots(2 * 8 * POOL // 128, 128):
        batch = DATASET.at(slot)
        assert len(batch) == 128
        seen |= {tuple(ends) for ends in torch.cat([batch.condition.start, batch.condition.goal], 1).tolist()}
        shapes.add(tuple(batch.condition.walls.shape[1:]))
        batch.condition.check()
    assert len(seen) == 2 * 8 * POOL
    assert len(shapes) > 8
    assert all(side % 2 and 7 <= side <= 17 for shape in shapes for side in shape)


def test_the_horizon_is_what_the_longest_way_of_a_batch_calls_for():
    for step in range(8):
        slot = Slot(step=step, batch_size=32)
        batch = DATASET.at(slot)
        lengths = batch.trajectory.diff(dim=1).norm(dim=-1).sum(dim=1)
        horizon = batch.trajectory.shape[1]
        # Coarser steps cut bends a little shorter than the ways that were measured.
        low, high = (SMALL.horizons.num_keypoints(lengths.max() * by).item() for by in (1.0, 1.1))
        assert SMALL.horizons.horizon(low) <= horizon <= SMALL.horizons.horizon(high)
        assert torch.equal(batch.trajectory[:, 0], batch.condition.start)
        assert torch.equal(batch.trajectory[:, -1], batch.condition.goal)


def test_a_batch_is_a_function_of_its_slot_and_of_the_seed():
    slot = Slot(step=5, batch_size=64)
    one, again = DATASET.at(slot), DATASET.at(slot)
    assert torch.equal(one.trajectory, again.trajectory)
    other = MazeMixtureDataset(replace(SMALL, seed=1)).at(slot)
    assert one.trajectory.shape != other.trajectory.shape or not torch.equal(one.trajectory, other.trajectory)
    # Consecutive batches are of different pools.
    walls = [DATASET.at(Slot(step=step, batch_size=64)).condition.walls for step in range(8)]
    assert len({w.numpy().tobytes() for w in walls}) == 8


def test_the_parts_of_a_step_are_other_samples():
    parts = [DATASET.at(Slot(step=0, micro=micro, accumulate=2, batch_size=64)) for micro in (0, 1)]
    assert [len(part) for part in parts] == [32, 32]
    assert DATASET.at(Slot(step=0, batch_size=32)).trajectory.equal(parts[0].trajectory)
    assert DATASET.at(Slot(step=1, batch_size=32)).trajectory.equal(parts[1].trajectory)


def test_all_kinds_are_drawn_and_a_kind_that_is_named_twice_twice_as_often():
    kinds = [replace(SMALL, kinds=("caves", "rooms", "rooms")).pool(number).kind for number in range(600)]
    assert kinds.count("rooms") / 600 == pytest.approx(2 / 3, abs=0.06)
    assert set(kinds) == {"rooms", "caves"}


@pytest.mark.parametrize("dim", [2, 4])
def test_held_out_samples_are_of_every_kind_and_never_trained_on(dim):
    states = StateSpace(velocities=dim == 4)
    data = SMALL.open(states=states, horizon=64)
    held_out = data.held_out(14)
    assert held_out.trajectory.shape[::2] == (14, dim)
    assert held_out.condition.walls.shape == (14, 21, 21)
    assert held_out.trajectory.equal(data.held_out(14).trajectory)
    assert data.at(Slot(step=0, batch_size=32)).trajectory.shape[2] == dim
    configs = {SMALL.pool(number).split for number in range(20)}
    assert configs == {"train"}
    # Depth-first mazes have corridors of one cell alone, scattered walls have not.
    widths = [bool((~walls[:-1, :-1] & ~walls[1:, 1:] & ~walls[:-1, 1:] & ~walls[1:, :-1]).any())
              for walls in held_out.condition.walls]  # fmt: skip
    assert True in widths
    assert False in widths


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"kinds": ()}, "kinds must hold at least one kind, found none"),
        ({"kinds": ("spiral",)}, r"kinds must be a tuple \(each one of 'random'"),
        ({"sides": (5, 9)}, "sides must be an integer of at least 7, found 5"),
        ({"sides": (13, 9)}, r"sides must be a pair \(least, greatest\), found \(13, 9\)"),
        ({"sides": (8, 8)}, r"sides must have an odd number between them, found \(8, 8\)"),
        ({"density": (0.4, 0.2)}, "density must satisfy"),
        ({"clearance": 0.6}, r"clearance must lie in \(0, 0.5\), found 0.6"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_is_out_of_range_is_refused_at_once(change, told):
    with pytest.raises(ValueError, match=told):
        replace(SMALL, **change)


def test_a_batch_that_is_no_part_of_a_pool_is_refused():
    with pytest.raises(ValueError, match=r"batch_size must divide a pool of 256 samples, .* found 48"):
        DATASET.at(Slot(step=0, batch_size=48))
