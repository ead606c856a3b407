"""Frames of a film with their times, as PyAV decodes them, and pictures of frames.

Times are in seconds from the first frame. PyAV's objects are `Any` here: it is imported where a film is opened.
"""

import math
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from jaxtyping import UInt8

from anchordiff.errors import DAMAGE, CorruptFileError, MissingExtraError

SLACK: Final = (
    1.2e-3  # seconds: many containers round stamps, and how long frames last, to whole milliseconds
)
_COVER: Final = 1024  # disposition of a stream that is a picture on the cover of a recording


class Stamped(NamedTuple):
    """A decoded frame, the time at which it is first shown, and for how long; in seconds."""

    time: float
    seconds: float
    frame: Any


class SeekError(Exception):
    """A film's index is wrong, or it has none: it has to be read from the beginning."""


class EndedError(Exception):
    """A film ended before a clip did; `reached` is where, in seconds."""

    def __init__(self, reached: float) -> None:
        super().__init__(f"ended at {reached:.3f} s")
        self.reached = reached


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """A film's container and its first video stream.

    Raises:
        FileNotFoundError: if there is no such file.
        CorruptFileError: if it is no film, or one without pictures.
        MissingExtraError: if PyAV is not installed.
    """
    try:
        import av
    except ModuleNotFoundError as error:
        raise MissingExtraError("PyAV", "video") from error
    if not path.is_file():
        raise FileNotFoundError(f"path must be a film, found no file at {path}")
    try:
        # An absolute path: FFmpeg takes what looks like "name:rest" for an address.
        container = av.open(str(path.absolute()), metadata_errors="replace")
    except PermissionError:
        raise
    except (*DAMAGE, av.FFmpegError) as error:
        raise CorruptFileError(f"{path} is corrupt, or no film: {_words(error)}") from error
    with container:
        streams = [stream for stream in container.streams.video if not int(stream.disposition) & _COVER]
        if not streams:
            kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "none"
            raise CorruptFileError(f"{path} must hold a video stream, found streams: {kinds}")
        if streams[0].codec_context is None:
            raise CorruptFileError(f"{path} must hold video that FFmpeg decodes, found an unknown codec")
        yield container, streams[0]


def stated_seconds(stream: Any) -> float | None:  # noqa: ANN401
    """How long a stream lasts, where its container says so."""
    seconds = float((stream.duration or 0) * (stream.time_base or 0))
    return seconds if seconds > 0 else None


def seconds_of_packets(path: Path) -> float:
    """How long a film lasts by what is in it, read to its end and not decoded."""
    first, last = math.inf, -math.inf
    with opened(path) as (container, stream), _reading(path):
        for packet in container.demux(stream):
            if packet.pts is not None:
                first = min(first, packet.pts)
                last = max(last, packet.pts + (packet.duration or 0))
        if last < first:
            raise CorruptFileError(f"{path} must have packets with time stamps, found none")
        return float((last - first) * stream.time_base)


def pixel_aspect(stream: Any) -> float:  # noqa: ANN401
    """Width of a pixel over its height."""
    return float(stream.sample_aspect_ratio or 1)


def rounding(stream: Any) -> float:  # noqa: ANN401
    """By how many seconds a stamp may be too late, at most half a millisecond, and what floats lack."""
    return min(float(stream.time_base) / 2, 5e-4) + 1e-6


def first_frame(path: Path, container: Any, stream: Any) -> Any:  # noqa: ANN401
    """The first frame of a film that has just been opened."""
    return _next(path, _decoded(path, container, stream))


def stamped(path: Path, container: Any, stream: Any, *, seek: float) -> Iterator[Stamped]:  # noqa: ANN401
    """Frames of a film that has just been opened, in order.

    Args:
        path: of the film.
        container: just opened.
        stream: of it.
        seek: begin at the last key frame that is not later, in seconds; at the first frame if 0.

    Raises:
        SeekError: if what seeking led to is no key frame, or a later one.
    """
    frames = _decoded(path, container, stream)
    frame = first = _next(path, frames)
    usual = float(1 / (stream.average_rate or stream.guessed_rate or math.inf))

    def stamp(frame: Any) -> Stamped:  # noqa: ANN401
        time = float((frame.pts - first.pts) * frame.time_base)
        return Stamped(time, float((frame.duration or 0) * frame.time_base) or usual, frame)

    if seek > 0:
        try:
            container.seek(first.pts + math.floor(seek / first.time_base), stream=stream)
            frames = _decoded(path, container, stream)
            frame = next(frames, None)
        except (OSError, CorruptFileError) as error:
            raise SeekError from error
        if frame is None or not frame.key_frame or stamp(frame).time > seek + SLACK:
            raise SeekError
    yield stamp(frame)
    for frame in frames:
        yield stamp(frame)


