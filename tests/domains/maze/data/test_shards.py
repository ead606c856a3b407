"""The cache on disk: equal to what it caches, and never wrong in silence."""

import json
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from torch.utils.data import DataLoader

from anchordiff.data import Slot
from anchordiff.domains.maze import (
    ParticleBatch,
    ParticleMazeConfig,
    ParticleMazeDataset,
    ShardedParticleDataset,
    write_shards,
)
from anchordiff.errors import CorruptFileError

CONFIG = ParticleMazeConfig(rows=9, cols=11, min_l1=3, horizon=8, seed=3)
DATASET = ParticleMazeDataset(CONFIG, size=22)
NAMES = [f"shard-{number:05d}-of-00003.safetensors" for number in range(3)]

WRITER = """
import sys
from anchordiff.domains.maze import ParticleMazeConfig, ParticleMazeDataset, write_shards

folder, size, shard_size, rebuild = sys.argv[1], *map(int, sys.argv[2:])
config = ParticleMazeConfig(rows=9, cols=11, min_l1=3, horizon=8, seed=3)
dataset = ParticleMazeDataset(config, size=size)
dataset.batch([0])
print("ready", flush=True)
input()
print(write_shards(dataset, folder, shard_size=shard_size, rebuild=bool(rebuild)))
"""


def assert_same(a: ParticleBatch, b: ParticleBatch) -> None:
    for f in fields(a.condition):
        one, other = getattr(a.condition, f.name), getattr(b.condition, f.name)
        assert (one is other) if one is None else torch.equal(one, other), f.name
    assert torch.equal(a.trajectory, b.trajectory)
    assert (a.geodesic is None) == (b.geodesic is None)
    if a.geodesic is not None:
        assert torch.equal(a.geodesic, b.geodesic)


@contextmanager
def writers(
    folder: Path, *, count: int, size: int, shard_size: int, rebuild: bool = False
) -> Iterator[list["subprocess.Popen[str]"]]:
    """Processes that begin to write at the same moment."""
    arguments = [sys.executable, "-c", WRITER, *map(str, (folder, size, shard_size, int(rebuild)))]
    with ExitStack() as stack:
        processes = []
        for _ in range(count):
            process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)
            stack.callback(process.kill)
            processes.append(process)
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.stdin.write("\n")
            process.stdin.flush()
        yield processes


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("shards")
    assert write_shards(DATASET, folder, shard_size=8) == 3
    assert sorted(path.name for path in folder.iterdir()) == NAMES
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(content: dict[str, bytes], tmp_path: Path) -> Path:
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


@pytest.mark.parametrize("dim", [2, 4])
@pytest.mark.parametrize("geodesic", [False, True])
def test_reads_what_was_made(dim: int, *, geodesic: bool, tmp_path: Path) -> None:
    made = ParticleMazeDataset(replace(CONFIG, dim=dim), size=22, geodesic=geodesic)
    write_shards(made, tmp_path, shard_size=8)
    read = ShardedParticleDataset(tmp_path, geodesic=geodesic)
    assert read.config == made.config
    assert len(read) == 22
    indices = [21, 0, 8, 8, 7, 15, 16, 3]
    assert_same(read.batch(indices), made.batch(indices))
    with pytest.raises(IndexError, match=r"\[0, 22\), found 22"):
        read[22]


@pytest.mark.filterwarnings("ignore:This DataLoader will create 2 worker")  # on a machine with one core
def test_streams_and_workers_read_it_too(folder: Path) -> None:
    read = ShardedParticleDataset(folder, CONFIG)
    assert len(pickle.dumps(read)) < 2000
    assert_same(pickle.loads(pickle.dumps(read))[5], DATASET[5])
    slot = Slot(step=4, batch_size=9)
    assert_same(read.at(slot), DATASET.at(slot))
    loader = DataLoader(read, batch_size=10, num_workers=2, collate_fn=read.collate)
    assert_same(ParticleBatch.collate(list(loader)), DATASET.batch(range(22)))


def test_what_is_read_can_be_changed_without_harm(folder: Path) -> None:
    read = ShardedParticleDataset(folder)
    batch = read.batch([0])
    batch.trajectory.zero_()
    batch.condition.walls.logical_not_()
    assert_same(read.batch([0]), DATASET.batch([0]))


