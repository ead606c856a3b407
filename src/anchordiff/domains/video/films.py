"""Films on disk: clips read by time; `anchordiff.films` writes them.

Films have from below 10 to 60 frames a second, and not always the same number: a frame is found by its time stamp,
never by its number. Time 0 is that of the first frame.

Example:
    >>> import tempfile
    >>> from anchordiff.films import write_film
    >>> clip = np.full((16, 32, 48, 3), 128, np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_film(f"{folder}/grey.mp4", clip, fps=8.0)
    ...     film_info(path).seconds, read_clip(path, start=0.5, seconds=1.0, frames=4, size=(16, 16)).shape
    (2.0, (4, 16, 16, 3))
"""

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from jaxtyping import UInt8

from anchordiff.checks import check_integer, check_number
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
from anchordiff.errors import CorruptFileError


@final
@dataclass(frozen=True, kw_only=True)
class FilmInfo:
    """What a film is like.

    Attributes:
        seconds: how long it lasts.
        fps: frames a second on average; 0 where the file does not say.
        rows: height in pixels, as it is shown.
        cols: width in pixels, as it is shown: turned, and with square pixels.
        rotation: degrees, counter-clockwise, by which stored frames are turned to be shown: 0, 90, 180 or 270.
        mirrored: whether stored frames are mirrored, left to right, before they are turned.
    """

    seconds: float
    fps: float
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
            fps=float(stream.average_rate or stream.guessed_rate or 0),
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
