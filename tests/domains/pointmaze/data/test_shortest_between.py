"""Laws of the filter that chooses among windows between the same two places, and of filters in a row."""

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import MAZES, recordings, walk

from anchordiff.domains.pointmaze.data import (
    Measures,
    ShortestBetween,
    WindowFilter,
    Windows,
    Within,
    find_windows,
)

MAZE = MAZES["large"]
small = st.integers(1, 4)


@st.composite
def lattice_walks(draw):
    """One episode of steps of a quarter cell along an axis, or none, over the whole maze: many ties, all exact."""
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    rows = draw(st.integers(12, 60))
    moves = np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]])[random.integers(0, 5, rows)]
    size = 4 * np.array([MAZE.cols, MAZE.rows])
    folded = np.abs((random.integers(0, size) + moves.cumsum(axis=0) + size) % (2 * size) - size) % size
    return walk(MAZE, (folded + 0.5) / 4)


def measure(recording, lengths, *, stride=1):
    every = np.ones(len(recording), bool)
    windows = find_windows(recording, every, kind="random", lengths=lengths, stride=stride)
    return measures_of(recording, windows)


def measures_of(recording, windows):
    goals = recording.maze.from_world(recording.observations[windows.last, :2].astype(np.float64))
    return Measures(recording, windows, goals)


def naive_pairs(recording, windows, places):
    def place(row):
        position = recording.maze.from_world(recording.observations[row, :2].astype(np.float64))
        return tuple(math.floor(places * value) for value in position.tolist())

    return [(place(a), place(b)) for a, b in zip(windows.first, windows.last, strict=True)]


def naive_shortest(recording, measures, *, count, places):
    groups = defaultdict(list)
    for number, pair in enumerate(naive_pairs(recording, measures.windows, places)):
        groups[pair].append((measures.path_length[number], number))
    kept = np.zeros(len(measures), bool)
    for group in groups.values():
        kept[[number for _, number in sorted(group)[:count]]] = True
    return kept


walks = st.one_of(lattice_walks(), recordings())
lengths_of_windows = st.lists(st.integers(1, 12), min_size=1, max_size=3, unique=True)


@given(walks, lengths_of_windows, small, small, small)
def test_the_shortest_of_each_pair_are_kept(recording, lengths, stride, count, places):
    measures = measure(recording, lengths, stride=stride)
    kept = ShortestBetween(count=count, places=places).keeps(measures)
    np.testing.assert_array_equal(kept, naive_shortest(recording, measures, count=count, places=places))


@given(walks, lengths_of_windows, small, small)
def test_laws_of_what_is_kept(recording, lengths, count, places):
    measures = measure(recording, lengths)
    kept = ShortestBetween(count=count, places=places).keeps(measures)
    groups = defaultdict(list)
    for number, pair in enumerate(naive_pairs(recording, measures.windows, places)):
        groups[pair].append(number)
    for group in groups.values():
        assert kept[group].sum() == min(count, len(group))
        long, dropped = measures.path_length[group][kept[group]], measures.path_length[group][~kept[group]]
        assert not len(dropped) or long.max() <= dropped.min()
    again = measures_of(recording, measures.windows.where(kept))
    assert ShortestBetween(count=count, places=places).keeps(again).all()
    more = ShortestBetween(count=count + 1, places=places).keeps(measures)
    assert not (kept & ~more).any()


def test_of_equal_lengths_the_first_are_kept():
    rows = 40
    recording = walk(MAZE, np.tile([[1.25, 1.5], [1.75, 1.5]], (rows // 2, 1)))
    measures = measure(recording, (3, 1))
    kept = measures.windows.where(ShortestBetween(count=2).keeps(measures))
    # There and back again are two pairs; steps of one row are the shorter ones.
    assert list(zip(kept.first.tolist(), kept.last.tolist(), strict=True)) == [
        (0, 1), (1, 2), (2, 3), (3, 4),
    ]  # fmt: skip
    backwards = measures.windows.where(np.ones(len(measures), bool))
    backwards = Windows(first=backwards.first[::-1].copy(), last=backwards.last[::-1].copy())
    kept = backwards.where(ShortestBetween(count=1).keeps(measures_of(recording, backwards)))
    assert kept.first.tolist() == [38, 37]


@given(lattice_walks(), st.integers(1, 12), small)
def test_pairs_have_numbers_of_their_own(recording, length, places):
    measures = measure(recording, (length,))
    numbers = measures.joined(places).tolist()
    pairs = naive_pairs(recording, measures.windows, places)
    assert len(set(zip(numbers, pairs, strict=True))) == len(set(numbers)) == len(set(pairs))


@given(walks, lengths_of_windows, st.randoms(use_true_random=False))
def test_measures_of_some_windows_are_those_among_all(recording, lengths, random):
    measures = measure(recording, lengths)
    keep = np.array([random.random() < 0.5 for _ in range(len(measures))], bool)
    some = measures.where(keep)
    assert len(some) == keep.sum()
    np.testing.assert_array_equal(some.windows.first, measures.windows.first[keep])
    for name in ("path_length", "goal_distance", "tortuosity", "turns", "collision_rate"):
        np.testing.assert_array_equal(some.get(name), measures.get(name)[keep])
    np.testing.assert_array_equal(some.joined(2), measures.joined(2)[keep])


class Spy(WindowFilter):
    """Keeps every other window that it sees, and remembers which those were."""

    def keeps(self, measures):
        self.seen = measures.windows
        return np.arange(len(measures)) % 2 == 0


@given(walks, st.floats(0.0, 2.0), small)
def test_the_second_of_both_sees_what_the_first_keeps(recording, most, count):
    measures = measure(recording, (4, 8))
    first = Within("path_length", most=most)
    kept = np.flatnonzero(first.keeps(measures))
    spy = Spy()
    np.testing.assert_array_equal(np.flatnonzero((first & spy).keeps(measures)), kept[::2])
    np.testing.assert_array_equal(spy.seen.first, measures.windows.first[kept])

    shortest = ShortestBetween(count=count)
    some = measures.where(first.keeps(measures))
    expected = kept[naive_shortest(recording, some, count=count, places=2)]
    np.testing.assert_array_equal(np.flatnonzero((first & shortest).keeps(measures)), expected)
    either = (first & spy) | shortest
    np.testing.assert_array_equal(
        either.keeps(measures), (first & spy).keeps(measures) | shortest.keeps(measures)
    )


@pytest.mark.parametrize("least", [0.0, 1e9])
def test_nothing_is_kept_of_nothing(recording, least):
    measures = measure(recording, (40,), stride=40)
    none = Within("path_length", least=1e9)
    keep = none & ShortestBetween() & Within("detour", least=least) & Within("turns", least=least)
    assert not keep.keeps(measures).any()
