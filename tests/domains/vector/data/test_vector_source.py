"""Settings of training data, and what they open."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import tyro
from vector_made_up import told

from anchordiff.data.slot import Slot
from anchordiff.domains.vector.data import TrajectoryConfig, VectorSource, write_episodes


@pytest.fixture
def path(tmp_path) -> Path:
    write_episodes(tmp_path / "walks.npz", told([20] * 10, context=np.ones((10, 3))))
    return tmp_path / "walks.npz"


def test_a_source_opens_what_its_data_set_holds(path):
    windows = TrajectoryConfig(horizon=8, drop=0.2)
    source = VectorSource(path=path, windows=windows, velocities=True, angles=(0,), normaliser="range")
    dataset = source.dataset()
    assert dataset.states.velocities
    assert dataset.states.angles == (0,)
    assert dataset.states.scale[1] == 9.5
    data = source.open(states=dataset.states, horizon=8)
    slot = Slot(step=2, batch_size=5)
    assert torch.equal(data.at(slot).trajectory, dataset.at(slot).trajectory)
    assert data.settings == dataset.training_data().settings
    assert len(data.held_out(6)) == 6
    assert source.episodes is source.episodes
    assert source == replace(source)


def test_the_model_decides_the_horizon_where_the_source_does_not(path):
    source = VectorSource(path=path)
    dataset = source.dataset()
    assert dataset.horizon == 20
    assert source.open(states=dataset.states, horizon=6).at(Slot(step=0, batch_size=2)).trajectory.shape == (
        2,
        6,
        2,
    )


def test_a_model_of_other_states_is_refused(path):
    source = VectorSource(path=path, windows=TrajectoryConfig(horizon=8), velocities=True, angles=(1,))
    states = source.dataset().states
    for changes, message in (
        (
            {"positions": 3, "scale": 1.0, "centre": 0.0, "unit": 1.0},
            "must have positions = 3, as the model, found 2",
        ),
        ({"velocities": False}, "must have velocities = False, as the model, found True"),
        ({"angles": (0,)}, r"must have angles = \(0,\), as the model, found \(1,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            source.open(states=replace(states, **changes), horizon=8)
    with pytest.raises(ValueError, match=r"windows.horizon must be that of the model, 16, found 8"):
        source.open(states=states, horizon=16)
    held_out = replace(source, windows=TrajectoryConfig(horizon=8, split="held_out"))
    with pytest.raises(ValueError, match='split must be "train"'):
        held_out.open(states=states, horizon=8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "exactly one of path, minari, lerobot must be given, found none"),
        (
            {"path": Path("a.npz"), "minari": "a/b-v0"},
            "exactly one of .* found {'path': 'a.npz', 'minari': 'a/b-v0'}",
        ),
        ({"path": Path("a.npz"), "keys": ("a",)}, "keys and actions must be left out with path"),
        ({"path": Path("a.npz"), "actions": True}, "keys and actions must be left out with path"),
        (
            {"minari": "a/b-v0", "normaliser": "none"},
            "normaliser must be one of 'deviation', .* found 'none'",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_wrong_settings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        VectorSource(**options)


def test_what_is_not_there_is_not_read(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"walks.npz"):
        VectorSource(path=tmp_path / "walks.npz").dataset()


def test_settings_are_flags():
    flags = ["--path", "a.npz", "--windows.horizon", "8", "--windows.goal", "episode", "--angles", "0", "2"]
    windows = TrajectoryConfig(horizon=8, goal="episode")
    assert tyro.cli(VectorSource, args=flags) == VectorSource(
        path=Path("a.npz"), windows=windows, angles=(0, 2)
    )
