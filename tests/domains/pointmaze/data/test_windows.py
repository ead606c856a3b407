"""Laws of windows, splits and filters."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_up import make, recordings

from anchordiff.domains.pointmaze.data import (
    Measures,
    PointMazeConfig,
    PointMazeDataset,
    Recording,
    ShortestBetween,
    Within,
    find_windows,
    held_out_episodes,
)

kinds = st.sampled_from(["end", "random", "episode"])
MEASURES = ("path_length", "goal_distance", "tortuosity", "detour", "turns", "collision_rate")


def episodes_of(recording, first, last):
    """The episodes that the steps from row `first` to row `last` belong to."""
    rows = range(first, last)
    return {
        k
        for k, (a, b) in enumerate(zip(recording.episode_starts, recording.episode_ends, strict=True))
        if any(a <= row < b for row in rows)
    }


def joined(recording, first, last):
    """Whether every step between two rows was played."""
    played = set()
    for a, b in zip(recording.episode_starts, recording.episode_ends, strict=True):
        played |= set(range(a, b))
    return all(row in played for row in range(first, last))


lengths_of_windows = st.lists(st.integers(1, 40), min_size=1, max_size=3)


@given(recordings(), kinds, lengths_of_windows, st.integers(1, 7), st.randoms(use_true_random=False))
def test_windows_never_leave_the_stream_and_touch_chosen_episodes_alone(
    recording, kind, lengths, stride, random
):
    chosen = np.array([random.random() < 0.7 for _ in range(len(recording))])
    windows = find_windows(recording, chosen, kind=kind, lengths=lengths, stride=stride)
    for first, last in zip(windows.first.tolist(), windows.last.tolist(), strict=True):
        assert 0 <= first < last < len(recording.observations)
        assert joined(recording, first, last)
        assert episodes_of(recording, first, last) <= set(np.flatnonzero(chosen))
        if kind == "episode":
            assert len(episodes_of(recording, first, last)) == 1
        else:
            assert last - first in lengths
        if kind == "end":
            assert last in recording.episode_ends[chosen]


def runs(recording):
    """First and last row of each stretch in which the stream goes on."""
    heads = recording.episode_starts[~recording.goes_on].tolist()
    tails = recording.episode_ends[~np.append(recording.goes_on[1:], False)].tolist()
    return list(zip(heads, tails, strict=True))


@given(recordings(), lengths_of_windows, st.integers(1, 7))
def test_no_window_is_left_out(recording, lengths, stride):
    every = np.ones(len(recording), bool)
    rows = len(recording.observations)
    random, ends = [], []
    for length in lengths:  # in their order, each with all its windows
        possible = {a for a in range(rows - length) if joined(recording, a, a + length)}
        random += [
            (a, a + length)
            for head, tail in runs(recording)
            for a in range(head, tail + 1, stride)
            if a in possible
        ]
        ends += [(b - length, b) for b in recording.episode_ends.tolist() if b - length in possible]
    for kind, expected in (("random", random), ("end", ends)):
        found = find_windows(recording, every, kind=kind, lengths=lengths, stride=stride)
        assert list(zip(found.first.tolist(), found.last.tolist(), strict=True)) == expected


def test_windows_span_cuts_where_the_stream_goes_on():
    recording = make([5, 5, 5], [False, True, False])
    windows = find_windows(recording, np.ones(3, bool), kind="end", lengths=(8,))
    assert (windows.first.tolist(), windows.last.tolist()) == ([2], [10])
    assert len(find_windows(recording, np.array([False, True, True]), kind="end", lengths=(8,))) == 0


@given(st.integers(2, 300), st.floats(0.0, 0.6), st.integers(1, 20), st.integers(0, 99))
def test_held_out_blocks(count, share, block, seed):
    if -(-count // block) < 2:
        block = 1
    held_out = held_out_episodes(count, share=share, block=block, seed=seed)
    np.testing.assert_array_equal(held_out, held_out_episodes(count, share=share, block=block, seed=seed))
    assert not held_out.all()
    assert held_out.any() == (share > 0)
    for first in range(0, count, block):
        assert len(set(held_out[first : first + block].tolist())) == 1


@given(recordings(), kinds, st.integers(2, 10), st.integers(0, 20))
@settings(max_examples=30)
def test_splits_share_no_episode(recording, kind, horizon, split_seed):
    seen = {}
    for split in ("train", "held_out"):
        config = PointMazeConfig(
            horizon=horizon,
            windows=kind,
            split=split,
            held_out_share=0.3,
            split_block=2,
            split_seed=split_seed,
        )
        try:
            windows = PointMazeDataset(recording, config).windows
        except ValueError as error:
            assert "found none" in str(error) or "leave a block" in str(error)  # noqa: PT017
            return
        pairs = zip(windows.first.tolist(), windows.last.tolist(), strict=True)
        seen[split] = set().union(*(episodes_of(recording, a, b) for a, b in pairs))
    assert not seen["train"] & seen["held_out"]


def naive_measures(recording, first, last, goal):
    points = recording.maze.from_world(recording.observations[first : last + 1, :2].astype(np.float64))
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    chord = np.linalg.norm(points[-1] - points[0])
    way = recording.maze.shortest_path(points[0], points[-1])
    turning = 0.0
    for row in range(10, len(points) - 10):
        before, after = points[row] - points[row - 10], points[row + 10] - points[row]
        if min(np.linalg.norm(before), np.linalg.norm(after)) >= 0.01:
            unit = [v / np.linalg.norm(v) for v in (before, after)]
            turning += np.arccos(np.clip(unit[0] @ unit[1], -1, 1)) / 10
    touching = [not recording.maze.is_free(p[None], radius=0.1)[0] for p in points]
    return {
        "path_length": steps.sum(),
        "goal_distance": np.linalg.norm(goal - points[0]),
        "tortuosity": steps.sum() / chord,
        "detour": steps.sum() / np.linalg.norm(np.diff(way, axis=0), axis=1).sum(),
        "turns": turning / (np.pi / 2),
        "collision_rate": np.mean(touching),
    }


@pytest.mark.parametrize("kind", ["end", "random", "episode"])
def test_measures_equal_those_of_each_window_alone(recording: Recording, kind):
    config = PointMazeConfig(horizon=48, windows=kind, goal="env", held_out_share=0.0)
    dataset = PointMazeDataset(recording, config)
    chosen = slice(None, None, 97 if kind == "random" else 3)
    measures = dataset.measures()
    goals = dataset.batch(range(len(dataset))).condition.goal.numpy()
    places = zip(dataset.windows.first[chosen], dataset.windows.last[chosen], goals[chosen], strict=True)
    expected = [naive_measures(recording, int(a), int(b), goal) for a, b, goal in places]
    for name in MEASURES:
        found = measures.get(name)[chosen]
        np.testing.assert_allclose(found, [e[name] for e in expected], rtol=1e-4, atol=1e-5, err_msg=name)


bounds = st.tuples(st.floats(0, 3), st.floats(0, 3)).map(sorted)
filters = st.builds(lambda name, ab: Within(name, least=ab[0], most=ab[1]), st.sampled_from(MEASURES), bounds)


@given(recordings(), filters, filters, kinds)
@settings(max_examples=30)
def test_filters_keep_what_they_say(recording, a, b, kind):
    every = find_windows(recording, np.ones(len(recording), bool), kind=kind, lengths=(12,))
    goals = recording.maze.from_world(recording.observations[every.last, :2].astype(np.float64))
    measures = Measures(recording, every, goals)
    kept = every.where(a.keeps(measures))
    values = Measures(recording, kept, goals[a.keeps(measures)]).get(a.measure)
    assert ((values >= a.least) & (values <= a.most)).all()
    np.testing.assert_array_equal((a & b).keeps(measures), a.keeps(measures) & b.keeps(measures))
    np.testing.assert_array_equal((a | b).keeps(measures), a.keeps(measures) | b.keeps(measures))
    np.testing.assert_array_equal((~a).keeps(measures), ~a.keeps(measures))
    np.testing.assert_array_equal((~(a & b)).keeps(measures), (~a | ~b).keeps(measures))


@pytest.mark.usefixtures("unchecked")
def test_wrong_values_are_refused(recording):
    with pytest.raises(ValueError, match=r"measure must be one of 'path_length', .* found 'length'"):
        Within("length")
    with pytest.raises(ValueError, match=r"least must be at most most, found 2\.0 and 1\.0"):
        Within("turns", least=2.0, most=1.0)
    with pytest.raises(ValueError, match=r"keep must leave a window, found none of \d+ kept by Not\(Within"):
        PointMazeDataset(recording, PointMazeConfig(held_out_share=0.0), keep=~Within("path_length"))
    with pytest.raises(ValueError, match="kind must be one of 'end', 'random', 'episode', found 'all'"):
        find_windows(recording, np.ones(len(recording), bool), kind="all", lengths=(3,))
    for lengths, rule in (((), "hold at least one number .* found"), ((3, 0), "be an integer .* found 0")):
        with pytest.raises(ValueError, match=f"lengths must {rule}"):
            find_windows(recording, np.ones(len(recording), bool), kind="end", lengths=lengths)
    with pytest.raises(ValueError, match="stride must be an integer of at least 1, found 0"):
        find_windows(recording, np.ones(len(recording), bool), kind="random", lengths=(3,), stride=0)
    for name in ("count", "places"):
        with pytest.raises(ValueError, match=f"{name} must be an integer of at least 1, found 0"):
            ShortestBetween(**{name: 0})
    with pytest.raises(ValueError, match=r"share must lie in \[0, 1\), found 1.0"):
        held_out_episodes(10, share=1.0, block=1, seed=0)
    with pytest.raises(ValueError, match=r"share must leave a block for training, found 0.5 of 1 blocks"):
        held_out_episodes(10, share=0.5, block=10, seed=0)


def cut(recording):
    """The same recording with the last goal out of reach, as where the stream ends on its way."""
    goals = recording.goals.copy()
    goals[recording.episode_ends[-1] - 1] = recording.observations[recording.episode_ends[-1], :2] + [
        2.0,
        0.8,
    ]
    return replace(recording, goals=goals)


@given(recordings(), lengths_of_windows)
def test_an_episode_that_was_cut_short_reached_no_goal_and_is_not_whole(recording, lengths):
    every, short = np.ones(len(recording), bool), cut(recording)
    assert recording.reached.all()
    assert short.reached.tolist() == [True] * (len(recording) - 1) + [False]
    for kind in ("end", "episode"):
        before = find_windows(recording, every, kind=kind, lengths=lengths)
        after = find_windows(short, every, kind=kind, lengths=lengths)
        kept = before.last != recording.episode_ends[-1]
        assert np.array_equal(before.first[kept], after.first)
        assert np.array_equal(before.last[kept], after.last)
    before, after = (find_windows(r, every, kind="random", lengths=lengths) for r in (recording, short))
    assert np.array_equal(before.last, after.last)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lengths": (2.5,)}, "lengths must be an integer of at least 1, found 2.5"),
        ({"stride": 1.5}, "stride must be an integer of at least 1, found 1.5"),
        ({"chosen": np.array([0, 1])}, "chosen must be 2 booleans, one for each episode, found int64"),
        ({"chosen": np.ones(3, bool)}, r"chosen must be 2 booleans, .* of shape \(3,\)"),
        ({"kind": "all"}, "kind must be one of 'end', 'random', 'episode', found 'all'"),
    ],
)
def test_windows_of_what_does_not_fit_are_refused(changes, message):
    recording = make([5, 5], [False, True])
    arguments = {"chosen": np.ones(2, bool), "kind": "end", "lengths": (3,)} | changes
    with pytest.raises(ValueError, match=message):
        find_windows(recording, arguments.pop("chosen"), **arguments)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("observations", lambda a: a * np.nan, r"observations must be finite numbers of shape \(n >= 1, 4\)"),
        ("observations", lambda a: a[:, :2], r"observations must be finite numbers .* found shape \(11, 2\)"),
        ("goals", lambda a: a[1:], r"goals must be finite numbers of shape \(11, 2\), found shape \(10, 2\)"),
        ("actions", lambda a: a[:, :1], r"actions must have shape \(11, 2\), found \(11, 1\)"),
        (
            "episode_ends",
            lambda a: a[:1],
            "episode_ends must hold one row number an episode, found int64 of shape",
        ),
        (
            "episode_ends",
            lambda a: a * 1.0,
            "episode_ends must hold one row number an episode, found float64",
        ),
    ],
)
def test_recordings_of_what_does_not_fit_are_refused(name, change, message):
    recording = make([5, 5], [False, True])
    with pytest.raises(ValueError, match=message):
        replace(recording, **{name: change(getattr(recording, name))})
