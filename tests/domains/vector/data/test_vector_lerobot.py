"""Data sets in LeRobot's format, version 3, written by pyarrow as LeRobot writes them."""

import json
import re
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from anchordiff.domains.vector.data import TrajectoryConfig, TrajectoryDataset, VectorSource, read_lerobot
from anchordiff.errors import CorruptFileError, MissingExtraError

FEATURES = {
    "observation.state": {"dtype": "float32", "shape": [3], "names": ["x", "y", "z"]},
    "observation.state.grip": {"dtype": "float32", "shape": [1], "names": None},
    "observation.pose": {"dtype": "float64", "shape": [2, 2], "names": None},
    "action": {"dtype": "float32", "shape": [2], "names": {"motors": ["a", "b"]}},
    "observation.images.top": {"dtype": "video", "names": ["height", "width", "channels"]},
    "timestamp": {"dtype": "float32", "shape": [1], "names": None},
    "frame_index": {"dtype": "int64", "shape": [1], "names": None},
    "episode_index": {"dtype": "int64", "shape": [1], "names": None},
    "index": {"dtype": "int64", "shape": [1], "names": None},
    "task_index": {"dtype": "int64", "shape": [1], "names": None},
}


def columns(episode, steps, *, first=0):
    """Columns of one episode; states say which one, and the step."""
    step = np.arange(steps)
    state = np.stack([np.full(steps, episode), step, step / 10], axis=1).astype(np.float32)
    return {
        "observation.state": pa.FixedSizeListArray.from_arrays(pa.array(state.ravel()), 3),
        "observation.state.grip": pa.array(step.astype(np.float32) / 2),
        "observation.pose": pa.array(
            np.stack([state[:, :2], -state[:, :2]], axis=1).astype(np.float64).tolist()
        ),
        "action": pa.array((100 + state[:, :2]).tolist(), pa.list_(pa.float32())),
        "timestamp": pa.array((step / 30).astype(np.float32)),
        "frame_index": pa.array(step),
        "episode_index": pa.array(np.full(steps, episode)),
        "index": pa.array(first + step),
        "task_index": pa.array(np.zeros(steps, np.int64)),
    }


def write(folder, files, *, changes=None, **info):
    """A data set whose files hold episodes of given lengths: {"chunk-000/file-000": [(0, 5), (1, 7)], ...}."""
    sizes, first = {}, 0
    for name, episodes in files.items():
        tables = []
        for episode, steps in episodes:
            made = {**columns(episode, steps, first=first), **(changes or {}).get(episode, {})}
            tables.append(pa.table({key: column for key, column in made.items() if column is not None}))
            sizes[episode] = sizes.get(episode, 0) + steps
            first += steps
        path = folder / "data" / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.concat_tables(tables), path, row_group_size=4)
    meta = folder / "meta" / "episodes" / "chunk-000"
    meta.mkdir(parents=True, exist_ok=True)
    rows = {"episode_index": list(sizes), "tasks": [["walk"]] * len(sizes), "length": list(sizes.values())}
    pq.write_table(
        pa.table({**rows, "stats/action/min": [[0.0, 0.0]] * len(sizes)}), meta / "file-000.parquet"
    )
    told = {
        "codebase_version": "v3.0", "robot_type": "arm", "total_episodes": len(sizes), "fps": 30,
        "total_frames": sum(sizes.values()), "features": FEATURES, "chunks_size": 1000,
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
    }  # fmt: skip
    (folder / "meta" / "info.json").write_text(json.dumps({**told, **info}))
    return folder


FILES = {
    "chunk-000/file-999": [(0, 5), (1, 7)],
    "chunk-000/file-1000": [(2, 4)],
    "chunk-001/file-000": [(3, 6)],
}


