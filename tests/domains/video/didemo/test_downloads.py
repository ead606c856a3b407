"""Downloads against a server that fails in all ways that servers do."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from didemo_server import FileServer

from anchordiff.domains.video.didemo import download, metadata
from anchordiff.domains.video.didemo.download import (
    MANIFEST,
    VIDEOS,
    choose_videos,
    download_videos,
    fetch_metadata,
    from_aws,
    from_folder,
)
from anchordiff.domains.video.didemo.metadata import Caption, Licence, git_blob_hash
from anchordiff.domains.video.didemo.transfer import MissingFileError, Patience, download_file
from anchordiff.errors import CorruptFileError, DownloadError

QUICK = Patience(tries=3, pause=0.0, timeout=5.0)
BY = Licence(name="by", address="http://creativecommons.org/licenses/by/2.0/", source="http://f.com/1")


def noise(count, seed=0):
    return np.random.default_rng(seed).bytes(count)


@pytest.fixture
def server():
    with FileServer({"/a": noise(100_000)}) as running:
        yield running


@pytest.mark.parametrize(
    "faults",
    [
        [],
        [500],
        [503, 502],
        ["cut"],
        ["cut", "cut", "cut", "cut", "cut"],
        ["cut", "ignore"],
        ["slow"],
        ["cut", 500, "cut"],
    ],
)
def test_a_file_comes_whole_whatever_happens_on_the_way(server, tmp_path, faults):
    server.faults["/a"] = list(faults)
    assert download_file(f"{server.address}/a", tmp_path / "new" / "a", patience=QUICK) == 100_000
    assert (tmp_path / "new" / "a").read_bytes() == server.files["/a"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a"]


def test_what_there_is_of_a_file_is_not_asked_for_again(server, tmp_path):
    server.faults["/a"] = ["cut", 500, 500, 500]
    with pytest.raises(DownloadError, match="was not downloaded whole: the server answers 500; call again"):
        download_file(f"{server.address}/a", tmp_path / "a", patience=QUICK)
    assert not (tmp_path / "a").exists()
    have = (tmp_path / "a.part").stat().st_size
    assert have == 50_000
    server.requests.clear()
    download_file(f"{server.address}/a", tmp_path / "a", patience=QUICK)
    assert server.requests == [("/a", "bytes=50000-")]
    assert (tmp_path / "a").read_bytes() == server.files["/a"]


def test_a_file_that_has_changed_is_downloaded_anew(server, tmp_path):
    server.faults["/a"] = ["cut", 500, 500, 500]
    with pytest.raises(DownloadError):
        download_file(f"{server.address}/a", tmp_path / "a", patience=QUICK)
    server.files["/a"] = noise(40_000, seed=1)  # shorter than what there is of the other
    download_file(f"{server.address}/a", tmp_path / "a", patience=QUICK)
    assert (tmp_path / "a").read_bytes() == server.files["/a"]


@pytest.mark.parametrize("status", [403, 404])
def test_what_is_not_there_is_asked_for_once(server, tmp_path, status):
    server.faults["/a"] = [status]
    with pytest.raises(MissingFileError, match=f"is not there: the server answers {status}"):
        download_file(f"{server.address}/a", tmp_path / "a", patience=QUICK)
    assert len(server.requests) == 1


def test_a_wrong_size_and_other_answers_are_told(server, tmp_path):
    server.faults["/a"] = ["longer"] * 20
    with pytest.raises(DownloadError, match="was not downloaded whole"):
        download_file(f"{server.address}/a", tmp_path / "a", patience=QUICK)
    server.faults["/a"] = [400]
    with pytest.raises(DownloadError, match="the server answers 400"):
        download_file(f"{server.address}/a", tmp_path / "b", patience=QUICK)
    with pytest.raises(DownloadError, match="was not downloaded whole"):
        download_file("http://127.0.0.1:9/a", tmp_path / "c", patience=QUICK)
    assert not list(tmp_path.glob("[abc]"))


@pytest.fixture
def metadata_files(monkeypatch):
    """Small files in the place of the real ones, and their hashes."""
    files = {name: f"content of {name}".encode() for name in metadata.BLOBS}
    monkeypatch.setattr(download, "BLOBS", {name: git_blob_hash(content) for name, content in files.items()})
    return files


def test_metadata_are_checked_by_their_hashes(metadata_files, tmp_path):
    with FileServer({f"/data/{name}": content for name, content in metadata_files.items()}) as server:
        address = f"{server.address}/data/"
        assert fetch_metadata(tmp_path, address=address, patience=QUICK) == list(metadata_files)
        assert all((tmp_path / name).read_bytes() == content for name, content in metadata_files.items())
        server.requests.clear()
        assert fetch_metadata(tmp_path, address=address, patience=QUICK) == []
        assert server.requests == []
        (tmp_path / "val_data.json").write_bytes(b"changed")
        server.files["/data/val_data.json"] = b"another"
        with pytest.raises(CorruptFileError, match=r"val_data\.json is another file than that of the commit"):
            fetch_metadata(tmp_path, address=address, patience=QUICK)
        assert (tmp_path / "val_data.json").read_bytes() == b"changed"


def captions(*names):
    return [
        Caption(annotation_id=0, text="x", video_id=name, num_chunks=6, times=((0, 0),)) for name in names
    ]


def test_videos_are_chosen_by_licence_and_once():
    licences = {"1": BY, "2": Licence(name="by-nc", address="", source=""), "3": BY}
    said = captions("3", "2", "3", "1", "4")
    assert choose_videos(said, licences) == ["3", "2", "1", "4"]
    assert choose_videos(said, licences, allowed=["by"]) == ["3", "1"]
    assert choose_videos(said, licences, limit=2) == ["3", "2"]
    with pytest.raises(ValueError, match="licenses must be among by, by-nc, found cc0"):
        choose_videos(said, licences, allowed=["cc0"])


def bucket(names):
    """Hashes of videos, and a server's files at their addresses."""
    hashes = {name: f"{int(name):032x}" for name in names}
    paths = {name: f"/data/videos/mp4/{found[:3]}/{found[3:6]}/{found}.mp4" for name, found in hashes.items()}
    return hashes, paths


