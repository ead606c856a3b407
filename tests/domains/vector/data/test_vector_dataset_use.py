"""Data sets as training and files use them, and settings that do not fit."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from vector_made_up import told
from vector_varied import PLAIN, VARIED, WHOLE, same, varied

from anchordiff.data.slot import Slot
from anchordiff.domains.vector.data import (
    Episodes,
    TrajectoryConfig,
    TrajectoryDataset,
    fit_states,
    write_episodes,
)
from anchordiff.states import StateSpace


def test_training_data():
    dataset = varied()
    data = dataset.training_data()
    assert same(data.at(Slot(step=1, batch_size=4)), dataset.at(Slot(step=1, batch_size=4)))
    many = data.held_out(500)
    held_out = dataset.held_out()
    assert len(many) == 500
    assert torch.equal(many.trajectory[-1:], held_out.batch([len(held_out) - 1]).trajectory)
    assert same(data.held_out(7), data.held_out(7))
    assert json.loads(json.dumps(data.settings)) == data.settings
    assert varied().training_data().settings == data.settings
    assert varied(replace(VARIED, stride=2)).training_data().settings != data.settings
    other = TrajectoryDataset(told([40] * 20, context=np.zeros((20, 2))), VARIED, space=PLAIN)
    assert other.training_data().settings["sha256"] != data.settings["sha256"]


def test_without_held_out_episodes_there_are_none():
    data = TrajectoryDataset(told([9, 9]), WHOLE).training_data()
    assert len(data.at(Slot(step=0, batch_size=2))) == 2
    with pytest.raises(ValueError, match="held_out_share must be above 0 for held-out samples, found 0"):
        data.held_out(2)


def test_held_out_samples_are_not_trained_on():
    held_out = varied().held_out()
    for call in (held_out.training_data, lambda: held_out.at(Slot(step=0, batch_size=2))):
        with pytest.raises(ValueError, match='split must be "train" for a training stream, found "held_out"'):
            call()


@pytest.mark.parametrize("end", [".npz", ".safetensors"])
def test_from_file(tmp_path, end):
    episodes = told([9, 12, 20])
    write_episodes(tmp_path / f"walks{end}", episodes)
    config = replace(WHOLE, horizon=5)
    dataset = TrajectoryDataset.from_file(tmp_path / f"walks{end}", config)
    assert dataset.training_data().settings == TrajectoryDataset(episodes, config).training_data().settings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"horizon": 1}, "horizon must be an integer of at least 2, found 1"),
        ({"stride": 0}, "stride must be an integer of at least 1, found 0"),
        ({"frame_skip": 0}, "frame_skip must be an integer of at least 1, found 0"),
        ({"way_points": -1}, "way_points must be an integer of at least 0, found -1"),
        ({"split_seed": -1}, "split_seed must be an integer of at least 0, found -1"),
        ({"seed": 0.5}, "seed must be an integer, found 0.5"),
        ({"goal": "end"}, "goal must be one of 'window', 'episode', found 'end'"),
        ({"split": "test"}, "split must be one of 'train', 'held_out', found 'test'"),
        ({"drop": 1.5}, r"drop must lie in \[0, 1\], found 1.5"),
        ({"drop_ends": -0.5}, r"drop_ends must lie in \[0, 1\], found -0.5"),
        ({"way_point_share": 2.0}, r"way_point_share must lie in \[0, 1\], found 2.0"),
        ({"held_out_share": 1.0}, r"held_out_share must lie in \[0, 1\), found 1.0"),
        (
            {"drop_ends": 0.5, "start": False, "goal": "episode"},
            "drop_ends must be 0 where no end is given, found 0.5",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_wrong_settings_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TrajectoryConfig(**options)


@pytest.mark.parametrize(
    ("sizes", "options", "message"),
    [
        (
            [9, 4, 3],
            {"horizon": 5},
            r"at least 5 states, found 4 in episode 1 \(2 of 3 are too short; skip_short=True leaves .*, pad=True pads",
        ),
        (
            [9, 4],
            {"horizon": 4, "frame_skip": 2},
            "at least 4 states at every 2 steps, found 2 in episode 1",
        ),
        (
            [9, 1],
            {"horizon": 5, "pad": True},
            r"at least 2 states, found 1 in episode 1 \(1 of 2 are too short; skip_short=True leaves them out\)",
        ),
        ([9, 1], {}, "at least 9 states, found 1 in episode 1"),
        ([1, 1], {}, "episodes must have at least 2 states, found at most 1"),
        (
            [4, 4],
            {"horizon": 5, "skip_short": True},
            "split 'train' must have a window of 5 states, found 2 episodes, all of them too short",
        ),
        (
            [9, 9],
            {"horizon": 4, "way_points": 3},
            "way_points must be at most 2, the steps between .*, found 3",
        ),
        ([9, 9], {"drop": 0.1}, "drop must be 0 where there is neither context nor tokens, found 0.1"),
        (
            [9, 9],
            {"held_out_share": 0.9},
            "held_out_share must leave an episode for training, found 0.9 of 2",
        ),
    ],
)
def test_data_that_do_not_fit_the_settings_are_refused(sizes, options, message):
    with pytest.raises(ValueError, match=message):
        TrajectoryDataset(told(sizes), replace(WHOLE, **options))


def test_states_have_to_fit():
    with pytest.raises(ValueError, match="space must have the 2 positions of the data, found 3"):
        TrajectoryDataset(told([9, 9]), WHOLE, space=StateSpace(positions=3))
    with pytest.raises(ValueError, match=r"angles must be different, in 0 \.\.\. 1, found"):
        fit_states(told([9, 9]), WHOLE, angles=(2,))


def test_read_only_arrays_will_do():
    rows = np.zeros((2, 8, 2), np.float32)
    rows.flags.writeable = False
    space = StateSpace(positions=2, angles=(0,))
    episodes = Episodes.from_arrays(rows, context=rows[:, 0])
    assert len(TrajectoryDataset(episodes, WHOLE, space=space).batch([0, 1])) == 2