def test_states_of_all_files_in_order(tmp_path):
    episodes = read_lerobot(write(tmp_path, FILES), progress=False)
    assert episodes.lengths.tolist() == [5, 7, 4, 6]
    assert episodes.dim == 3
    np.testing.assert_array_equal(episodes.states[:, 0], np.repeat(np.arange(4), episodes.lengths))
    np.testing.assert_array_equal(
        episodes.states[:, 1], np.concatenate([np.arange(n) for n in episodes.lengths])
    )


def test_columns_are_joined_in_the_order_of_the_keys(tmp_path):
    keys = ("action", "observation.state.grip", "observation.pose", "task_index")
    episodes = read_lerobot(write(tmp_path, FILES), keys=keys, progress=False)
    assert episodes.states[5 + 3].tolist() == [101, 103, 1.5, 1, 3, -1, -3, 0]


def test_rows_belong_where_their_frame_says(tmp_path):
    mixed = {"chunk-000/file-000": [(1, 7), (0, 5)], "chunk-000/file-001": [(2, 4)]}
    backwards = pa.array(np.arange(4)[::-1])
    write(tmp_path, mixed, changes={2: {"frame_index": backwards}})
    episodes = read_lerobot(tmp_path, progress=False)
    assert episodes.lengths.tolist() == [5, 7, 4]
    assert episodes.states[:5, 0].tolist() == [0] * 5
    assert episodes.states[-4:, 1].tolist() == [3, 2, 1, 0]


def test_some_episodes_may_have_been_taken_out(tmp_path):
    write(tmp_path, {"chunk-000/file-000": [(3, 5), (7, 4)]})
    assert read_lerobot(tmp_path, progress=False).lengths.tolist() == [5, 4]


def state(values):
    return pa.array(values, pa.list_(pa.float32()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"observation.state": None},
            "file-000.parquet must have the column 'observation.state', found none",
        ),
        ({"frame_index": None}, "must have the column 'frame_index', found none"),
        (
            {"observation.state": state([[1, 2]] * 3)},
            r"'observation.state' numbers of the shape \(3,\) .* lists of \[2\]",
        ),
        ({"observation.state": state([[1, 2, 3], [1, 2], [1] * 4])}, r"found lists of \[3, 2, 4\]"),
        ({"observation.state": state([[1, 2, 3], None, [1, 2, 3]])}, "found 1 nulls"),
        ({"observation.state": state([[1, 2, 3], [1, None, 3], [1, 2, 3]])}, "found 1 nulls"),
        ({"observation.state": pa.array([1.0, 2.0, 3.0])}, "found 0 levels of lists"),
        ({"observation.state": pa.array([[[1.0] * 3]] * 3)}, r"found lists of \[1\]"),
        ({"observation.state": pa.array([["a", "b", "c"]] * 3)}, "found string"),
        (
            {"frame_index": pa.array([0, 2, 3])},
            "must hold every frame once, found frame 2 for 1 in episode 0",
        ),
        (
            {"frame_index": pa.array([0, 1, 1])},
            "must hold every frame once, found frame 1 for 2 in episode 0",
        ),
        (
            {"frame_index": pa.array([1, 2, 3])},
            "must hold every frame once, found frame 1 for 0 in episode 0",
        ),
        (
            {"episode_index": pa.array([0, 0, 1]), "frame_index": pa.array([0, 1, 0])},
            "must hold total_episodes = 1, found 2 in its data",
        ),
    ],
)
def test_wrong_columns_are_refused(tmp_path, changes, message):
    write(tmp_path, {"chunk-000/file-000": [(0, 3)]}, changes={0: changes})
    with pytest.raises(CorruptFileError, match=message) as caught:
        read_lerobot(tmp_path, progress=False)
    assert str(tmp_path) in str(caught.value)


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    changes = {1: {"observation.state": state([[0, 0, 0], [0, 0, float("nan")]])}}
    write(tmp_path, {"chunk-000/file-000": [(0, 3)], "chunk-000/file-001": [(1, 2)]}, changes=changes)
    with pytest.raises(ValueError, match="found nan in episode 1, step 1, dimension 2"):
        read_lerobot(tmp_path, progress=False)


