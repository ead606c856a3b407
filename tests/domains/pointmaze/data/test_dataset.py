"""Samples of PointMaze data: what they are, and that they feed training."""

import sys
import warnings
from dataclasses import replace

import minari
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import MAZES, make, recordings
from torch.utils.data import DataLoader

from anchordiff.data import InterleavedDataset, Slot
from anchordiff.domains.maze.domain import MAZE
from anchordiff.domains.pointmaze.data import (
    MazeNormalisation,
    PointMazeConfig,
    PointMazeDataset,
    Recording,
    Within,
    generate,
    minari_in,
    read_minari,
)
from anchordiff.domains.pointmaze.data.generation import GenerationConfig
from anchordiff.errors import CorruptFileError, MissingExtraError
from anchordiff.kernels.grid.polyline import resample
from anchordiff.training import RunOptions, TrainConfig, fit
from anchordiff.training.objectives import DenoiserObjective, KeypointObjective

ID = "anchordiff/pointmaze/umaze-dfs-v0"
ALL = PointMazeConfig(horizon=32, held_out_share=0.0)


def test_a_recording_is_what_minari_holds(minari_folder, recording):
    dataset = minari.load_dataset(ID)
    assert len(recording) == len(dataset)
    assert recording.goes_on.tolist() == [False] + [True] * (len(dataset) - 1)
    assert len(recording.observations) == dataset.total_steps + 1
    assert str(recording.maze) == str(MAZES["umaze"])
    assert recording.maze == MAZES["umaze"]
    for episode, a, b in zip(dataset, recording.episode_starts, recording.episode_ends, strict=True):
        seen = episode.observations
        np.testing.assert_array_equal(
            recording.observations[a : b + 1], seen["observation"].astype(np.float32)
        )
        np.testing.assert_array_equal(recording.actions[a:b], episode.actions)
        # Observation 0 shows the goal before.
        np.testing.assert_array_equal(recording.goals[a:b], seen["desired_goal"][1:].astype(np.float32))
    assert np.isnan(recording.actions[-1]).all()
    assert np.isfinite(recording.actions[:-1]).all()


