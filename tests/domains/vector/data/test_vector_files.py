"""Files of trajectories: round trips, and errors that name the file."""

import re
from contextlib import suppress

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from vector_made_up import told

from anchordiff.domains.vector.data import read_episodes, write_episodes
from anchordiff.errors import CorruptFileError

ENDS = [".npz", ".safetensors"]


@pytest.mark.parametrize("end", ENDS)
@given(
    sizes=st.one_of(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.just([4, 4])),
    parts=st.sets(st.sampled_from(["context", "tokens", "visible"])),
)
@settings(max_examples=20)
def test_round_trip(tmp_path_factory, end, sizes, parts):
    random, count = np.random.default_rng(0), len(sizes)
    given_parts = {
        "context": random.normal(size=(count, 3)),
        "tokens": random.normal(size=(count, 2, 5)),
        "visible": random.random((count, 2)) < 0.5,
    }
    if "tokens" not in parts:
        parts -= {"visible"}
    episodes = told(sizes, **{name: given_parts[name] for name in parts})
    path = tmp_path_factory.mktemp("files") / "deep" / f"walks{end}"
    for _ in range(2):  # the second time in place of the first
        write_episodes(path, episodes)
        assert [file.name for file in path.parent.iterdir()] == [path.name]
        found = read_episodes(str(path)).arrays()
        assert found.keys() == episodes.arrays().keys()
        for name, array in episodes.arrays().items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)


def test_files_of_users_are_read(tmp_path):
    np.savez_compressed(
        tmp_path / "a.npz", states=np.ones((2, 3, 4)), tokens=np.ones((2, 1, 1)), token_mask=[[True], [False]]
    )
    found = read_episodes(tmp_path / "a.npz")
    assert found.lengths.tolist() == [3, 3]
    assert found.visible.tolist() == [[True], [False]]
    tensors = {
        "states": torch.ones(5, 4, dtype=torch.bfloat16),
        "lengths": torch.tensor([2, 3], dtype=torch.int32),
    }
    safetensors.torch.save_file(tensors, tmp_path / "a.safetensors")
    found = read_episodes(tmp_path / "a.safetensors")
    assert found.lengths.tolist() == [2, 3]
    assert found.states.dtype == np.float32


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "walks.npz"
    write_episodes(path, told([2, 3]))
    before = path.read_bytes()

    def fail(stream, **arrays):
        stream.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="disk full"):
        write_episodes(path, told([4, 5]))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({}, "states must be among the arrays, found none"),
        ({"context": np.ones((2, 1))}, "states must be among the arrays, found context"),
        (
            {"states": np.ones((2, 3, 1)), "actions": np.ones(3)},
            "arrays must be among states, lengths, context, tokens, token_mask, found 'actions'",
        ),
        ({"states": np.ones((6, 2))}, "lengths must be given for states of two axes, found none"),
        (
            {"states": np.ones((2, 3, 2)), "lengths": np.array([3, 3])},
            r"lengths must be left out unless states have two axes, found states \(2, 3, 2\)",
        ),
        (
            {"states": np.ones((6, 2)), "lengths": np.array([3.0, 3.0])},
            "lengths must have 1 axis of integers",
        ),
        (
            {"states": np.ones((6, 2)), "lengths": np.array([3, 4])},
            "lengths must add up to the rows of states, 6",
        ),
        ({"states": np.ones((2, 3, 1), bool)}, "states must have 3 axes of real numbers, found bool"),
        (
            {"states": np.ones((2, 3, 1)), "tokens": np.ones((2, 1, 1)), "token_mask": np.ones((2, 1))},
            "token_mask must have 2 axes of booleans, found float64",
        ),
        ({"states": np.full((2, 3, 1), np.nan)}, "found nan in episode 0, step 0, dimension 0"),
    ],
)
def test_wrong_content_is_refused(tmp_path, end, arrays, message):
    path = tmp_path / f"walks{end}"
    if end == ".npz":
        np.savez(path, **arrays)
    else:
        safetensors.torch.save_file({name: torch.from_numpy(array) for name, array in arrays.items()}, path)
    with pytest.raises(CorruptFileError, match=f"{re.escape(str(path))} holds no trajectories .*{message}"):
        read_episodes(path)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("cut", [0, 5, 100, -1, -30])
def test_a_file_that_is_cut_short_is_refused(tmp_path, end, cut):
    path = tmp_path / f"walks{end}"
    write_episodes(path, told([20, 30]))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CorruptFileError, match=f"{re.escape(str(path))} is corrupt, or no {end} file"):
        read_episodes(path)


@pytest.mark.parametrize("end", ENDS)
@given(st.data())
@settings(max_examples=60)
def test_an_altered_file_is_read_or_refused(tmp_path_factory, end, data):
    path = tmp_path_factory.mktemp("altered") / f"walks{end}"
    write_episodes(path, told([3, 4]))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    with suppress(CorruptFileError):
        read_episodes(path)


@pytest.mark.parametrize(("place", "value"), [(10, 99), (8, 1), (6, 200)])  # way to pack, encrypted, version
def test_an_archive_that_cannot_be_unpacked_is_refused(tmp_path, place, value):
    path = tmp_path / "walks.npz"
    write_episodes(path, told([3, 4]))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + place] = value
    path.write_bytes(bytes(content))
    with pytest.raises(CorruptFileError, match=r"is corrupt, or no .npz file"):
        read_episodes(path)


def test_pickles_are_never_loaded(tmp_path):
    path = tmp_path / "walks.npz"
    np.savez(path, states=np.array([{"a": 1}], object))
    with pytest.raises(
        CorruptFileError, match=r"walks.npz is corrupt, or no .npz file without pickled objects"
    ):
        read_episodes(path)
    np.save(tmp_path / "one.npy", np.ones((2, 3, 1)))
    path.write_bytes((tmp_path / "one.npy").read_bytes())
    with pytest.raises(CorruptFileError, match="it is a single array"):
        read_episodes(path)


def test_names(tmp_path):
    with pytest.raises(ValueError, match=r"path must end in .npz or .safetensors, found '.*walks.csv'"):
        read_episodes(tmp_path / "walks.csv")
    with pytest.raises(ValueError, match=r"path must end in .npz or .safetensors"):
        write_episodes(tmp_path / "walks", told([2, 2]))
    with pytest.raises(FileNotFoundError, match=r"found none at .*walks.npz"):
        read_episodes(tmp_path / "walks.npz")