def test_data_that_are_not_all_there_are_refused(tmp_path):
    write(tmp_path, FILES)
    (tmp_path / "data" / "chunk-001" / "file-000.parquet").unlink()
    with pytest.raises(CorruptFileError, match="must hold total_episodes = 4, found 3 in its data"):
        read_lerobot(tmp_path, progress=False)
    write(tmp_path, FILES, total_frames=99)
    with pytest.raises(CorruptFileError, match="must hold total_frames = 99, found 22"):
        read_lerobot(tmp_path, progress=False)
    write(tmp_path, FILES)
    table = pa.table({"episode_index": [0, 1, 2, 3], "length": [5, 7, 3, 7]})
    pq.write_table(table, tmp_path / "meta" / "episodes" / "chunk-000" / "file-000.parquet")
    with pytest.raises(CorruptFileError, match="episodes as long as meta/episodes says, found other lengths"):
        read_lerobot(tmp_path, progress=False)
    path = tmp_path / "data" / "chunk-000" / "file-999.parquet"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(CorruptFileError, match=f"{re.escape(str(path))} is corrupt, or no Parquet file"):
        read_lerobot(tmp_path, progress=False)


@pytest.mark.parametrize("version", ["v2.0", "v2.1", "v4.0"])
def test_other_versions_are_refused(tmp_path, version):
    write(tmp_path, FILES, codebase_version=version)
    message = f"must hold a data set of LeRobot's version v3.0, found {version} .*convert_dataset_v21_to_v30"
    with pytest.raises(ValueError, match=message):
        read_lerobot(tmp_path)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ((), r"keys must name at least one column, and each once, found \(\)"),
        (("action", "action"), "and each once"),
        (("state",), "keys must be among the features of .*, observation.state, .*, found 'state'"),
        (
            ("observation.images.top",),
            "keys must be columns of numbers, found video in 'observation.images.top'",
        ),
    ],
)
def test_wrong_keys_are_refused(tmp_path, keys, message):
    with pytest.raises(ValueError, match=message):
        read_lerobot(write(tmp_path, FILES), keys=keys)


def test_folders_that_hold_no_data_set(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"with meta/info.json, found none in {tmp_path}"):
        read_lerobot(tmp_path)
    (tmp_path / "meta").mkdir()
    info = tmp_path / "meta" / "info.json"
    for content, message in (
        ("{", "is no info.json of LeRobot"),
        ("[]", "is no info.json of LeRobot"),
        ("{}", "is no info.json of LeRobot: KeyError 'codebase_version'"),
        ('{"codebase_version": "v3.0"}', "must describe features, found None"),
        (
            '{"codebase_version": "v3.0", "features": {"observation.state": {"dtype": "float32", "shape": 3}}}',
            "must give 'observation.state' a shape, found 3",
        ),
    ):
        info.write_text(content)
        with pytest.raises(CorruptFileError, match=f"{re.escape(str(info))} {message}"):
            read_lerobot(tmp_path)
    info.write_text(json.dumps({"codebase_version": "v3.0", "features": FEATURES}))
    with pytest.raises(FileNotFoundError, match=r"data/chunk-\*/file-\*.parquet, found none in"):
        read_lerobot(tmp_path)


def test_without_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r'pyarrow is not installed; .*"\.\[lerobot\]"'):
        read_lerobot(write(tmp_path, FILES))


def test_samples_and_sources(tmp_path):
    write(tmp_path, FILES)
    config = TrajectoryConfig(horizon=4)
    keys = ("observation.state", "action")
    dataset = TrajectoryDataset.from_lerobot(tmp_path, config, keys=keys, progress=False)
    assert dataset.batch([0]).trajectory.shape == (1, 4, 5)
    source = VectorSource(lerobot=tmp_path, actions=True, windows=config)
    assert source.open(states=dataset.states, horizon=4).settings == dataset.training_data().settings