def test_a_manifest_tells_what_became_of_each(tmp_path):
    names = [str(number) for number in range(100, 112)]
    hashes, paths = bucket(names)
    files = {paths[name]: noise(3000, seed=int(name)) for name in names[:8]}
    with FileServer(files) as server:
        server.faults = {paths["103"]: ["cut"], paths["104"]: [500] * 9, paths["110"]: [403]}
        get = from_aws(hashes, address=server.address, patience=QUICK)
        done = download_videos(tmp_path, names, get, licences={"100": BY}, threads=3, progress=False)
        assert (done.whole, done.missing, done.failed) == (7, 4, 1)
        lines = [json.loads(line) for line in (tmp_path / MANIFEST).read_text().splitlines()]
        outcomes = {line["video"]: line["outcome"] for line in lines}
        assert outcomes == {
            **dict.fromkeys(names[:8], "whole"), "104": "failed", **dict.fromkeys(names[8:], "missing"),
        }  # fmt: skip
        told = next(line for line in lines if line["video"] == "100")
        assert (told["licence"], told["source"]) == ("by", "http://f.com/1")
        for name in set(names[:8]) - {"104"}:
            assert (tmp_path / VIDEOS / f"{name}.mp4").read_bytes() == files[paths[name]]
        server.requests.clear()
        server.faults = {}
        done = download_videos(tmp_path, names, get, licences={}, threads=3, progress=False)
        assert (done.whole, done.missing, done.failed) == (8, 4, 0)
        assert {path for path, _ in server.requests} == {paths[name] for name in ("104", *names[8:])}


def test_a_source_that_refuses_everything_is_left(tmp_path):
    names = [str(number) for number in range(100, 160)]
    hashes, _ = bucket(names)
    with FileServer({}) as server:
        get = from_aws(hashes, address=server.address, patience=QUICK)
        with pytest.raises(DownloadError, match="the first 20 videos were all refused"):
            download_videos(tmp_path, names, get, licences={}, threads=1, progress=False)
        assert 20 <= len(server.requests) < 60


def test_videos_of_a_folder_are_copied(tmp_path):
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "7.mp4").write_bytes(b"seven")
    done = download_videos(
        tmp_path / "to", ["7", "8"], from_folder(tmp_path / "from"), licences={}, progress=False
    )
    assert (done.whole, done.missing, done.failed) == (1, 1, 0)
    assert (tmp_path / "to" / VIDEOS / "7.mp4").read_bytes() == b"seven"
    with pytest.raises(ValueError, match="source must be a folder"):
        from_folder(tmp_path / "nowhere")


SCRIPT = """
import sys
from pathlib import Path
from anchordiff.domains.video.didemo.download import download_videos, from_aws
from anchordiff.domains.video.didemo.transfer import Patience
names = [str(number) for number in range(100, 140)]
hashes = {name: f"{int(name):032x}" for name in names}
get = from_aws(hashes, address=sys.argv[2], patience=Patience(tries=3, pause=0.0))
print(download_videos(sys.argv[1], names, get, licences={}, threads=2, progress=False))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has other signals")
def test_a_killed_call_goes_on(tmp_path):
    names = [str(number) for number in range(100, 140)]
    _, paths = bucket(names)
    with FileServer({paths[name]: noise(200_000, seed=int(name)) for name in names}) as server:
        server.faults = {path: ["slow"] for path in paths.values()}
        words = [sys.executable, "-c", SCRIPT, str(tmp_path), server.address]
        first = subprocess.Popen(words)
        videos = tmp_path / VIDEOS
        while not videos.is_dir() or len(list(videos.glob("*.mp4"))) < 4:
            time.sleep(0.02)
            assert first.poll() is None
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        there = {path.name for path in videos.glob("*.mp4")}
        assert 4 <= len(there) < 40
        with (tmp_path / MANIFEST).open("ab") as file:
            file.write(b'{"video": "half of a')
        server.faults, before = {}, len(server.requests)
        done = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
        assert "whole=40, missing=0, failed=0" in done.stdout
        again = {Path(path).stem for path, _ in server.requests[before:]}
        assert not {f"{int(name):032x}" for name in names if f"{name}.mp4" in there} & again
        for name in names:
            assert (videos / f"{name}.mp4").read_bytes() == noise(200_000, seed=int(name))
        assert [path for path in videos.iterdir() if path.suffix != ".mp4"] == []
        assert all(json.loads(line) for line in (tmp_path / MANIFEST).read_text().splitlines())
