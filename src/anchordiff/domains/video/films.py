"""Films on disk: clips read by time, and clips written.

Films have from below 10 to 60 frames a second, and not always the same number: a frame is found by its time stamp,
never by its number. Time 0 is that of the first frame.

Example:
    >>> import tempfile
    >>> clip = np.full((16, 32, 48, 3), 128, np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_film(f"{folder}/grey.mp4", clip, rate=8.0)
    ...     film_info(path).seconds, read_clip(path, start=0.5, seconds=1.0, frames=4, size=(16, 16)).shape
    (2.0, (4, 16, 16, 3))
"""

import warnings
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Final, final

import numpy as np
from jaxtyping import UInt8

from anchordiff.checks import check_array, check_integer, check_number
from anchordiff.domains.video._decoding import (
    SLACK,
    EndedError,
    SeekError,
    first_frame,
    opened,
    picture_of,
    pixel_aspect,
    rounding,
    seconds_of_packets,
    shown_at,
    stamped,
    stated_seconds,
    turn,
)
from anchordiff.errors import CorruptFileError, MissingExtraError
from anchordiff.files import replacing

_UINT8: Final = (np.dtype(np.uint8),)
_QUALITY: Final = {"libx264": {"crf": "12"}, "mpeg4": {"qmin": "2", "qmax": "3"}}
_FORMATS: Final = {".mp4": ("av", "PyAV", 1000.0), ".gif": ("PIL", "Pillow", 50.0)}
"""By the ending of a file: the module that writes it, of which package, and the most frames a second."""

_BT709: Final = 1  # code of its matrix, primaries and transfer in a stream
_LIMITED: Final = 1  # code of the range 16 … 235
_TICK: Final = 100  # a second, of .gif
_MOST_TICKS: Final = 65535  # of a picture in .gif


@final
@dataclass(frozen=True, kw_only=True)
class FilmInfo:
    """What a film is like.

    Attributes:
        seconds: how long it lasts.
        rate: frames a second on average; 0 where the file does not say.
        rows: height in pixels, as it is shown.
        cols: width in pixels, as it is shown: turned, and with square pixels.
        rotation: degrees, counter-clockwise, by which stored frames are turned to be shown: 0, 90, 180 or 270.
        mirrored: whether stored frames are mirrored, left to right, before they are turned.
    """

    seconds: float
    rate: float
    rows: int
    cols: int
    rotation: int
    mirrored: bool


def film_info(path: str | Path) -> FilmInfo:
    """Read what a film is like; its first frame is decoded.

    Args:
        path: the film, of any kind that FFmpeg reads.

    Raises:
        FileNotFoundError: if there is no such file.
        CorruptFileError: if it is broken or no film, has no video stream, or has frames without time stamps.
        MissingExtraError: if PyAV is not installed.
    """
    path = Path(path)
    with opened(path) as (container, stream):
        first = first_frame(path, container, stream)
        mirrored, quarters = turn(first)
        rows, cols = first.height, round(first.width * pixel_aspect(stream))
        return FilmInfo(
            seconds=stated_seconds(stream) or seconds_of_packets(path),
            rate=float(stream.average_rate or stream.guessed_rate or 0),
            rows=cols if quarters % 2 else rows,
            cols=rows if quarters % 2 else cols,
            rotation=90 * quarters,
            mirrored=mirrored,
        )


def read_clip(
    path: str | Path, *, start: float, seconds: float, frames: int, size: tuple[int, int]
) -> UInt8[np.ndarray, "frames rows cols 3"]:
    """Read pictures at even distances in time.

    Picture i is what is shown at start + i · seconds / frames: the last frame whose time stamp is not later (by more
    than half a tick of the file's clock, or half a millisecond, since stamps are rounded). It is turned as the file
    says, cropped around its centre to the shape that is asked for, and resized by Pillow's bicubic filter, which
    averages where it makes smaller.

    Args:
        path: the film, of any kind that FFmpeg reads.
        start: time of the first picture, in seconds from the first frame.
        seconds: how long the clip lasts; the film must not end before it does.
        frames: number of pictures.
        size: rows and columns of a picture, in pixels.

    Returns:
        Red, green and blue in 0 … 255.

    Raises:
        FileNotFoundError: if there is no such file.
        CorruptFileError: if the film is broken or none, has no video stream, has frames without time stamps, or ends
            before it says it does.
        ValueError: if the film is shorter than what is asked for, or an argument is out of its range.
        MissingExtraError: if PyAV or Pillow is not installed.
    """
    start = check_number("start", start, least=0.0)
    seconds = check_number("seconds", seconds, above=0.0)
    check_integer("frames", frames)
    if not isinstance(size, tuple) or len(size) != 2:
        raise ValueError(f"size must be rows and columns, found {size!r}")
    check_integer("rows of size", size[0])
    check_integer("columns of size", size[1])
    path = Path(path)
    times = [start + place * seconds / frames for place in range(frames)]
    try:
        return _read(path, times, start + seconds, size, seek=start)
    except SeekError:
        return _read(path, times, start + seconds, size, seek=0.0)


def read_picture(path: str | Path, *, size: tuple[int, int]) -> UInt8[np.ndarray, "rows cols 3"]:
    """Read a picture of any kind that FFmpeg reads, or the first one of a film, turned and cropped as by `read_clip`.

    Args:
        path: the file.
        size: rows and columns, in pixels.

    Raises:
        FileNotFoundError: if there is no such file.
        CorruptFileError: if it is broken or none.
        ValueError: if the size is none.
        MissingExtraError: if PyAV or Pillow is not installed.
    """
    seconds = film_info(path).seconds
    picture: np.ndarray = read_clip(path, start=0.0, seconds=seconds, frames=1, size=size)[0]
    return picture


