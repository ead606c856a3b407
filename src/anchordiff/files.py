"""Files that are whole or not there: filled under a temporary name, put on the disk, then renamed."""

import errno
import glob
import json
import math
import os
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

from anchordiff.errors import FolderInUseError

if sys.platform != "win32":
    import fcntl


LOCK: Final = ".lock"
"""File in a folder that some process is writing into."""


@contextmanager
def locked(folder: Path, *, wait: float = 0.0) -> Iterator[None]:
    """Keep other processes from writing into a folder, which is made if needed, and removed if it stays empty.

    The system lets go of the lock when its holder ends, however that happens. Where there are no such locks (Windows,
    some network file systems), nobody is kept out.

    Args:
        folder: where to.
        wait: seconds to wait for another holder.

    Raises:
        FolderInUseError: if another process holds it for longer.
    """
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    path, deadline = folder / LOCK, time.monotonic() + wait
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
        try:
            if _lock(file, path):
                break
        except OSError:
            break
        # The last holder may have removed this very file: then another try is due.
        if _is_at(file, path) and time.monotonic() >= deadline:
            file.close()
            raise FolderInUseError(f"{folder} is in use: another process is writing into it")
        file.close()
        time.sleep(0.01)
    with file:
        try:
            yield
        finally:
            if sys.platform != "win32" and _is_at(file, path):
                path.unlink()
            if is_new:
                with suppress(OSError):  # something was written
                    folder.rmdir()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file as `replacing` does."""
    with replacing(path) as file:
        file.write(content)


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON object as `replacing` does.

    JSON has no NaN and no infinities: they become null, and the object says under `not_finite` where they were.
    """
    places: list[str] = []
    finite = _finite(data, "", places)
    if places:
        finite["not_finite"] = places
    write_whole(path, (json.dumps(finite, indent=2, allow_nan=False) + "\n").encode())


def _finite(value: Any, place: str, places: list[str]) -> Any:  # noqa: ANN401
    """A copy with null for each number that is not finite; `places` gets where they were."""
    if isinstance(value, float) and not math.isfinite(value):
        places.append(f"{place}={value}")
        return None
    if isinstance(value, Mapping):
        return {
            key: _finite(item, f"{place}.{key}" if place else str(key), places) for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [_finite(item, f"{place}[{i}]", places) for i, item in enumerate(value)]
    return value


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Fill a file so that `path` holds the old content or the new one, never a part; folders are made.

    Until the block ends, `path` stays as it is; where the block raises, for good. Several writers may be at one path,
    each with a temporary file of its own; the last one to finish wins. What a killed writer left is removed by the
    next one at the same path (not on Windows, where nothing tells the two apart).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    file, part = _open_part(path)
    try:
        with file:
            yield file
            _give_name(file, part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def claimed(path: Path) -> Iterator[BinaryIO | None]:
    """Claim the right to write `path`, or give None while another process has it.

    The claim is a lock on a temporary file beside `path`, so that the system lets go of it when its holder is
    killed. The holder fills the file and calls `publish`; without that, the file is removed. Where there are
    no such locks (Windows), every process has a temporary file of its own, and the last one to finish wins.
    """
    part = _claim(path)
    file = os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
    with file:
        if not _lock(file, part):
            yield None
            return
        try:
            yield file
        finally:
            if not file.closed and _is_at(file, part):
                if sys.platform == "win32":
                    file.close()
                part.unlink()


def publish(file: BinaryIO, path: Path, content: bytes) -> None:
    """Fill a claimed temporary file and give it its name once it is whole and on the disk."""
    file.truncate(0)
    file.write(content)
    _give_name(file, _claim(path), path)


def _claim(path: Path) -> Path:
    owner = f".{os.getpid()}" if sys.platform == "win32" else ""
    return path.with_name(f".{path.name}{owner}.part")


def _open_part(path: Path) -> tuple[BinaryIO, Path]:
    """A new temporary file for `path`, locked where there are locks."""
    while True:
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        file = part.open("xb")
        try:
            if _lock(file, part):
                return file, part
        except OSError:  # a file system without locks; then nobody takes the file for a leftover, either
            return file, part
        file.close()


def _remove_leftovers(path: Path) -> None:
    """Remove temporary files of `path` that nobody holds the lock of."""
    if sys.platform == "win32":
        return
    for part in path.parent.glob(f".{glob.escape(path.name)}.{'[0-9a-f]' * 8}.part"):
        with suppress(OSError), part.open("r+b") as file:
            if _lock(file, part):
                part.unlink()


def _give_name(file: BinaryIO, part: Path, path: Path) -> None:
    file.flush()
    os.fsync(file.fileno())
    if sys.platform == "win32":
        file.close()
    # Elsewhere renamed before the lock goes: nobody else can take this file for an abandoned one.
    part.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Put a folder's names on the disk, where the system has a way to do that."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # Windows opens no folders
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def _lock(file: BinaryIO, part: Path) -> bool:
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # Between opening and locking, the last holder may have published or removed this very file.
    return _is_at(file, part)


def _is_at(file: BinaryIO, path: Path) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False
