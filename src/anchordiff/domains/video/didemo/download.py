"""DiDeMo's metadata and videos on this machine."""

import json
import os
import shutil
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, final

from anchordiff.checks import check_integer
from anchordiff.domains.video.didemo.metadata import (
    ADDRESS,
    BLOBS,
    Caption,
    Licence,
    aws_address,
    git_blob_hash,
)
from anchordiff.domains.video.didemo.transfer import MissingFileError, Patience, download_file
from anchordiff.errors import CorruptFileError, DownloadError
from anchordiff.files import locked, write_whole
from anchordiff.progress import progress_bar

MANIFEST: Final = "manifest.jsonl"
VIDEOS: Final = "videos"

Outcome = Literal["whole", "missing", "failed"]
_FIRST: Final = 20  # downloads, of which at least one must not be refused


@final
@dataclass(frozen=True, kw_only=True)
class Downloads:
    """How a call of `download_videos` ended.

    Attributes:
        whole: videos that are there now.
        missing: videos that the source does not have.
        failed: videos that it has, but did not give.
    """

    whole: int
    missing: int
    failed: int


def fetch_metadata(
    folder: str | Path, *, address: str = ADDRESS, patience: Patience | None = None
) -> list[str]:
    """Download the metadata; what is there already is kept.

    Args:
        folder: where they go.
        address: of the folder that they are in.
        patience: see `download_file`.

    Returns:
        The files that were downloaded.

    Raises:
        CorruptFileError: if a file is another than that of `COMMIT`.
        DownloadError: if one cannot be had.
    """
    out, fetched = Path(folder), []
    with locked(out):
        for name, blob in BLOBS.items():
            path = out / name
            if path.is_file() and git_blob_hash(path.read_bytes()) == blob:
                continue
            fresh = path.with_name(f"{name}.new")
            download_file(f"{address.rstrip('/')}/{name}", fresh, patience=patience)
            content = fresh.read_bytes()
            fresh.unlink()
            if git_blob_hash(content) != blob:
                raise CorruptFileError(
                    f"{address}/{name} is another file than that of the commit: its git blob hash is "
                    f"{git_blob_hash(content)}, not {blob}"
                )
            write_whole(path, content)
            fetched.append(name)
    return fetched


def choose_videos(
    captions: Sequence[Caption],
    licences: Mapping[str, Licence],
    *,
    allowed: Collection[str] = (),
    limit: int | None = None,
) -> list[str]:
    """Ids of the videos of sentences, each once and in their order.

    Args:
        captions: the sentences.
        licences: of the videos.
        allowed: names of licences, as "by" and "by-sa"; all if empty.
        limit: at most so many.

    Raises:
        ValueError: if no video has a licence of that name, or `limit` is below 1.
    """
    if limit is not None:
        check_integer("limit", limit)
    known = sorted({licence.name for licence in licences.values()})
    if unknown := sorted(set(allowed) - set(known)):
        raise ValueError(f"licenses must be among {', '.join(known)}, found {', '.join(unknown)}")
    chosen = dict.fromkeys(caption.video_id for caption in captions)
    kept = [name for name in chosen if not allowed or (name in licences and licences[name].name in allowed)]
    return kept[:limit]


def from_aws(
    hashes: Mapping[str, str], *, address: str | None = None, patience: Patience | None = None
) -> Callable[[str, Path], None]:
    """Gets a video from the multimedia-commons bucket.

    Args:
        hashes: of the videos; see `read_hashes`.
        address: of another server that has the bucket's keys.
        patience: see `download_file`.
    """
    bucket = aws_address("").split("/data/")[0]

    def get(name: str, path: Path) -> None:
        if name not in hashes:
            raise MissingFileError(f"{name} has no hash")
        place = aws_address(hashes[name])
        download_file(
            place if address is None else place.replace(bucket, address.rstrip("/")), path, patience=patience
        )

    return get


