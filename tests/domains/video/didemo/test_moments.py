"""Clips for sentences, cut out of films of which it is known what they show when."""

import json
from pathlib import Path

import pytest
import torch

pytest.importorskip("av")

from film_tools import ROWS, make_film, numbers_in

from anchordiff.cli import main
from anchordiff.domains.video.codec import PixelCodec
from anchordiff.domains.video.data import read_cache
from anchordiff.domains.video.didemo.download import VIDEOS
from anchordiff.domains.video.didemo.moments import write_moments
from anchordiff.errors import CorruptFileError

TEXT = "words:a thing moves here there"
RATE = 8
SECONDS = 25


def record(number: int, video: str, times: list[tuple[int, int]]) -> dict[str, object]:
    return {
        "annotation_id": number,
        "description": f"a thing moves {'here' if number % 2 else 'there'}",
        "num_segments": 5,
        "times": times,
        "video": f"7@N0_{video}_ab.mov",
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A split with one whole film, one that is broken, one that is short and one that is missing."""
    folder = tmp_path_factory.mktemp("didemo")
    (folder / VIDEOS).mkdir()
    whole = make_film(folder / VIDEOS / "1.mp4", [place / RATE for place in range(SECONDS * RATE)], rate=RATE)
    (folder / VIDEOS / "2.mp4").write_bytes(whole.read_bytes()[:2000])
    make_film(folder / VIDEOS / "3.mp4", [place / RATE for place in range(7 * RATE)], rate=RATE)
    records = [
        record(0, "1", [(2, 2), (2, 3), (2, 2)]),
        record(1, "2", [(0, 0), (0, 0)]),
        record(2, "3", [(1, 1), (1, 1)]),
        record(3, "4", [(0, 0), (0, 0)]),
        record(4, "1", [(0, 0), (1, 1), (0, 0), (1, 1)]),
        record(5, "1", [(4, 4), (4, 4)]),
        record(6, "3", [(0, 0), (0, 0)]),
    ]
    (folder / "val_data.json").write_text(json.dumps(records), "utf-8")
    return folder


def cut(out: Path, folder: Path, **options):
    return write_moments(
        out,
        folder,
        split="val",
        frames=8,
        size=(ROWS, ROWS),
        codec="none",
        text=TEXT,
        progress=False,
        **options,
    )


def shown(latents: torch.Tensor) -> list[list[int]]:
    return [numbers_in(PixelCodec().decode(clip.float())).tolist() for clip in latents]


def test_clips_begin_where_most_people_say(folder, tmp_path):
    moments = cut(tmp_path / "cache", folder)
    assert moments.clips == 3
    assert moments.skipped == {"broken": 1, "too short": 1, "no film": 1, "no moment": 1}
    form, clips = read_cache(tmp_path / "cache", wanted={"seconds": 5.0, "frames": 8, "rows": ROWS})
    assert form == moments.format
    assert clips.captions == ("a thing moves there", "a thing moves here", "a thing moves there")
    assert shown(clips.latents) == [[begin * RATE + place * 5 for place in range(8)] for begin in (10, 20, 0)]


def test_ties_are_a_choice_and_clips_are_limited(folder, tmp_path):
    assert cut(tmp_path / "tied", folder, ties="first", limit=2).clips == 2
    _, clips = read_cache(tmp_path / "tied")
    assert [clip[0] for clip in shown(clips.latents)] == [10 * RATE, 0]
    (tmp_path / "tied" / "index.json").unlink()
    with pytest.raises(ValueError, match="another source"):
        cut(tmp_path / "tied", folder, ties="skip")


def test_what_cannot_be_cut_is_refused_at_once(folder, tmp_path):
    (tmp_path / "val_data.json").write_text("[]", "utf-8")
    with pytest.raises(FileNotFoundError, match="must hold videos of split val"):
        cut(tmp_path / "cache", tmp_path)
    (tmp_path / "val_data.json").write_text("{}]", "utf-8")
    with pytest.raises(CorruptFileError, match="does not hold DiDeMo's sentences"):
        cut(tmp_path / "cache", tmp_path)
    with pytest.raises(ValueError, match="seconds must be"):
        cut(tmp_path / "cache", folder, seconds=0.0)
    with pytest.raises(ValueError, match="must hold at least one"):
        cut(tmp_path / "cache", folder, seconds=1000.0)
    assert not (tmp_path / "cache" / "index.json").exists()


def test_the_command_tells_what_it_leaves_out(folder, tmp_path, capsys):
    words = ["data", "didemo", "precompute", "--data", str(folder), "--split", "val", "--codec", "none"]
    words += ["--text", TEXT, "--size", "16", "16", "--out", str(tmp_path / "cache")]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "3 of 16 frames, 16×16" in said
    assert "1 broken, 1 too short, 1 no film, 1 no moment" in said
    assert main(words) == 1
    assert "folder must hold no cache yet" in capsys.readouterr().err
    assert main([*words, "--size", "0", "16"]) == 2
    assert "--size must" in capsys.readouterr().err
