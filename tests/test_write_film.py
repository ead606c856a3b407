"""Films that are written hold the pictures that were given, at their times, and are whole or not there."""

import base64
import sys

import av
import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image

from anchordiff.domains.video.films import film_info, read_clip
from anchordiff.errors import AnchorDiffError, MissingExtraError
from anchordiff.films import Film, write_film


def clip(frames: int = 12, *, rows: int = 32, cols: int = 48) -> np.ndarray:
    """A square that moves to the right before a slope of colours."""
    y, x = np.mgrid[:rows, :cols]
    back = np.stack([60 + 2 * x, 60 + 3 * y, np.full_like(x, 90)], axis=-1)
    pictures = np.repeat(back[None], frames, axis=0)
    for place in range(frames):
        pictures[place, 8:20, 2 * place : 2 * place + 12] = (210, 40, 30)
    return pictures.astype(np.uint8)


def error(found: np.ndarray, given: np.ndarray) -> float:
    return float(np.abs(found.astype(float) - given).mean())


@pytest.mark.parametrize("fps", [8.0, 0.5, 24.0, 59.94])
def test_mp4_comes_back(tmp_path, fps):
    given = clip()
    path = write_film(tmp_path / "films" / "clip.mp4", given, fps=fps)
    assert path == tmp_path / "films" / "clip.mp4"
    info = film_info(path)
    assert info.seconds == pytest.approx(12 / fps, abs=1e-3)
    assert info.fps == pytest.approx(fps)
    found = read_clip(path, start=0.0, seconds=info.seconds, frames=12, size=(32, 48))
    assert error(found, given) < 3
    assert error(found[:, 10:18, :2], given[:, 10:18, :2]) < 6
    for place in range(12):
        assert min(range(12), key=lambda other: error(found[place], given[other])) == place
    with av.open(path) as container:
        frame = next(container.decode(video=0))
        assert (container.streams.video[0].codec_context.name, frame.format.name) == ("h264", "yuv420p")


def test_colours_come_back(tmp_path):
    colours = [(255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 255, 0), (0, 0, 255), (128, 200, 30)]
    given = np.stack([np.full((16, 16, 3), colour, np.uint8) for colour in colours])
    for path, atol in ((tmp_path / "clip.mp4", 4), (tmp_path / "clip.gif", 0)):
        # Stamps of .gif are hundredths of a second.
        found = read_clip(write_film(path, given), start=0.025, seconds=0.72, frames=6, size=(16, 16))
        assert np.abs(found.astype(int) - given).max() <= atol


@pytest.mark.parametrize("fps", [8.0, 30.0, 50.0])
def test_gif_comes_back(tmp_path, fps):
    given = clip(11, rows=31, cols=47)
    path = write_film(tmp_path / "clip.GIF", given, fps=fps)
    with Image.open(path) as image:
        assert (image.info["loop"], image.n_frames) == (0, 11)
        shown = 0
        for place in range(11):
            image.seek(place)
            shown += image.info["duration"]
            assert shown == pytest.approx(1000 * (place + 1) / fps, abs=5)
            assert error(np.asarray(image.convert("RGB")), given[place]) < 3


def test_gif_shows_pictures_that_are_the_same_as_long(tmp_path):
    given = clip(3)[[0, 0, 1, 1, 1, 2]]
    path = write_film(tmp_path / "clip.gif", given, fps=10.0)
    assert film_info(path).seconds == pytest.approx(0.6)
    found = read_clip(path, start=0.0, seconds=0.6, frames=6, size=(32, 48))
    assert error(found, given) < 3


def test_without_libx264_another_codec_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx264"})
    given = clip()
    for fps in (8.0, 59.937):
        with pytest.warns(RuntimeWarning, match="lacks libx264 here: the codec of .mp4 is MPEG-4 Part 2"):
            path = write_film(tmp_path / "clip.mp4", given, fps=fps)
        with av.open(path) as container:
            assert container.streams.video[0].codec_context.name == "mpeg4"
        seconds = film_info(path).seconds
        assert seconds == pytest.approx(12 / fps, abs=1e-3)
        assert error(read_clip(path, start=0.0, seconds=seconds, frames=12, size=(32, 48)), given) < 4


