"""Episodes: what goes in comes back, and what does not fit is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given
from vector_made_up import lengths, told

from anchordiff.domains.vector.data import Episodes


@given(lengths())
def test_starts_and_ends_are_those_of_the_arrays(sizes):
    episodes = told(sizes)
    assert len(episodes) == len(sizes)
    assert episodes.dim == 2
    for episode, (first, last) in enumerate(zip(episodes.starts, episodes.ends, strict=True)):
        rows = episodes.states[first : last + 1]
        np.testing.assert_array_equal(rows[:, 0], episode)
        np.testing.assert_array_equal(rows[:, 1], np.arange(sizes[episode]))
    chosen = np.arange(len(sizes)) % 2 == 1
    assert set(episodes.rows_of(chosen)[:, 0]) == set(np.flatnonzero(chosen))
    assert len(episodes.rows_of(chosen)) == sum(sizes[1::2])


@pytest.mark.parametrize("kind", [np.float64, np.float16, np.int32, np.uint8])
def test_numbers_of_any_kind_will_do(kind):
    array = np.arange(12).reshape(2, 3, 2).astype(kind)
    expected = np.arange(12, dtype=np.float32).reshape(6, 2)
    made = [
        Episodes.from_arrays(array),
        Episodes.from_arrays(torch.from_numpy(array)),
        Episodes.from_arrays(list(array)),
        Episodes.from_arrays([torch.from_numpy(part) for part in array]),
        Episodes.from_arrays(array.reshape(6, 2), lengths=[3, 3]),
    ]
    for episodes in made:
        np.testing.assert_array_equal(episodes.states, expected)
        assert episodes.states.dtype == np.float32
        assert episodes.lengths.tolist() == [3, 3]
    half = Episodes.from_arrays(torch.zeros(1, 2, 3, dtype=torch.bfloat16, requires_grad=True))
    assert half.states.shape == (2, 3)


def test_parts_are_kept():
    tokens = np.array([[[1.0], [np.nan]], [[2.0], [3.0]]])
    seen = np.array([[True, False], [True, True]])
    episodes = told([2, 3], context=np.array([[1, 2, 3], [4, 5, 6]]), tokens=tokens, visible=seen)
    assert sorted(episodes.arrays()) == ["context", "lengths", "states", "tokens", "visible"]
    assert episodes.context.dtype == np.float32
    np.testing.assert_array_equal(episodes.visible, seen)
    assert sorted(told([2, 3]).arrays()) == ["lengths", "states"]


STATES = np.zeros((2, 3, 2))


def late_nan():
    states = [np.zeros((3, 2)), np.zeros((5, 2))]
    states[1][4, 1] = np.nan
    return states


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"states": []}, "states must hold at least one episode, found none"),
        ({"states": np.zeros((0, 3, 2))}, r"states must hold at least one episode, found the shape \(0, 2\)"),
        ({"states": np.zeros((2, 3, 0))}, r"states must hold at least one number, found the shape \(6, 0\)"),
        (
            {"states": np.zeros((3, 2))},
            r"states must have 3 axes of real numbers, found float64 of shape \(3, 2\)",
        ),
        ({"states": np.zeros((2, 3, 2), bool)}, "states must have 3 axes of real numbers, found bool"),
        (
            {"states": np.zeros((2, 3, 2), complex)},
            "states must have 3 axes of real numbers, found complex128",
        ),
        (
            {"states": [np.zeros((3, 2)), np.zeros(3)]},
            r"states\[1\] must have 2 axes .* found float64 of shape \(3,\)",
        ),
        (
            {"states": [[[1.0], [2.0]], [[1.0], [2.0, 3.0]]]},
            r"states\[1\] must be an array or a tensor, found list",
        ),
        (
            {"states": [np.zeros((3, 2)), np.zeros((3, 4))]},
            r"states\[1\] must have 2 numbers a state, as states\[0\], found 4",
        ),
        (
            {"states": [np.zeros((3, 2)), np.zeros((0, 2))]},
            "lengths must be at least 1, found 0 in episode 1",
        ),
        ({"states": late_nan()}, "states must be finite, found nan in episode 1, step 4, dimension 1"),
        (
            {"states": np.full((1, 2, 1), 1e300)},
            "states must be finite, found inf in episode 0, step 0, dimension 0",
        ),
        (
            {"states": np.zeros((6, 2)), "lengths": [2, 3]},
            "lengths must add up to the rows of states, 6, found 5",
        ),
        (
            {"states": np.zeros((6, 2)), "lengths": [2.0, 4.0]},
            "lengths must have 1 axis of integers, found float64",
        ),
        (
            {"states": np.zeros((6, 2)), "lengths": [7, -1]},
            "lengths must be at least 1, found -1 in episode 1",
        ),
        ({"context": np.zeros((3, 4))}, "context must have a row for each of 2 episodes, found 3"),
        ({"context": np.zeros((2, 4, 1))}, r"context must have 2 axes of real numbers, found .* \(2, 4, 1\)"),
        ({"context": [[1.0], [np.inf]]}, "context must be finite, found inf in episode 1, feature 0"),
        ({"tokens": np.zeros((3, 4, 1))}, "tokens must have a row for each of 2 episodes, found 3"),
        (
            {"tokens": [[[0.0], [1.0]], [[0.0], [np.nan]]]},
            "tokens must be finite, found nan in episode 1, place 1, feature 0",
        ),
        (
            {"tokens": [[[0.0], [1.0]], [[0.0], [np.nan]]], "visible": np.ones((2, 2), bool)},
            "tokens must be finite, found nan in episode 1, place 1, feature 0",
        ),
        ({"visible": np.ones((2, 4), bool)}, "visible must be left out without tokens"),
        (
            {"tokens": np.zeros((2, 4, 1)), "visible": np.ones((2, 3), bool)},
            r"visible must have shape \(2, 4\), found the shape \(2, 3\)",
        ),
        (
            {"tokens": np.zeros((2, 4, 1)), "visible": np.ones((2, 4))},
            r"visible must have 2 axes of bool, found float64 of shape \(2, 4\)",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        Episodes.from_arrays(**{"states": STATES, **parts})
