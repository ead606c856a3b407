import errno
import json
import os
import sys
import threading
from pathlib import Path

import pytest

from anchordiff.errors import FolderInUseError
from anchordiff.files import locked, replacing, write_json, write_whole

needs_locks = pytest.mark.skipif(sys.platform == "win32", reason="has no locks that outlive a name")


def test_a_file_holds_what_was_written_last(tmp_path: Path):
    path = tmp_path / "new" / "folder" / "file"
    for content in (b"", b"first", b"2"):
        write_whole(path, content)
        assert path.read_bytes() == content
        assert list(path.parent.iterdir()) == [path]


def test_json_is_a_text_of_lines(tmp_path: Path):
    write_json(tmp_path / "a.json", {"a": [1, 0.5], "b": None})
    text = (tmp_path / "a.json").read_text("utf-8")
    assert json.loads(text) == {"a": [1, 0.5], "b": None}
    assert text.endswith("}\n")


def test_numbers_that_json_lacks_are_null_and_named(tmp_path: Path):
    write_json(tmp_path / "a.json", {"a": float("nan"), "b": [{"c": (1.0, float("-inf"))}], "d": 2.0})
    assert json.loads((tmp_path / "a.json").read_text()) == {
        "a": None,
        "b": [{"c": [1.0, None]}],
        "d": 2.0,
        "not_finite": ["a=nan", "b[0].c[1]=-inf"],
    }


def test_a_locked_folder_is_refused_and_one_that_stays_empty_goes(tmp_path: Path):
    folder = tmp_path / "out"
    with locked(folder):
        message = "out is in use: another process is writing into it"
        with pytest.raises(FolderInUseError, match=message), locked(folder):
            pass
        with pytest.raises(FolderInUseError), locked(folder, wait=0.05):
            pass
    assert not folder.exists()
    with locked(folder):
        (folder / "a").touch()
    assert [path.name for path in folder.iterdir()] == ["a"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: BaseException):
    path = tmp_path / "file"

    def fail():
        with replacing(path) as file:
            file.write(b"half")
            raise error

    for before in ([], [path]):
        with pytest.raises(type(error)):
            fail()
        assert list(tmp_path.iterdir()) == before
        write_whole(path, b"old")
    assert path.read_bytes() == b"old"


def test_a_file_is_on_the_disk_before_it_gets_its_name_and_the_name_after_it(tmp_path: Path, monkeypatch):
    done, fsync, replace = [], os.fsync, Path.replace

    def synced(handle):
        done.append("folder" if os.path.samestat(os.fstat(handle), tmp_path.stat()) else "file")
        fsync(handle)

    def replaced(self, target):
        done.append("name")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    write_whole(tmp_path / "file", b"content")
    assert done in (["file", "name", "folder"], ["file", "name"])
    assert done[2:] or os.name == "nt"


@needs_locks
@pytest.mark.parametrize(
    ("code", "raises"), [(errno.EINVAL, False), (errno.ENOTSUP, False), (errno.EIO, True)]
)
def test_a_folder_that_cannot_be_synced_is_no_error_but_a_failing_disk_is(
    tmp_path: Path, monkeypatch, code: int, *, raises: bool
):
    fsync = os.fsync

    def synced(handle):
        if os.path.samestat(os.fstat(handle), tmp_path.stat()):
            raise OSError(code, os.strerror(code))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", synced)
    if raises:
        with pytest.raises(OSError, match=os.strerror(code)):
            write_whole(tmp_path / "file", b"content")
    else:
        write_whole(tmp_path / "file", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_two_writers_at_once_do_not_meet(tmp_path: Path):
    path = tmp_path / "file"
    with replacing(path) as first:
        first.write(b"fir")
        with replacing(path) as second:
            second.write(b"second")
        assert path.read_bytes() == b"second"
        first.write(b"st")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


@needs_locks
def test_many_writers_at_once_leave_one_whole_file(tmp_path: Path):
    path, contents, failures = tmp_path / "file", [bytes([n]) * 70_000 for n in range(4)], []
    write_whole(path, contents[0])

    def write(content):
        try:
            for _ in range(25):
                write_whole(path, content)
        except OSError as error:
            failures.append(error)

    writers = [threading.Thread(target=write, args=(content,)) for content in contents]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert path.read_bytes() in contents
    assert not failures
    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]


@needs_locks
@pytest.mark.parametrize("name", ["last.pt", "a[1]*.pt"])
def test_what_a_killed_writer_left_is_removed_by_the_next_one(tmp_path: Path, name: str):
    path = tmp_path / name
    (tmp_path / f".{name}.0123abcd.part").write_bytes(b"half")
    others = [tmp_path / f".{name}.part", tmp_path / ".other.0123abcd.part", tmp_path / f"{name}.part"]
    for other in others:
        other.touch()
    write_whole(path, b"whole")
    assert {*tmp_path.iterdir()} == {path, *others}


@needs_locks
def test_files_are_written_where_there_are_no_locks(tmp_path: Path, monkeypatch):
    import fcntl

    def refuse(file, operation):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with replacing(tmp_path / "file") as file:
        file.write(b"whole")
        write_whole(tmp_path / "file", b"another's")
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
