"""Minari data sets of all kinds of spaces, recorded from an environment."""

import sys
import warnings

import gymnasium
import minari
import numpy as np
import pytest
from gymnasium import spaces
from minari.data_collector import EpisodeBuffer

from anchordiff.domains.vector.data import TrajectoryConfig, TrajectoryDataset, VectorSource, read_minari
from anchordiff.errors import MissingExtraError


def box(*shape):
    return spaces.Box(-1e9, 1e9, shape, np.float64)


NESTED = spaces.Dict(
    {
        "observation": spaces.Dict({"hand": box(2, 2), "arm": box(3)}),
        "achieved_goal": box(1),
        "mode": spaces.Discrete(3),
        "extra": spaces.Tuple((box(1), box(1))),
    }
)


class Counting(gymnasium.Env):
    """Observations count steps; every part has its own hundreds."""

    def __init__(self, observation_space, action_space):
        self.observation_space, self.action_space = observation_space, action_space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return self.fill(self.observation_space), {}

    def step(self, action):
        self.count += 1
        return self.fill(self.observation_space), 0.0, False, False, {}

    def fill(self, space, base=0):
        if isinstance(space, spaces.Dict):
            return {key: self.fill(part, base + 100 * (i + 1)) for i, (key, part) in enumerate(space.items())}
        if isinstance(space, spaces.Tuple):
            return tuple(self.fill(part, base) for part in space)
        if isinstance(space, spaces.Discrete):
            return self.count % 3
        return base + self.count + np.arange(np.prod(space.shape)).reshape(space.shape) / 10


def stack(rows):
    if isinstance(rows[0], dict):
        return {key: stack([row[key] for row in rows]) for key in rows[0]}
    if isinstance(rows[0], tuple):
        return tuple(stack(list(parts)) for parts in zip(*rows, strict=True))
    return np.stack(rows)


def roll_out(env, steps):
    observations, actions = [env.reset()[0]], []
    for _ in range(steps):
        actions.append(env.action_space.sample())
        observations.append(env.step(actions[-1])[0])
    ends = np.zeros(steps, bool)
    return EpisodeBuffer(
        observations=stack(observations), actions=stack(actions), rewards=np.zeros(steps), terminations=ends,
        truncations=ends, infos=None,
    )  # fmt: skip