def test_a_shard_says_what_it_is(folder: Path) -> None:
    with safe_open(folder / NAMES[2], framework="numpy") as file:
        metadata = file.metadata()
        assert file.get_tensor("walls").shape == (6, 13)  # 99 bits a sample
        assert file.get_tensor("positions").shape == (6, 8, 2)
    assert json.loads(metadata["config"])["seed"] == 3
    assert json.loads(metadata["place"]) == {"number": 2, "shard_size": 8, "size": 22}


def test_many_open_files_are_not_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anchordiff.domains.maze.data.shards._MAX_OPEN", 1)
    read = ShardedParticleDataset(folder)
    assert_same(read.batch(range(22)), DATASET.batch(range(22)))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 4
    path.write_bytes(data)


def replace_by_text(path: Path) -> None:
    path.write_text("not a shard, though long enough to hold a header of its own\n" * 10)


def replace_by_other_shard(path: Path) -> None:
    path.write_bytes((path.parent / NAMES[2]).read_bytes())


DAMAGES = [cut, cut_short, empty, lengthen, flip, replace_by_text, replace_by_other_shard]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("number", [0, 1])
def test_a_damaged_shard_is_named_or_rebuilt(
    damage: Callable[[Path], None], number: int, folder: Path, content: dict[str, bytes]
) -> None:
    path = folder / NAMES[number]
    damage(path)
    damaged = path.read_bytes()
    with pytest.raises(CorruptFileError, match=NAMES[number]):
        ShardedParticleDataset(folder)
    with pytest.raises(CorruptFileError, match=NAMES[number]):
        write_shards(DATASET, folder, shard_size=8)
    assert path.read_bytes() == damaged
    rebuilt = ShardedParticleDataset(folder, rebuild=True)
    assert_same(rebuilt.batch(range(22)), DATASET.batch(range(22)))
    untouched = [name for name in NAMES if name != NAMES[number]]
    assert all((folder / name).read_bytes() == content[name] for name in untouched)


