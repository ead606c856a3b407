"""Clips of one's own films with sentences, cut where a list says."""

import json
from pathlib import Path

import pytest

pytest.importorskip("av")

from film_tools import ROWS, make_film, numbers_in

from anchordiff.cli import main
from anchordiff.domains.video.codec import PixelCodec
from anchordiff.domains.video.data import read_cache
from anchordiff.domains.video.film_cache import read_moments

TEXT = "words:a thing moves here there"
RATE = 8


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of moments, with a film that is whole, one that is broken, and one that is missing."""
    folder = tmp_path_factory.mktemp("films")
    (folder / "clips").mkdir()
    whole = make_film(folder / "clips" / "1.mp4", [place / RATE for place in range(10 * RATE)], rate=RATE)
    (folder / "2.mp4").write_bytes(whole.read_bytes()[:2000])
    rows = [
        {"film": "clips/1.mp4", "text": "a thing moves here", "start": 3},
        {"film": "2.mp4", "text": "a thing moves"},
        {"film": "3.mp4", "text": "a thing moves"},
        {"film": "clips/1.mp4", "text": "a thing moves there"},
        {"film": "clips/1.mp4", "text": "a thing", "start": 8.5},
    ]
    path = folder / "films.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n\n", "utf-8")
    return path


def words(films: Path, out: Path) -> list[str]:
    size = ["--size", str(ROWS), str(ROWS), "--seconds", "2", "--frames", "4"]
    return [
        "data",
        "films",
        "--films",
        str(films),
        "--out",
        str(out),
        "--codec",
        "none",
        "--text",
        TEXT,
        *size,
    ]


def test_clips_are_cut_where_the_list_says(films, tmp_path, capsys):
    assert main(words(films, tmp_path / "cache")) == 0
    said = capsys.readouterr().out
    assert "2 of 4 frames" in said
    assert "1 broken, 1 no film, 1 too short" in said
    form, clips = read_cache(tmp_path / "cache")
    assert (form.seconds, form.codec, form.text) == (2.0, "none", TEXT)
    assert clips.captions == ("a thing moves here", "a thing moves there")
    shown = [numbers_in(PixelCodec().decode(clip.float())).tolist() for clip in clips.latents]
    assert shown == [[start * RATE + 4 * place for place in range(4)] for start in (3, 0)]


def test_a_list_that_has_changed_is_another_source(films, tmp_path, capsys):
    assert main(words(films, tmp_path / "cache")) == 0
    (tmp_path / "cache" / "index.json").unlink()
    changed = films.with_name("changed.jsonl")
    changed.write_text(films.read_text("utf-8").replace('"start": 3', '"start": 4'), "utf-8")
    assert main(words(changed, tmp_path / "cache")) == 1
    assert "another source" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "line 2 of"),
        ("[]", "must be an object with"),
        ('{"film": "a.mp4"}', "must be an object with"),
        ('{"film": "a.mp4", "text": "a", "begin": 1}', "must be an object with"),
        ('{"film": 1, "text": "a"}', "must have strings"),
        ('{"film": "a.mp4", "text": " "}', "text must be a sentence"),
        ('{"film": "a.mp4", "text": "a", "start": -1}', "start must be"),
        ('{"film": "a.mp4", "text": "a", "start": "now"}', "start must be"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(line, told, tmp_path):
    path = tmp_path / "films.jsonl"
    path.write_text(f'{{"film": "a.mp4", "text": "a"}}\n{line}\n', "utf-8")
    with pytest.raises(ValueError, match=r"line 2 of .*films\.jsonl") as caught:
        read_moments(path)
    assert told in str(caught.value)


def test_lists_of_nothing(tmp_path, capsys):
    path = tmp_path / "films.jsonl"
    with pytest.raises(FileNotFoundError, match="found none at"):
        read_moments(path)
    path.write_text("\n", "utf-8")
    with pytest.raises(ValueError, match="found none"):
        read_moments(path)
    path.write_text('{"film": "a.mp4", "text": "a thing"}\n', "utf-8")
    assert main(words(path, tmp_path / "cache")) == 1
    assert "films must be there, found none in" in capsys.readouterr().err