@pytest.fixture
def record(tmp_path, monkeypatch):
    """Make a data set whose episodes have 5, 6, ... steps."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))

    def make(observation_space, action_space=None, *, episodes=3, dataset_id="test/counting-v0", **options):
        env = Counting(observation_space, action_space or box(2))
        env.action_space.seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it has no author
            buffers = [roll_out(env, 5 + episode) for episode in range(episodes)]
            minari.create_dataset_from_buffers(dataset_id, buffers, env=env, **options)
        return dataset_id

    return make


def test_a_box_is_flattened(record):
    episodes = read_minari(record(box(2, 3)), progress=False)
    assert episodes.lengths.tolist() == [6, 7, 8]
    assert episodes.dim == 6
    np.testing.assert_allclose(episodes.states[0], np.arange(6) / 10, rtol=1e-6)
    np.testing.assert_allclose(episodes.states[episodes.ends, 0], [5, 6, 7])


def test_parts_come_in_the_order_of_their_paths_or_of_the_keys(record):
    name = record(NESTED)
    source = minari.load_dataset(name)
    seen = source[1].observations
    hand, arm = seen["observation"]["hand"].reshape(-1, 4), seen["observation"]["arm"]
    for keys, parts in (
        (("observation",), [arm, hand]),
        (("observation/hand",), [hand]),
        (("observation", "achieved_goal"), [arm, hand, seen["achieved_goal"]]),
        (("achieved_goal", "observation/hand"), [seen["achieved_goal"], hand]),
    ):
        episodes = read_minari(name, keys=keys, progress=False)
        rows = episodes.states[episodes.starts[1] : episodes.ends[1] + 1]
        np.testing.assert_array_equal(rows, np.concatenate(parts, axis=1).astype(np.float32))
    whole = spaces.Dict({"b": box(1), "a": spaces.Dict({"z": box(2), "y": box(1)})})
    name = record(whole, dataset_id="test/whole-v0")
    seen = minari.load_dataset(name)[0].observations
    expected = np.concatenate([seen["a"]["y"], seen["a"]["z"], seen["b"]], axis=1)
    episodes = read_minari(name, progress=False)
    np.testing.assert_array_equal(episodes.states[: len(expected)], expected.astype(np.float32))


def test_other_storage(record):
    name = record(NESTED, data_format="arrow")
    episodes = read_minari(name, keys=("observation",), actions=True, progress=False)
    other = read_minari(record(NESTED, dataset_id="test/other-v0"), keys=("observation",), progress=False)
    assert episodes.lengths.tolist() == [5, 6, 7]
    np.testing.assert_array_equal(episodes.states[:5, :7], other.states[:5])


@pytest.mark.parametrize("action_space", [box(2), spaces.Dict({"wrist": box(1), "base": box(1, 2)})])
def test_actions_follow_their_observations(record, action_space):
    name = record(box(3), action_space)
    episodes = read_minari(name, actions=True, progress=False)
    assert episodes.lengths.tolist() == [5, 6, 7]
    for first, recorded in zip(episodes.starts, minari.load_dataset(name), strict=True):
        acted = recorded.actions
        if isinstance(acted, dict):
            acted = np.concatenate([acted["base"].reshape(-1, 2), acted["wrist"]], axis=1)
        rows = episodes.states[first : first + len(acted)]
        np.testing.assert_array_equal(rows[:, :3], recorded.observations[:-1].astype(np.float32))
        np.testing.assert_array_equal(rows[:, 3:], acted.astype(np.float32))


@pytest.mark.parametrize(
    ("observation_space", "options", "message"),
    [
        (
            NESTED,
            {},
            r"observation 'extra' of test/counting-v0 must be a Box of numbers, found Tuple.*\(keys chooses",
        ),
        (
            NESTED,
            {"keys": ("mode",)},
            r"observation 'mode' of .* must be a Box of numbers, found Discrete\(3\)",
        ),
        (
            NESTED,
            {"keys": ("observation/leg",)},
            "keys must be among those of test/counting-v0, achieved_goal, extra, mode, observation/arm, "
            "observation/hand, found 'observation/leg'",
        ),
        (
            NESTED,
            {"keys": ("observation", "observation/arm")},
            "each part once, found 'observation/arm' twice",
        ),
        (
            spaces.Discrete(4),
            {},
            r"the observation of test/counting-v0 must be a Box of numbers, found Discrete\(4\)$",
        ),
        (
            box(2),
            {"keys": ("a",)},
            "keys must be left out for test/counting-v0, whose observations are no dictionary",
        ),
    ],
)
def test_other_spaces_are_refused(record, observation_space, options, message):
    with pytest.raises(ValueError, match=message):
        read_minari(record(observation_space), progress=False, **options)


def test_other_actions_are_refused(record):
    name = record(box(2), spaces.Discrete(4))
    assert len(read_minari(name, progress=False)) == 3
    with pytest.raises(ValueError, match=r"the action of .* must be a Box of numbers, found Discrete\(4\)$"):
        read_minari(name, actions=True, progress=False)


def test_wrong_numbers_are_found(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))

    def create(name, **changes):
        parts = {
            "observations": np.zeros((4, 2)), "actions": np.zeros((3, 1)), "rewards": np.zeros(3),
            "terminations": np.zeros(3, bool), "truncations": np.zeros(3, bool), "infos": None,
        }  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            minari.create_dataset_from_buffers(
                name, [EpisodeBuffer(**parts), EpisodeBuffer(**{**parts, **changes})],
                observation_space=box(2), action_space=box(1),
            )  # fmt: skip
        return name

    bad = np.zeros((4, 2))
    bad[2, 1] = np.nan
    with pytest.raises(
        ValueError, match="states must be finite, found nan in episode 1, step 2, dimension 1"
    ):
        read_minari(create("test/nan-v0", observations=bad), progress=False)
    with pytest.raises(
        ValueError, match=r"observation of episode 1 of test/few-v0 must have the shape \(4, 2\)"
    ):
        read_minari(create("test/few-v0", observations=np.zeros((3, 2))), progress=False)
    with pytest.raises(ValueError, match=r"action of episode 1 of test/act-v0 must have the shape \(3, 1\)"):
        read_minari(create("test/act-v0", actions=np.zeros((2, 1))), actions=True, progress=False)
    assert read_minari(create("test/fine-v0"), actions=True, progress=False).dim == 3


def test_a_data_set_that_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    message = (
        f"found none of 'D4RL/door/human-v2' in {tmp_path}; `minari download D4RL/door/human-v2` fetches"
    )
    with pytest.raises(FileNotFoundError, match=message):
        read_minari("D4RL/door/human-v2")


@pytest.mark.parametrize("package", ["minari", "h5py"])
def test_without_the_extra(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=rf'{package} is not installed; .*"\.\[minari\]"'):
        read_minari("test/counting-v0")


def test_samples_and_sources(record):
    name = record(NESTED, episodes=6)
    config = TrajectoryConfig(horizon=4, frame_skip=1)
    keys = ("observation", "achieved_goal")
    dataset = TrajectoryDataset.from_minari(name, config, keys=keys, actions=True, progress=False)
    assert dataset.states.dim == 7 + 1 + 2
    assert dataset.batch([0]).trajectory.shape == (1, 4, 10)
    source = VectorSource(minari=name, keys=keys, actions=True, windows=config)
    assert source.dataset().training_data().settings == dataset.training_data().settings
    assert source.open(states=dataset.states, horizon=4).settings == dataset.training_data().settings