@pytest.mark.usefixtures("unchecked")
def test_what_cannot_be_written_is_refused_and_leaves_what_was_there(tmp_path):
    given = clip(4)
    for name, frames, fps, message in (
        ("clip.avi", given, 8, r"path must end in .mp4 or .gif, found 'clip.avi'"),
        ("clip.mp4", given[:, :31], 8, "frames must have even rows and columns for .mp4, found 31 and 48"),
        ("clip.mp4", given[:, :, :, :1], 8, r"frames must be a uint8 array \(frames, rows, cols, 3\), found"),
        ("clip.mp4", given / 255, 8, r"frames must be a uint8 array .*, found float64 \(4, 32, 48, 3\)"),
        ("clip.gif", given[:0], 8, r"frames must hold at least one picture .*, found \(0, 32, 48, 3\)"),
        ("clip.gif", given.tolist(), 8, "frames must be a uint8 array .*, found list"),
        (
            "clip.mp4",
            given,
            0,
            "fps of .mp4 must be a finite number of at least 0.01 and at most 1000, found 0",
        ),
        (
            "clip.gif",
            given,
            60,
            "fps of .gif must be a finite number of at least 0.01 and at most 50, found 60",
        ),
        ("clip.gif", clip(8), 0.01, "last at most 655.35 s for .gif, found 32 x 48 and 800 s"),
    ):
        (tmp_path / name).write_bytes(b"before")
        with pytest.raises(ValueError, match=message):
            write_film(tmp_path / name, frames, fps=fps)
        assert (tmp_path / name).read_bytes() == b"before"


@pytest.fixture
def without_av(monkeypatch, tmp_path):
    """No PyAV, and nothing on the path but a folder."""
    monkeypatch.setitem(sys.modules, "av", None)
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    return programs


def test_a_missing_package_is_told(tmp_path, monkeypatch, without_av):
    with pytest.raises(
        MissingExtraError, match=r"PyAV \(nor the program ffmpeg\) is not installed; .*\[film\]"
    ):
        write_film(tmp_path / "clip.mp4", clip(2))
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtraError, match=r"Pillow is not installed; .*\[film\]"):
        write_film(tmp_path / "clip.gif", clip(2))
    assert [path.name for path in tmp_path.iterdir()] == ["programs"]


@pytest.mark.parametrize("fps", [8.0, 59.94])
def test_without_pyav_the_program_ffmpeg_writes(tmp_path, monkeypatch, fps):
    given = clip()
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "av", None)
        programs = tmp_path / "programs"
        programs.mkdir()
        (programs / "ffmpeg").symlink_to(get_ffmpeg_exe())
        patch.setenv("PATH", str(programs))
        path = write_film(tmp_path / "clip.mp4", given, fps=fps)
    info = film_info(path)
    assert (info.seconds, info.fps) == (pytest.approx(12 / fps, abs=2e-3), pytest.approx(fps))
    found = read_clip(path, start=0.0, seconds=info.seconds, frames=12, size=(32, 48))
    assert error(found, given) < 3
    for place in range(12):
        assert min(range(12), key=lambda other: error(found[place], given[other])) == place


def test_what_ffmpeg_says_is_told_and_leaves_what_was_there(tmp_path, without_av):
    program = without_av / "ffmpeg"
    program.write_text("#!/bin/sh\necho Unknown encoder >&2\nexit 8\n")
    program.chmod(0o755)
    (tmp_path / "clip.mp4").write_bytes(b"before")
    with pytest.raises(AnchorDiffError, match="ffmpeg could not write the film: Unknown encoder"):
        write_film(tmp_path / "clip.mp4", clip(2))
    assert (tmp_path / "clip.mp4").read_bytes() == b"before"


def test_in_a_notebook_a_film_plays(tmp_path):
    film = Film(clip(5), fps=10.0)
    head, _, rest = film._repr_html_().partition("base64,")
    assert head == '<img src="data:image/gif;'
    (tmp_path / "shown.gif").write_bytes(base64.b64decode(rest.removesuffix('">')))
    assert film.save(tmp_path / "saved.gif").read_bytes() == (tmp_path / "shown.gif").read_bytes()
    assert film_info(tmp_path / "shown.gif").seconds == pytest.approx(0.5)


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = write_film(tmp_path / "clip.mp4", clip(2))
    before = path.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("av.open", fail)
    with pytest.raises(MemoryError):
        write_film(path, clip(3))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["clip.mp4"]