def from_folder(folder: str | Path) -> Callable[[str, Path], None]:
    """Copies a video, named by its id, from a folder.

    Raises:
        ValueError: if there is no such folder.
    """
    source = Path(folder)
    if not source.is_dir():
        raise ValueError(f"source must be a folder, found {str(folder)!r}, which is none")

    def get(name: str, path: Path) -> None:
        found = source / f"{name}.mp4"
        if not found.is_file():
            raise MissingFileError(f"{found} is not there")
        part = path.with_name(f"{path.name}.part")
        shutil.copyfile(found, part)
        part.replace(path)

    return get


def from_hub(repo_id: str, *, revision: str | None = None) -> Callable[[str, Path], None]:
    """Gets a video, named by its id, from a data set on the Hub.

    Args:
        repo_id: "org/repo".
        revision: of the data set.
    """

    def get(name: str, path: Path) -> None:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError

        try:
            found = hf_hub_download(repo_id, f"{name}.mp4", repo_type="dataset", revision=revision)
        except EntryNotFoundError as error:
            raise MissingFileError(f"{repo_id} has no {name}.mp4") from error
        part = path.with_name(f"{path.name}.part")
        shutil.copyfile(found, part)
        part.replace(path)

    return get


def download_videos(
    folder: str | Path,
    videos: Sequence[str],
    get: Callable[[str, Path], None],
    *,
    licences: Mapping[str, Licence],
    threads: int = 4,
    progress: bool | None = None,
) -> Downloads:
    """Get videos to `folder`/videos, and write what became of each to a manifest.

    A call that was stopped, or killed, goes on: what is there is whole, and is not asked for again.

    Args:
        folder: of the data set.
        videos: ids.
        get: gets one to a path; see `from_aws`, `from_folder` and `from_hub`.
        licences: of the videos, which the manifest tells.
        threads: videos at a time.
        progress: show a bar; None shows it on a terminal.

    Returns:
        How many are there, missing and failed.

    Raises:
        ValueError: if `threads` is below 1.
        DownloadError: if the first 20 are all refused, as where the source is not what it should be.
        FolderInUseError: if another process is at it.
    """
    check_integer("threads", threads)
    out = Path(folder)
    counts: dict[Outcome, int] = {"whole": 0, "missing": 0, "failed": 0}
    with locked(out), _manifest(out / MANIFEST) as note:
        (out / VIDEOS).mkdir(exist_ok=True)
        todo = []
        for name in videos:
            if (out / VIDEOS / f"{name}.mp4").is_file():
                counts["whole"] += 1
            else:
                todo.append(name)
        stop, pool = threading.Event(), ThreadPoolExecutor(threads)
        bar = progress_bar("download", "video", total=len(videos), shown=progress, start=counts["whole"])
        try:
            with bar:
                waiting = {pool.submit(partial(_get_one, get, out, name, stop)): name for name in todo}
                answered, got = 0, 0
                for done in as_completed(waiting):
                    name, (outcome, reason) = waiting[done], _result(done)
                    counts[outcome] += 1
                    note({"video": name, "outcome": outcome, "reason": reason, **_told(licences.get(name))})
                    answered, got = answered + 1, got + (outcome != "missing")
                    bar.update()
                    if answered == min(_FIRST, len(todo)) and not got and len(todo) >= _FIRST:
                        raise DownloadError(f"the first {_FIRST} videos were all refused: {reason}")
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
    return Downloads(**counts)


def _get_one(
    get: Callable[[str, Path], None], out: Path, name: str, stop: threading.Event
) -> tuple[Outcome, str]:
    if stop.is_set():
        return "failed", "stopped"
    try:
        get(name, out / VIDEOS / f"{name}.mp4")
    except MissingFileError as error:
        return "missing", str(error)
    except (DownloadError, OSError) as error:
        return "failed", str(error)
    return "whole", ""


def _result(done: "Future[tuple[Outcome, str]]") -> tuple[Outcome, str]:
    return done.result()


def _told(licence: Licence | None) -> dict[str, str]:
    if licence is None:
        return {}
    return {"licence": licence.name, "licence_address": licence.address, "source": licence.source}


@contextmanager
def _manifest(path: Path) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Appends whole lines; what a killed process left of one is cut off first."""
    if path.exists():
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            write_whole(path, whole)
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:

        def note(entry: Mapping[str, Any]) -> None:
            os.write(file, (json.dumps(entry) + "\n").encode())

        yield note
    finally:
        os.close(file)