@given(part=st.sampled_from(["length", "header", "tensors"]), where=st.integers(0, 2**40))
@settings(max_examples=60)
def test_no_flipped_bit_changes_a_sample(
    part: str, where: int, content: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    original = content[NAMES[1]]
    header = 8 + int.from_bytes(original[:8], "little")
    first, last = {"length": (0, 8), "header": (8, header), "tensors": (header, len(original))}[part]
    bit = 8 * first + where % (8 * (last - first))
    folder = tmp_path_factory.mktemp("flipped")
    for name, whole in content.items():
        (folder / name).write_bytes(whole)
    altered = bytearray(original)
    altered[bit // 8] ^= 1 << bit % 8
    (folder / NAMES[1]).write_bytes(altered)
    try:
        read = ShardedParticleDataset(folder)
    except CorruptFileError as error:
        message = str(error)
    else:
        # Only the white space that pads the header may change unseen.
        assert part == "header"
        assert_same(read.batch(range(22)), DATASET.batch(range(22)))
        message = NAMES[1]
    assert NAMES[1] in message


def test_another_config_is_named_or_rebuilt(folder: Path) -> None:
    other = replace(CONFIG, seed=4, dim=4)
    message = rf"{NAMES[0]} must be made by the given config, found dim=2 instead of 4, seed=3 instead of 4$"
    with pytest.raises(ValueError, match=message):
        ShardedParticleDataset(folder, other)
    with pytest.raises(ValueError, match=message):
        write_shards(ParticleMazeDataset(other, size=22), folder, shard_size=8)
    rebuilt = ShardedParticleDataset(folder, other, rebuild=True)
    assert_same(rebuilt.batch(range(22)), ParticleMazeDataset(other, size=22).batch(range(22)))


def test_a_single_shard_of_another_config_is_named(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    write_shards(ParticleMazeDataset(replace(CONFIG, seed=4), size=22), other, shard_size=8)
    (other / NAMES[1]).replace(folder / NAMES[1])
    with pytest.raises(ValueError, match=rf"{NAMES[1]} must be made by the given config, found seed=4"):
        ShardedParticleDataset(folder)
    rebuilt = ShardedParticleDataset(folder, rebuild=True)
    assert_same(rebuilt.batch(range(22)), DATASET.batch(range(22)))


def test_another_layout_is_named(folder: Path) -> None:
    with pytest.raises(ValueError, match=rf"found .*{NAMES[0]} of another one"):
        write_shards(DATASET, folder, shard_size=4)
    with pytest.raises(ValueError, match=rf"{NAMES[0]} must be .*size=22"):
        write_shards(ParticleMazeDataset(CONFIG, size=23), folder, shard_size=8)
    with pytest.raises(ValueError, match=r"shard_size must be at least 1, found 0"):
        write_shards(DATASET, folder, shard_size=0)
    with pytest.raises(ValueError, match="dataset must have a size"):
        write_shards(ParticleMazeDataset(CONFIG), folder)


def test_missing_shards_are_named_or_made(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (folder / NAMES[1]).unlink()
    with pytest.raises(FileNotFoundError, match=NAMES[1]):
        ShardedParticleDataset(folder)
    assert len(ShardedParticleDataset(folder, rebuild=True).batch(range(22))) == 22
    with pytest.raises(FileNotFoundError, match="holds no shards"):
        ShardedParticleDataset(tmp_path_factory.mktemp("nothing"))
    with pytest.raises(FileNotFoundError, match="nowhere is no folder"):
        ShardedParticleDataset(folder / "nowhere")


def test_going_on_keeps_what_is_there(folder: Path) -> None:
    (folder / NAMES[1]).unlink()
    before = {name: (folder / name).stat().st_mtime_ns for name in (NAMES[0], NAMES[2])}
    assert write_shards(DATASET, folder, shard_size=8) == 1
    assert write_shards(DATASET, folder, shard_size=8) == 0
    assert before == {name: (folder / name).stat().st_mtime_ns for name in before}


def test_a_failure_leaves_no_file_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise OSError("no space left on device")

    (folder / NAMES[1]).unlink()
    monkeypatch.setattr("anchordiff.domains.maze.data.shards.pack", fail)
    with pytest.raises(OSError, match="no space"):
        write_shards(DATASET, folder, shard_size=8)
    assert sorted(path.name for path in folder.iterdir()) == [NAMES[0], NAMES[2]]


def test_a_progress_bar_counts_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_shards(DATASET, tmp_path / "silent", shard_size=8)
    assert capsys.readouterr().err == ""
    write_shards(DATASET, tmp_path / "shown", shard_size=8, progress=True)
    assert "22/22" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGKILL")
def test_killed_and_gone_on_with(tmp_path: Path) -> None:
    dataset, shard_size = ParticleMazeDataset(CONFIG, size=60_000), 500
    with writers(tmp_path, count=1, size=60_000, shard_size=shard_size) as [writer]:
        while len(list(tmp_path.glob("shard-*"))) < 3:
            assert writer.poll() is None
            time.sleep(0.002)
        writer.send_signal(signal.SIGKILL)
    assert writer.returncode == -signal.SIGKILL
    there = {path: path.stat().st_mtime_ns for path in tmp_path.glob("shard-*")}
    assert 3 <= len(there) < 120
    with pytest.raises(FileNotFoundError, match=r"-of-00120.safetensors is missing"):
        ShardedParticleDataset(tmp_path)
    assert write_shards(dataset, tmp_path, shard_size=shard_size) == 120 - len(there)
    assert there == {path: path.stat().st_mtime_ns for path in there}
    # The half-made file of the killed writer was taken over.
    assert len(list(tmp_path.iterdir())) == 120
    indices = np.random.default_rng(0).integers(0, 60_000, 3000)
    assert_same(ShardedParticleDataset(tmp_path).batch(indices), dataset.batch(indices))


def test_a_leftover_is_taken_over(folder: Path) -> None:
    (folder / NAMES[1]).unlink()
    (folder / f".{NAMES[1]}.part").write_bytes(b"half a shard" * 1000)
    assert write_shards(DATASET, folder, shard_size=8) == 1
    assert sorted(path.name for path in folder.iterdir()) == NAMES
    assert_same(ShardedParticleDataset(folder).batch(range(22)), DATASET.batch(range(22)))


def test_two_processes_fill_one_cache(tmp_path: Path) -> None:
    other = ParticleMazeDataset(replace(CONFIG, seed=9), size=30_000)
    write_shards(other, tmp_path, shard_size=500)
    for path in sorted(tmp_path.iterdir())[::2]:
        path.unlink()  # half of the shards are missing, half are to be replaced
    with writers(tmp_path, count=2, size=30_000, shard_size=500, rebuild=True) as both:
        made = [int(writer.communicate(timeout=250)[0]) for writer in both]
    assert sum(made) == 60  # none was made twice
    assert len(list(tmp_path.iterdir())) == 60
    indices = np.random.default_rng(0).integers(0, 30_000, 3000)
    expected = ParticleMazeDataset(CONFIG).batch(indices)
    assert_same(ShardedParticleDataset(tmp_path, CONFIG).batch(indices), expected)