def shown_at(frames: Iterator[Stamped], times: Sequence[float], *, end: float, slack: float) -> Iterator[Any]:
    """For each time the last frame whose stamp is not later.

    Args:
        frames: in order, the first one not later than the first time.
        times: rising, all of them before `end`.
        end: which the frames have to reach, in seconds.
        slack: by how many seconds a stamp may be later all the same.

    Raises:
        EndedError: if they do not.
    """
    shown, reached, place = None, 0.0, 0
    for time, seconds, frame in frames:
        while shown is not None and place < len(times) and times[place] + slack < time:
            yield shown
            place += 1
        shown, reached = frame, time + seconds
        if place == len(times) and reached >= end - SLACK:
            return
    if reached < end - SLACK:
        raise EndedError(reached)
    for _ in times[place:]:
        yield shown


def turn(frame: Any) -> tuple[bool, int]:  # noqa: ANN401
    """Whether a frame is mirrored (left to right), and by how many quarters it is then turned, counter-clockwise."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False, 0
    # Column p and row q go to column ap + cq and row bp + dq.
    a, b, _, c, d = struct.unpack("=9i", bytes(matrix))[:5]
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    return mirrored, round(math.atan2(-b, a) / (math.pi / 2)) % 4


def picture_of(
    path: Path,
    frame: Any,  # noqa: ANN401
    size: tuple[int, int],
    aspect: float,
) -> UInt8[np.ndarray, "rows cols 3"]:
    """A frame as it is shown, cropped around its centre and resized.

    Args:
        path: of the film.
        frame: decoded.
        size: rows and columns.
        aspect: width of a stored pixel over its height.
    """
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise MissingExtraError("Pillow", "video") from error
    mirrored, quarters = turn(frame)
    rows, cols = size if quarters % 2 == 0 else size[::-1]
    wanted = cols / rows / aspect
    width, height = min(frame.width, frame.height * wanted), min(frame.height, frame.width / wanted)
    left, top = (frame.width - width) / 2, (frame.height - height) / 2
    with _reading(path):
        stored = Image.fromarray(frame.to_ndarray(format="rgb24"))
    small = stored.resize((cols, rows), Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))
    picture = np.asarray(small)
    return np.rot90(picture[:, ::-1] if mirrored else picture, quarters)


def _decoded(path: Path, container: Any, stream: Any) -> Iterator[Any]:  # noqa: ANN401
    """Frames in the order of their stamps."""
    frames, before = container.decode(stream), -math.inf
    while True:
        with _reading(path):
            frame = next(frames, None)
        if frame is None:
            return
        if frame.pts is None or frame.time_base is None:
            raise CorruptFileError(f"{path} must have frames with time stamps, found one without")
        # What comes after a damaged frame is made of it, and not marked.
        if frame.is_corrupt:
            raise CorruptFileError(
                f"{path} is corrupt: its frame with the stamp {frame.time:.3f} s is damaged"
            )
        if frame.pts < before:
            raise CorruptFileError(
                f"{path} must have time stamps that rise, found {frame.pts} after {before} (in {frame.time_base} s)"
            )
        before = frame.pts
        yield frame


def _next(path: Path, frames: Iterator[Any]) -> Any:  # noqa: ANN401
    frame = next(frames, None)
    if frame is None:
        raise CorruptFileError(f"{path} must hold frames, found none that can be decoded")
    return frame


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say of which file it is that FFmpeg cannot read on."""
    import av

    try:
        yield
    except (av.FFmpegError, *DAMAGE) as error:
        raise CorruptFileError(f"{path} is corrupt: {_words(error)}") from error


def _words(error: BaseException) -> str:
    """What FFmpeg says, without the number and the path."""
    return str(getattr(error, "strerror", None) or error)