def test_episodes_after_a_reset_do_not_go_on(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    generate(GenerationConfig(maze="umaze", steps=300, flavour="dfs"), progress=False)
    assert len(read_minari(ID, root=tmp_path, cache=tmp_path / "cache", progress=False)) > 2
    source = minari.load_dataset(ID)
    buffers = [
        minari.data_collector.EpisodeBuffer(
            observations=e.observations, actions=e.actions, rewards=e.rewards, terminations=e.terminations,
            truncations=e.truncations, infos=e.infos,
        )
        for e in (source[1], source[0])
    ]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        minari.create_dataset_from_buffers("mine/swapped-v0", buffers, env=source.recover_environment())
    recording = read_minari("mine/swapped-v0", cache=tmp_path / "cache", progress=False)
    assert recording.goes_on.tolist() == [False, False]
    assert len(recording.observations) == len(source[0]) + len(source[1]) + 2
    ends = np.flatnonzero(np.isnan(recording.actions).any(axis=1))
    assert ends.tolist() == recording.episode_ends.tolist()


def test_cache(minari_folder, tmp_path, monkeypatch):
    first = read_minari(ID, cache=tmp_path, progress=False)
    (file,) = tmp_path.iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(minari_in, "_read", lambda *a, **k: 1 / 0)
        again = read_minari(ID, cache=tmp_path, progress=False)
        for name in ("observations", "actions", "goals", "episode_starts", "episode_ends"):
            np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        assert again.maze == first.maze
        patch.setattr(minari_in, "_source", lambda dataset: {"dataset_id": ID, "steps": 3})
        with pytest.raises(ZeroDivisionError):  # something else was read into the cache: read again
            read_minari(ID, cache=tmp_path, progress=False)
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    with pytest.raises(CorruptFileError, match="does not match its SHA-256; remove it"):
        read_minari(ID, cache=tmp_path, progress=False)
    file.write_bytes(content[:100])
    with pytest.raises(CorruptFileError, match="is corrupt"):
        read_minari(ID, cache=tmp_path, progress=False)


def test_other_data_is_refused(tmp_path, monkeypatch):
    import gymnasium

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    env = gymnasium.make("CartPole-v1")
    buffer = minari.data_collector.EpisodeBuffer(
        observations=np.zeros((3, 4), np.float32), actions=np.zeros(2, int), rewards=np.zeros(2),
        terminations=np.zeros(2, bool), truncations=np.ones(2, bool),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        minari.create_dataset_from_buffers("pole-v0", [buffer], env=env)
    with pytest.raises(ValueError, match="pole-v0 must state its maze, found no maze_map of CartPole-v1"):
        read_minari("pole-v0", cache=tmp_path / "cache", progress=False)


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r'h5py is not installed.*"\.\[pointmaze\]"'):
        read_minari(ID)


def test_from_minari(minari_folder, tmp_path):
    keep = Within("path_length", least=0.8) & ~Within("collision_rate", least=0.9)
    dataset = PointMazeDataset.from_minari(ID, ALL, keep=keep, cache=tmp_path, progress=False)
    assert 0 < len(dataset) < len(PointMazeDataset.from_minari(ID, ALL, cache=tmp_path, progress=False))
    assert (dataset.measures().path_length >= 0.8).all()


@pytest.mark.parametrize("kind", ["end", "random", "episode"])
@pytest.mark.parametrize("goal", ["window_end", "env"])
def test_samples_are_positions_in_cells_of_the_maze(recording: Recording, kind, goal):
    dataset = PointMazeDataset(recording, replace(ALL, windows=kind, goal=goal, dim=4), geodesic=True)
    batch = dataset.batch(range(0, len(dataset), 7 if kind == "random" else 1))
    batch.condition.check()
    positions = batch.trajectory[..., :2].numpy()
    assert batch.trajectory.dtype == torch.float32
    assert recording.maze.is_free(positions).all()
    np.testing.assert_array_equal(positions[:, 0], batch.condition.start)
    assert batch.condition.walls.shape[1:] == (5, 5)
    reached = np.linalg.norm(positions[:, -1] - batch.condition.goal.numpy(), axis=1)
    if goal == "window_end":
        assert (reached == 0).all()
    elif kind != "random":
        assert (reached[:-1] <= 0.45 + 1e-5).all()  # the last episode was cut short
        assert (reached > 0).all()
    assert batch.geodesic is not None
    free = ~batch.condition.walls[:, None].expand_as(batch.geodesic)
    assert batch.geodesic[free].isfinite().all()


def test_points_are_the_rows_themselves_at_the_recorded_pace(recording):
    dataset = PointMazeDataset(recording, ALL)
    batch = dataset.batch([5, 400])
    for sample, first in zip(batch.trajectory.numpy(), dataset.windows.first[[5, 400]], strict=True):
        world = recording.observations[first : first + 32, :2]
        np.testing.assert_array_equal(sample, recording.maze.from_world(world))


def test_longer_windows_are_resampled(recording):
    for pace in ("time", "arc"):
        dataset = PointMazeDataset(recording, replace(ALL, horizon=20, lengths=(57,), pace=pace))
        sample = dataset.batch([100]).trajectory[0].numpy()
        first = dataset.windows.first[100]
        rows = recording.maze.from_world(recording.observations[first : first + 58, :2])
        if pace == "time":
            steps = np.linspace(0, 57, 20)
            expected = np.stack([np.interp(steps, np.arange(58), rows[:, i]) for i in (0, 1)], axis=1)
        else:
            expected = resample(rows, 20)
        np.testing.assert_allclose(sample, expected, atol=1e-5)


@given(recordings(), st.integers(2, 12), st.integers(0, 9))
@settings(max_examples=15)
def test_a_training_stream_is_a_function_of_its_slot(recording, horizon, seed):
    config = PointMazeConfig(horizon=horizon, windows="episode", held_out_share=0.0, seed=seed)
    dataset = PointMazeDataset(recording, config)
    slots = [Slot(step=s, rank=r, world=2, batch_size=4) for s in range(len(dataset)) for r in range(2)]
    first = [dataset.at(slot).trajectory for slot in slots]
    again = PointMazeDataset(recording, config)
    for slot, expected in zip(slots[::-1], first[::-1], strict=True):
        assert torch.equal(again.at(slot).trajectory, expected)
    starts = torch.cat([trajectory[:, 0] for trajectory in first])[: len(dataset)]
    assert {tuple(x) for x in starts.tolist()} == {
        tuple(x) for x in dataset.batch(range(len(dataset))).condition.start.tolist()
    }


def test_held_out_samples_are_not_for_training(recording):
    dataset = PointMazeDataset(recording, replace(ALL, split="held_out", held_out_share=0.3, split_block=3))
    with pytest.raises(ValueError, match='split must be "train"'):
        dataset.at(Slot(step=0, batch_size=2))


def test_data_loader(recording):
    dataset = PointMazeDataset(recording, ALL)
    loader = DataLoader(dataset, batch_size=16, shuffle=True, collate_fn=dataset.collate)
    assert next(iter(loader)).trajectory.shape == (16, 32, 2)


def test_mazes_of_several_sizes_in_turn(recording):
    medium = make([50, 60], [False, True], maze="medium")
    config = replace(ALL, grid=(9, 12))
    parts = [PointMazeDataset(r, config, geodesic=True) for r in (recording, medium)]
    both = InterleavedDataset(parts)
    slot = Slot(step=3, batch_size=6)
    batch = both.at(slot)
    batch.condition.check()
    assert batch.condition.walls.shape == (6, 9, 12)
    assert (~batch.condition.walls).sum(dim=(1, 2)).tolist() == [7, 26] * 3
    assert slot.indices[0] == 18
    alone = [part.at(Slot(step=3, batch_size=3)).trajectory for part in parts]
    assert torch.equal(batch.trajectory, torch.stack(alone, dim=1).flatten(0, 1))
    for count in (1, 2, 7):
        spread = both.spread(count)
        indices = [
            np.linspace(0, len(p) - 1, n).astype(int)
            for p, n in zip(parts, ((count + 1) // 2, count // 2), strict=True)
        ]
        expected = [p.batch(i).trajectory for p, i in zip(parts, indices, strict=True) if len(i)]
        assert torch.equal(spread.trajectory, torch.cat(expected))
        assert len(spread.trajectory) == count
    with pytest.raises(ValueError, match="count must be at least 1, found 0"):
        both.spread(0)
    with pytest.raises(ValueError, match="datasets must have samples of one shape"):
        InterleavedDataset([parts[0], PointMazeDataset(medium, ALL)])
    with pytest.raises(ValueError, match="datasets must hold at least one"):
        InterleavedDataset([])
    with pytest.raises(ValueError, match="rows and cols must be at least the maze's, found 4 x 9 for 5 x 5"):
        PointMazeDataset(recording, replace(ALL, grid=(4, 9)))


@given(st.sampled_from(sorted(MAZES)), st.integers(0, 99))
def test_normalisation_is_the_mazes_and_goes_both_ways(name, seed):
    scale = MazeNormalisation(MAZES[name])
    states = np.random.default_rng(seed).uniform(-1, 1, (5, 4))
    np.testing.assert_allclose(scale.normalise(scale.denormalise(states)), states, atol=1e-12)
    corner = MAZES[name].to_world(np.array([MAZES[name].cols, 0.0]))
    np.testing.assert_allclose(scale.normalise(np.append(corner, [0.0, 0.0]))[:2], [1, 1])


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint8, ">i4", np.float32, ">f8"])
def test_whole_numbers_are_scaled_too(dtype):
    scale = MazeNormalisation(MAZES["umaze"])
    states = np.array([1, 2, 0, 0], dtype)
    np.testing.assert_allclose(scale.normalise(states), [0.4, 0.8, 0.0, 0.0], rtol=1e-6)
    np.testing.assert_allclose(scale.denormalise(states)[:2], [2.5, 5.0], rtol=1e-6)
    assert scale.normalise(states).dtype == (dtype if np.dtype(dtype).kind == "f" else np.float64)
    signed = scale.normalise(np.array([1, -2, 0, 0]))
    np.testing.assert_allclose(signed, [0.4, -0.8, 0.0, 0.0])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("states", [np.zeros(2), np.zeros(4, complex), np.zeros((3, 5)), np.zeros(4, bool)])
def test_what_is_no_state_is_not_scaled(states):
    scale = MazeNormalisation(MAZES["umaze"])
    for change in (scale.normalise, scale.denormalise):
        with pytest.raises(ValueError, match=r"states must be real numbers in 4 columns, found"):
            change(states)


def test_windows_before_goals_end_at_goals_that_were_touched(tmp_path):
    generate(GenerationConfig(maze="umaze", steps=600), tmp_path, progress=False)
    name = GenerationConfig(maze="umaze").dataset_id
    recording = read_minari(name, root=tmp_path, cache=tmp_path / "cache", progress=False)
    assert not recording.reached[-1]  # the stream ended on the way
    assert recording.reached[:-1].all()
    for windows in ("end", "episode"):
        config = PointMazeConfig(horizon=16, windows=windows, goal="env", held_out_share=0.0)
        dataset = PointMazeDataset(recording, config)
        assert len(dataset) == len(recording) - 1
        batch = dataset.batch(np.arange(len(dataset)))
        away = (batch.trajectory[:, -1, :2] - batch.condition.goal).norm(dim=1)
        assert away.max() <= 0.45 + 1e-4  # cells of a metre


def test_recorded_states_are_normalised_into_the_unit_box(recording):
    assert np.abs(MazeNormalisation(recording.maze).normalise(recording.observations)).max() <= 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"horizon": 1}, "horizon must be an integer of at least 2, found 1"),
        ({"windows": "all"}, "windows must be one of 'end', 'random', 'episode', found 'all'"),
        ({"goal": "end"}, "goal must be one of 'window_end', 'env', found 'end'"),
        ({"pace": "fast"}, "pace must be one of 'time', 'arc', found 'fast'"),
        ({"lengths": (9, 0)}, "lengths must be an integer of at least 1, found 0"),
        (
            {"lengths": (9,), "windows": "episode"},
            r"lengths must be left out for whole episodes, found \(9,\)",
        ),
        ({"stride": 0}, "stride must be an integer of at least 1, found 0"),
        ({"stride": 2, "windows": "end"}, "stride must be 1 for windows 'end', found 2"),
        ({"held_out_share": 1.0}, r"held_out_share must lie in \[0, 1\), found 1.0"),
        ({"split_block": 0}, "split_block must be an integer of at least 1, found 0"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        PointMazeConfig(**settings)


def test_windows_that_do_not_fit_are_an_error(recording):
    with pytest.raises(
        ValueError,
        match=r"windows must fit into the \d+ episodes of split 'train', of which \d+ reached their goal, found none",
    ):
        PointMazeDataset(recording, replace(ALL, horizon=3000))


def test_episodes_that_do_not_fit_the_rows_are_refused():
    good = make([5, 5], [False, True])
    for changes in ({"episode_starts": np.array([0, 3])}, {"episode_ends": np.array([5, 9])}):
        with pytest.raises(ValueError, match="episodes must follow each other through all 11 rows"):
            replace(good, **changes)


def test_both_stages_train_on_it(recording, tmp_path, tiny_keypoints, tiny_denoiser, tiny_encoder):
    medium = make([40, 70], [False, True], maze="medium")
    config = PointMazeConfig(horizon=16, held_out_share=0.0, grid=(9, 12))
    both = InterleavedDataset([PointMazeDataset(r, config, geodesic=True) for r in (recording, medium)])
    encoder = tiny_encoder(attention_channels=0)
    train = TrainConfig(steps=3, batch_size=4, warmup_steps=1)
    options = RunOptions(tensorboard=False, progress=False)
    for name, model, objective in (
        ("keypoints", tiny_keypoints(encoder=encoder), KeypointObjective(terms=MAZE.keypoint_terms)),
        ("denoiser", tiny_denoiser(encoder=encoder), DenoiserObjective(terms=MAZE.denoiser_terms)),
    ):
        result = fit(model, both.at, objective, train, tmp_path / name, options=options)
        assert result.finished