def write_film(
    path: str | Path, frames: UInt8[np.ndarray, "frames rows cols 3"], *, rate: float = 8.0
) -> Path:
    """Write a clip as .mp4 (H.264) or .gif, so that `path` holds the whole of it or what it held before.

    A .gif has at most 256 colours a picture, chosen for each, and loops for ever.

    Args:
        path: the file; its ending decides the format. Folders are made.
        frames: red, green and blue in 0 … 255; rows and columns are even for .mp4, which stores colours at half size.
        rate: frames a second, from 0.01 to 1000; at most 50 for .gif, whose viewers slow down what is faster.

    Returns:
        The path.

    Raises:
        ValueError: if the ending is another, the frames are no such array, or the rate is out of its range.
        MissingExtraError: if PyAV (.mp4) or Pillow (.gif) is not installed.

    Warns:
        RuntimeWarning: if the FFmpeg of this PyAV has no libx264; then the codec of .mp4 is MPEG-4 Part 2.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in _FORMATS:
        raise ValueError(f"path must end in {' or '.join(_FORMATS)}, found {path.name!r}")
    frames = check_array("frames", frames, _UINT8, ("frames", "rows", "cols", 3))
    check_film(ending, frames=len(frames), size=frames.shape[1:3], rate=rate)
    with replacing(path) as file:
        (_write_mp4 if ending == ".mp4" else _write_gif)(file, frames, float(rate))
    return path


def check_film(ending: str, *, frames: int, size: tuple[int, ...], rate: float) -> None:
    """Check that `write_film` can write such a film, before work is done for one.

    Args:
        ending: ".mp4" or ".gif".
        frames: how many there are.
        size: rows and columns of one, in pixels.
        rate: frames a second.

    Raises:
        ValueError: if the frames are none, or their size or rate is none of the format's.
        MissingExtraError: if what writes that format is not installed.
    """
    module, package, most = _FORMATS[ending]
    try:
        import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtraError(package, "video") from error
    if 0 in (frames, *size):
        raise ValueError(
            f"frames must hold at least one picture of at least one pixel, found {(frames, *size, 3)}"
        )
    rate = check_number(f"rate of {ending}", rate, least=0.01, most=most)
    rows, cols = size
    if ending == ".mp4" and (rows % 2 or cols % 2):
        raise ValueError(f"frames must have even rows and columns for .mp4, found {rows} and {cols}")
    if ending == ".gif" and (max(rows, cols) > 65535 or frames / rate * _TICK > _MOST_TICKS):
        raise ValueError(
            f"frames must be at most 65535 wide and high and last at most {_MOST_TICKS / _TICK:g} s for .gif, "
            f"found {rows} x {cols} and {frames / rate:g} s"
        )


def _read(
    path: Path, times: list[float], end: float, size: tuple[int, int], *, seek: float
) -> UInt8[np.ndarray, "frames rows cols 3"]:
    pictures, before = np.empty((len(times), *size, 3), np.uint8), None
    with opened(path) as (container, stream):
        stated = stated_seconds(stream)
        if stated is not None and stated < end - SLACK:
            raise _too_short(path, end, stated)
        frames = stamped(path, container, stream, seek=seek)
        shown = shown_at(frames, times, end=end, slack=rounding(stream))
        try:
            for place, frame in enumerate(shown):
                # Where frames are fewer than pictures, one is shown more than once.
                pictures[place] = (
                    pictures[place - 1]
                    if frame is before
                    else picture_of(path, frame, size, pixel_aspect(stream))
                )
                before = frame
        except EndedError as error:
            if stated is None:
                raise _too_short(path, end, error.reached) from None
            raise CorruptFileError(
                f"{path} must last {stated:.3f} s, as it says, found its end at {error.reached:.3f} s"
            ) from None
    return pictures


def _too_short(path: Path, end: float, found: float) -> ValueError:
    return ValueError(
        f"start + seconds must be within the film, found {end:.3f} s, where {path} ends at {found:.3f} s"
    )


def _write_mp4(file: BinaryIO, frames: np.ndarray, rate: float) -> None:
    import av

    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    if codec == "mpeg4":
        warnings.warn(
            "FFmpeg lacks libx264 here: the codec of .mp4 is MPEG-4 Part 2, which browsers do not play",
            RuntimeWarning,
            stacklevel=3,
        )
    # MPEG-4 Part 2 has 16 bits for the parts of a second.
    exact = Fraction(rate).limit_denominator(max(1, min(1001, int(65535 / rate))))
    with av.open(file, mode="w", format="mp4") as container:
        stream: Any = container.add_stream(codec, rate=exact, options=_QUALITY[codec])
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        stream.colorspace = stream.color_primaries = stream.color_trc = _BT709
        stream.color_range = _LIMITED
        for place, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
            )
            frame.pts, frame.time_base = place, 1 / exact
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _write_gif(file: BinaryIO, frames: np.ndarray, rate: float) -> None:
    from PIL import Image

    # Rounded where each picture ends, so that the whole lasts as long as it should.
    ends = [round(_TICK * place / rate) for place in range(len(frames) + 1)]
    first, *others = (Image.fromarray(frame).quantize(256, dither=Image.Dither.NONE) for frame in frames)
    first.save(
        file,
        format="gif",
        save_all=True,
        append_images=others,
        duration=[1000 // _TICK * (after - before) for before, after in pairwise(ends)],
        loop=0,
    )
