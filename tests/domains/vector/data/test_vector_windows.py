"""Windows against a twin that is written without any thought of speed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vector_made_up import lengths

from anchordiff.domains.vector.data import find_windows, held_out_episodes

options = st.fixed_dictionaries(
    {"horizon": st.integers(2, 12), "stride": st.integers(1, 5), "frame_skip": st.integers(1, 4), "pad": st.booleans(),
     "reverse": st.booleans()}
)  # fmt: skip


def naive(sizes, chosen, *, horizon, stride, frame_skip, pad, reverse):
    """(episode, steps of the samples' states, which are data), one window at a time."""
    found = []
    for episode, size in enumerate(sizes):
        if not chosen[episode]:
            continue
        begin, any_yet = 0, False
        while begin + (horizon - 1) * frame_skip < size:
            found.append((episode, [begin + k * frame_skip for k in range(horizon)], [True] * horizon))
            begin, any_yet = begin + stride, True
        steps = list(range(0, size, frame_skip))
        if pad and not any_yet and len(steps) >= 2:
            missing = horizon - len(steps)
            found.append((episode, steps + steps[-1:] * missing, [True] * len(steps) + [False] * missing))
    if reverse:
        turned = []
        for episode, steps, valid in found:
            count = sum(valid)
            turned.append((episode, steps[:count][::-1] + [steps[0]] * (len(steps) - count), valid))
        found += turned
    return found


@given(lengths(), options, st.integers(0, 2**12 - 1))
def test_windows_are_those_of_the_naive_twin(sizes, settings, bits):
    sizes = np.array(sizes)
    chosen = np.array([bits >> e & 1 for e in range(len(sizes))], bool)
    starts = np.cumsum(sizes) - sizes
    windows = find_windows(sizes, chosen, **settings)
    expected = naive(sizes, chosen, **settings)
    assert len(windows) == len(expected)
    horizon, frame_skip = settings["horizon"], settings["frame_skip"]
    rows = windows.rows(horizon=horizon, frame_skip=frame_skip)
    valid = windows.valid(horizon=horizon)
    for number, (episode, steps, data) in enumerate(expected):
        assert windows.episode[number] == episode
        assert (rows[number] - starts[episode]).tolist() == steps
        assert valid[number].tolist() == data


@given(lengths(), options)
def test_windows_never_cross_the_end_of_an_episode(sizes, settings):
    sizes = np.array(sizes)
    windows = find_windows(sizes, np.ones(len(sizes), bool), **settings)
    owner = np.repeat(np.arange(len(sizes)), sizes)
    rows = windows.rows(horizon=settings["horizon"], frame_skip=settings["frame_skip"])
    assert (owner[rows] == windows.episode[:, None]).all()


@given(st.integers(2, 200), st.floats(0.0, 0.6), st.integers(0, 5))
def test_a_share_of_the_episodes_is_held_out(count, share, seed):
    held_out = held_out_episodes(count, share=share, seed=seed)
    assert held_out.sum() == (max(1, round(share * count)) if share else 0)
    np.testing.assert_array_equal(held_out, held_out_episodes(count, share=share, seed=seed))


def test_something_is_left_for_training():
    with pytest.raises(
        ValueError, match=r"must leave an episode for training, found 0.05 of 1; 0 holds none out"
    ):
        held_out_episodes(1, share=0.05, seed=0)
