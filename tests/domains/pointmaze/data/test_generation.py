"""Generated data sets: what Minari reads back, and that a stopped generation ends with the same numbers."""

import json
from dataclasses import replace
from pathlib import Path

import minari
import numpy as np
import pytest

from anchordiff.cli import main
from anchordiff.domains.pointmaze.data import GenerationConfig, chunks, generate, minari_out, rollout
from anchordiff.domains.pointmaze.data.local_minari import minari_root
from anchordiff.domains.pointmaze.world import POINT_MAZES
from anchordiff.errors import CorruptFileError
from anchordiff.files import claimed

IDS = ("anchordiff/pointmaze/umaze-dfs-v0", "anchordiff/pointmaze/umaze-qiter-v0")
SHORT = GenerationConfig(maze="umaze", steps=130, seed=1)


def flat(episodes):
    """All arrays of episodes, under their names."""

    def walk(prefix, value):
        if isinstance(value, dict):
            return {k: v for key in value for k, v in walk(f"{prefix}/{key}", value[key]).items()}
        return {prefix: np.asarray(value)}

    names = ("observations", "actions", "rewards", "terminations", "truncations", "infos")
    return [{k: v for name in names for k, v in walk(name, getattr(e, name)).items()} for e in episodes]


def assert_same(a, b):
    a, b = flat(a), flat(b)
    assert len(a) == len(b)
    for ours, theirs in zip(a, b, strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours:
            np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
            assert ours[name].dtype == theirs[name].dtype, name


@pytest.fixture
def short_chunks(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK_STEPS", 40)


@pytest.mark.parametrize("dataset_id", IDS)
def test_minari_reads_the_schema_of_the_published_sets(minari_folder, dataset_id):
    dataset = minari.load_dataset(dataset_id)
    assert dataset.total_steps == 1500
    assert dataset.total_episodes == len(dataset) > 5
    touched = 0
    last = None
    for number, episode in enumerate(dataset):
        steps = len(episode)
        arrays = flat([episode])[0]
        assert {name: (array.shape, array.dtype.name) for name, array in arrays.items()} == {
            "observations/observation": ((steps + 1, 4), "float64"),
            "observations/achieved_goal": ((steps + 1, 2), "float64"),
            "observations/desired_goal": ((steps + 1, 2), "float64"),
            "actions": ((steps, 2), "float32"),
            "rewards": ((steps,), "float64"),
            "terminations": ((steps,), "bool"),
            "truncations": ((steps,), "bool"),
            "infos/success": ((steps + 1,), "bool"),
            "infos/qpos": ((steps + 1, 2), "float64"),
            "infos/qvel": ((steps + 1, 2), "float64"),
            "infos/goal": ((steps + 1, 2), "float64"),
        }
        state, goal = arrays["observations/observation"], arrays["observations/desired_goal"]
        np.testing.assert_array_equal(arrays["infos/qpos"], state[:, :2])
        np.testing.assert_array_equal(arrays["infos/qvel"], state[:, 2:])
        np.testing.assert_array_equal(arrays["infos/goal"], goal)
        near = np.linalg.norm(state[:, :2] - goal, axis=1) <= 0.45
        np.testing.assert_array_equal(arrays["rewards"], near[1:])
        np.testing.assert_array_equal(arrays["infos/success"], near)
        assert (goal[1:] == goal[1]).all()
        assert not arrays["terminations"].any()
        assert arrays["truncations"].sum() == arrays["truncations"][-1] == 1
        assert not near[1:-1].any()
        touched += int(near[-1])
        if number:
            np.testing.assert_array_equal(state[0], last[0])
            np.testing.assert_array_equal(goal[0], last[1])
        last = state[-1], goal[-1]
    assert touched >= dataset.total_episodes - 1
    bounded = all((np.abs(episode.actions) <= 1).all() for episode in dataset)
    assert bounded == dataset_id.endswith("qiter-v0")


@pytest.mark.parametrize("dataset_id", IDS)
def test_recovered_environment_plays_the_stream_again_to_the_bit(minari_folder, dataset_id):
    dataset = minari.load_dataset(dataset_id)
    env = dataset.recover_environment()
    assert (env.spec.max_episode_steps, type(env.spec.max_episode_steps)) == (1500, int)
    observation, _ = env.reset(seed=3)
    for episode in dataset:
        seen = episode.observations
        for step, action in enumerate(episode.actions):
            for name in seen:
                np.testing.assert_array_equal(observation[name], seen[name][step])
            observation, reward, terminated, truncated, _ = env.step(action)
            assert reward == episode.rewards[step]
            assert not terminated
    assert truncated
    np.testing.assert_array_equal(observation["observation"], seen["observation"][-1])
    env.close()
    target = dataset.recover_environment(eval_env=True)
    target.reset(seed=0)
    goal = target.unwrapped.goal - POINT_MAZES["umaze"].centre(POINT_MAZES["umaze"].target_cell)
    assert np.abs(goal).max() <= 0.25
    target.close()


def test_metadata_says_what_was_done(minari_folder):
    metadata = {path: minari.load_dataset(path).storage.metadata for path in IDS}
    for dataset_id, found in metadata.items():
        made_by = found["anchordiff"]
        clipped = "qiter" in dataset_id
        assert found["algorithm_name"] == made_by["solver"] == ("QIteration" if clipped else "DFS")
        assert made_by["actions_clipped"] is clipped
        assert (made_by["noise"], made_by["seed"], made_by["steps"]) == (0.5, 3, 1500)
        assert {"mujoco", "gymnasium-robotics", "minari", "anchordiff"} <= made_by["versions"].keys()
        assert "Regenerated" in found["description"]
        assert f"mujoco=={made_by['versions']['mujoco']}" in found["requirements"]
    assert minari.list_local_datasets().keys() == set(IDS)
    episodes = minari.load_dataset(IDS[0])
    notes = next(iter(episodes.storage.get_episode_metadata([0])))
    assert notes["seed"] == 3
    assert notes["rewards_sum"] == episodes[0].rewards.sum()


@pytest.mark.usefixtures("short_chunks")
@pytest.mark.parametrize("flavour", ["dfs", "qiter"])
def test_a_stopped_generation_goes_on_to_the_same_numbers(tmp_path, monkeypatch, flavour):
    config = GenerationConfig(maze="umaze", steps=130, flavour=flavour, seed=1)
    whole = generate(config, tmp_path / "whole", progress=False)
    assert whole.made == 130
    advance = rollout.Rollout.advance
    calls = []

    def stop(self, steps, report):
        calls.append(steps)
        if len(calls) in (3, 5):
            raise KeyboardInterrupt
        return advance(self, steps, report)

    monkeypatch.setattr(rollout.Rollout, "advance", stop)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            generate(config, tmp_path / "parts", progress=False)
        assert not (tmp_path / "parts" / config.dataset_id).exists()
    parts = generate(config, tmp_path / "parts", progress=False)
    assert (parts.made, parts.episodes) == (10, whole.episodes)
    with minari_root(tmp_path / "whole"):
        expected = minari.load_dataset(config.dataset_id)
    assert parts.longest == max(len(episode) for episode in expected)
    with minari_root(tmp_path / "parts"):
        assert_same(minari.load_dataset(config.dataset_id), expected)
    assert not list((tmp_path / "parts").glob(".*"))
    assert generate(config, tmp_path / "parts", progress=False) == replace(parts, made=0)


@pytest.mark.usefixtures("short_chunks")
def test_a_generation_stopped_while_it_writes_goes_on(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(minari_out, "_returns", lambda stream: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            generate(SHORT, tmp_path, progress=False)
    assert not (tmp_path / SHORT.dataset_id).exists()
    assert generate(SHORT, tmp_path, progress=False).made == 0
    with minari_root(tmp_path):
        assert minari.load_dataset(SHORT.dataset_id).total_steps == 130


@pytest.mark.usefixtures("short_chunks")
def test_chunks_and_data_sets_of_another_generation_are_refused(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(minari_out, "_write", lambda *a, **k: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            generate(SHORT, tmp_path, progress=False)
    other = GenerationConfig(maze="umaze", steps=130, seed=2)
    with pytest.raises(ValueError, match="same generation, found seed=1 instead of 2"):
        generate(other, tmp_path, progress=False)
    chunk = next(tmp_path.glob(".anchordiff/*/chunk-00001.npz"))
    content = chunk.read_bytes()
    chunk.write_bytes(content[: len(content) // 2])
    with pytest.raises(CorruptFileError, match=r"chunk-00001.npz is corrupt.*remove it"):
        generate(SHORT, tmp_path, progress=False)
    chunk.unlink()
    assert generate(SHORT, tmp_path, progress=False).made == 90
    with pytest.raises(ValueError, match="found seed=1 instead of 2"):
        generate(other, tmp_path, progress=False)


def test_one_process_at_a_time(tmp_path):
    hidden = tmp_path / ".anchordiff" / SHORT.dataset_id.replace("/", "__")
    hidden.mkdir(parents=True)
    with (
        claimed(hidden / "lock"),
        pytest.raises(ValueError, match="found another process making anchordiff/pointmaze/umaze-qiter-v0"),
    ):
        generate(SHORT, tmp_path, progress=False)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"maze": "huge"}, "maze must be one of 'umaze', 'medium', 'large', found 'huge'"),
        ({"flavour": "astar"}, "flavour must be one of 'qiter', 'dfs', found 'astar'"),
        ({"steps": 0}, "steps must be an integer of at least 1, found 0"),
        ({"steps": 1e6}, "steps must be an integer, found 1000000.0"),
        ({"noise": float("nan")}, "noise must be finite and not negative, found nan"),
        ({"seed": -1}, "seed must be an integer of at least 0, found -1"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        GenerationConfig(**settings)


@pytest.mark.parametrize("dataset_id", ["no version", "pointmaze/x", "-v1"])
def test_wrong_ids_are_refused(tmp_path, dataset_id):
    with pytest.raises(ValueError, match="dataset_id must have the form namespace/name-v0"):
        generate(SHORT, tmp_path, dataset_id=dataset_id, progress=False)
    assert not list(tmp_path.iterdir())


def test_command(tmp_path, capsys):
    words = ["data", "pointmaze", "--maze", "umaze", "--steps", "1_00", "--flavour", "qiter"]
    assert main([*words, "--out", str(tmp_path), "--dataset-id", "mine/u-v3"]) == 0
    said = capsys.readouterr().out
    assert "mine/u-v3" in said
    assert "100, 100 of them simulated now" in said
    metadata = json.loads(Path(tmp_path, "mine", "u-v3", "data", "metadata.json").read_text())
    assert (metadata["dataset_id"], metadata["total_steps"]) == ("mine/u-v3", 100)
    assert main([*words, "--out", str(tmp_path), "--dataset-id", "mine/u-v3", "--seed", "1"]) == 2
    assert "seed=0 instead of 1" in capsys.readouterr().err
