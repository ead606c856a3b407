"""The recipe for training on recorded data, on a small data set."""

import re
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from anchordiff.data import Slot
from anchordiff.domains.pointmaze.data import (
    GenerationConfig,
    PointMazeRecipe,
    Recording,
    find_windows,
    held_out_episodes,
    read_minari,
)
from anchordiff.domains.pointmaze.world import POINT_MAZES
from anchordiff.kernels.grid.polyline import polyline_length
from anchordiff.states import StateSpace

ID = "anchordiff/pointmaze/umaze-qiter-v0"
RECIPE = PointMazeRecipe(datasets=(ID,), lengths=(16, 40, 90), count=3)


pytestmark = pytest.mark.usefixtures("recorded_umaze")


@pytest.fixture(scope="module")
def whole() -> Recording:
    return read_minari(ID, progress=False)


@pytest.fixture(scope="module")
def parts():
    """The one data set of each split."""
    return {
        split: RECIPE.read(horizon=32, dim=2, split=split, progress=False).datasets[0]
        for split in ("train", "held_out")
    }


def steps_of(windows):
    """The steps of windows, each named by the row from which it was made."""
    pairs = zip(windows.first.tolist(), windows.last.tolist(), strict=True)
    return {row for first, last in pairs for row in range(first, last)}


def test_kept_windows_touch_no_wall_and_are_the_shortest_of_their_pairs(parts, whole):
    for part in parts.values():
        assert len(part) > 20
        measures = part.measures()
        for first, last in zip(part.windows.first.tolist(), part.windows.last.tolist(), strict=True):
            positions = whole.maze.from_world(whole.observations[first : last + 1, :2].astype(np.float64))
            assert whole.maze.is_free(positions, radius=0.1).all()
        assert (measures.detour <= RECIPE.most_detour).all()
        assert set((part.windows.last - part.windows.first).tolist()) == set(RECIPE.lengths)
        assert np.unique(measures.joined(RECIPE.places), return_counts=True)[1].max() == RECIPE.count


def test_each_setting_counts(parts):
    def size(**changes):
        opened = replace(RECIPE, **changes).read(horizon=32, dim=2, progress=False)
        return len(opened.datasets[0])

    whole = len(parts["train"])
    assert size(count=1) < whole < size(count=6)
    assert size(places=1) < whole < size(places=4)
    assert size(most_detour=1.05) < whole
    assert size(lengths=(16, 40)) != whole
    apart = replace(RECIPE, stride=5, lengths=(40,)).read(horizon=32, dim=2, progress=False).datasets[0]
    train = ~held_out_episodes(len(apart.recording), share=0.05, block=20, seed=0)
    every = find_windows(apart.recording, train, kind="random", lengths=(40,), stride=5)
    assert set(apart.windows.first.tolist()) <= set(every.first.tolist())
    slot = Slot(step=0, batch_size=8)
    orders = [replace(RECIPE, seed=s).read(horizon=32, dim=2, progress=False).at(slot) for s in (0, 0, 1)]
    assert torch.equal(orders[0].trajectory, orders[1].trajectory)
    assert not torch.equal(orders[0].trajectory, orders[2].trajectory)


def test_training_takes_no_step_that_is_held_out(parts, whole):
    train, held_out = (steps_of(parts[split].windows) for split in ("train", "held_out"))
    assert not train & held_out
    # At most the observation at which an episode of one split ends and the next one begins is seen by both.
    rows = [{row + 1 for row in steps} | steps for steps in (train, held_out)]
    assert rows[0] & rows[1] <= set(whole.episode_starts.tolist())
    with pytest.raises(ValueError, match='split must be "train"'):
        RECIPE.read(horizon=32, dim=2, split="held_out", progress=False).at(Slot(step=0, batch_size=2))


@pytest.mark.parametrize("velocities", [False, True])
def test_a_run_is_given_both_splits_and_records_what_decides_them(velocities):
    dim = 4 if velocities else 2
    data = RECIPE.open(states=StateSpace(velocities=velocities), horizon=32)
    slot = Slot(step=3, batch_size=8)
    stream, held_out = (
        RECIPE.read(horizon=32, dim=dim, split=split, progress=False) for split in ("train", "held_out")
    )
    assert torch.equal(data.at(slot).trajectory, stream.at(slot).trajectory)
    assert torch.equal(data.held_out(6).trajectory, held_out.spread(6).trajectory)
    assert data.held_out(6).trajectory.shape == (6, 32, dim)
    recorded = {"dataset": "pointmaze", "horizon": 32, "dim": dim, **asdict(RECIPE)}
    assert data.settings == recorded


@pytest.mark.parametrize("dim", [2, 4])
def test_samples(parts, whole, dim):
    opened = RECIPE.read(horizon=32, dim=dim, progress=False)
    (part,) = opened.datasets
    batch = opened.spread(40)
    batch.condition.check()
    indices = np.linspace(0, len(part) - 1, 40).astype(int)
    assert batch.condition.walls.shape == (40, 9, 12)
    assert batch.condition.walls[:, 5:].all()
    assert batch.condition.walls[:, :, 5:].all()
    assert (batch.condition.walls[:, :5, :5].numpy() == POINT_MAZES["umaze"].maze.walls).all()
    assert batch.trajectory.shape == (40, 32, dim)
    assert batch.geodesic is not None
    positions = batch.trajectory[..., :2].numpy()
    np.testing.assert_array_equal(batch.condition.start, positions[:, 0])
    np.testing.assert_array_equal(batch.condition.goal, positions[:, -1])
    assert (positions[:, 0] != positions[:, -1]).any(axis=1).all()
    for number, index in enumerate(indices):
        first, last = part.windows.first[index], part.windows.last[index]
        rows = whole.maze.from_world(whole.observations[first : last + 1, :2].astype(np.float64))
        length = np.append(0.0, np.linalg.norm(np.diff(rows, axis=0), axis=1).cumsum())
        equal = np.linspace(0.0, length[-1], 32)
        expected = np.stack([np.interp(equal, length, rows[:, axis]) for axis in (0, 1)], axis=1)
        np.testing.assert_allclose(positions[number], expected, atol=2e-5)
        # A chord is no longer than its arc, and hardly shorter.
        chords = np.linalg.norm(np.diff(positions[number], axis=0), axis=1)
        assert chords.max() <= length[-1] / 31 + 2e-5
        assert chords.sum() > 0.95 * polyline_length(rows)


def test_the_default_recipe_names_what_the_command_makes():
    assert PointMazeRecipe().datasets == tuple(
        GenerationConfig(maze=maze, flavour="qiter").dataset_id for maze in ("umaze", "medium", "large")
    )
    with pytest.raises(FileNotFoundError, match="--maze medium --flavour qiter` makes it"):
        PointMazeRecipe().read(horizon=32, dim=2, progress=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"datasets": ()}, "datasets must hold at least one, found none"),
        ({"lengths": ()}, "lengths must hold at least one, found none"),
        ({"lengths": (0,)}, "lengths must be an integer of at least 1, found 0"),
        ({"stride": 0}, "stride must be an integer of at least 1, found 0"),
        ({"count": 0}, "count must be an integer of at least 1, found 0"),
        ({"most_detour": 0.1}, re.escape("keep must leave a window, found none of")),
    ],
)
def test_wrong_recipes_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(RECIPE, **changes).read(horizon=32, dim=2, progress=False)
