"""Moments of films with sentences, as a cache of latents."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, final

import numpy as np
from jaxtyping import UInt8

from anchordiff.checks import check_integer, check_number
from anchordiff.configs import Json
from anchordiff.domains.video.codec import open_codec
from anchordiff.domains.video.config import DEFAULT_CODEC, DEFAULT_TEXT
from anchordiff.domains.video.data.cache import ClipFormat, write_cache
from anchordiff.domains.video.films import read_clip
from anchordiff.domains.video.text import open_text
from anchordiff.errors import CorruptFileError
from anchordiff.progress import progress_bar

Skipped = Literal["no film", "broken", "too short"]
"""Why a moment has no clip: its film is not there, cannot be read whole, or ends before the clip does."""


@final
@dataclass(frozen=True, kw_only=True)
class Moment:
    """A part of a film, and what it shows.

    Attributes:
        film: the file.
        text: a sentence.
        start: seconds from the film's first frame.

    Raises:
        ValueError: if the start is negative or the sentence empty.
    """

    film: Path
    text: str
    start: float = 0.0

    def __post_init__(self) -> None:
        check_number("start", self.start, least=0.0)
        if not self.text.strip():
            raise ValueError(f"text must be a sentence, found {self.text!r}")


@final
@dataclass(frozen=True, kw_only=True)
class FilmCache:
    """What became of moments.

    Attributes:
        format: what the clips are.
        clips: how many there are.
        skipped: how many moments have none, by reason.
    """

    format: ClipFormat
    clips: int
    skipped: Mapping[str, int]


def read_moments(path: str | Path) -> list[Moment]:
    """Read a list of moments: a line of JSON each, as `{"film": "a.mp4", "text": "a dog runs", "start": 2.5}`.

    Args:
        path: the list. Films are looked for from its folder.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if a line is none of a moment, or there are none.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"films must be listed in a file, found none at {path}")
    moments = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            told = json.loads(line)
            if not isinstance(told, dict) or not {"film", "text"} <= told.keys() <= {"film", "text", "start"}:
                raise ValueError('must be an object with "film", "text" and perhaps "start"')
            if not (isinstance(told["film"], str) and isinstance(told["text"], str)):
                raise ValueError('must have strings as "film" and "text"')
            start = check_number("start", told.get("start", 0.0), least=0.0)
            moments.append(Moment(film=path.parent / told["film"], text=told["text"], start=start))
        except ValueError as error:
            raise ValueError(f"line {number} of {path}: {error}, found {line!r}") from error
    if not moments:
        raise ValueError(f"films must be listed in {path}, found none")
    return moments


def write_films(
    out: str | Path,
    moments: Sequence[Moment],
    *,
    source: dict[str, Json],
    seconds: float,
    frames: int = 16,
    size: tuple[int, int] = (128, 128),
    codec: str = DEFAULT_CODEC,
    text: str = DEFAULT_TEXT,
    limit: int | None = None,
    shard_size: int = 256,
    progress: bool | None = None,
) -> FilmCache:
    """Cut a clip out of its film for each moment, and encode it with its sentence; see `write_cache`.

    Args:
        out: folder of the cache.
        moments: where the clips begin; those whose clip cannot be cut are left out, and counted.
        source: what they are, in JSON's terms; kept in the index.
        seconds: that a clip lasts.
        frames: of each clip.
        size: rows and columns of its pictures, in pixels.
        codec: see `open_codec`.
        text: see `open_text`.
        limit: at most so many clips.
        shard_size: clips a shard.
        progress: show a bar; None shows it on a terminal.

    Raises:
        ValueError: if an argument is out of its range, the codec cannot take pictures of that size, no moment has a
            clip, or `out` holds clips of another source.
        FileNotFoundError: if the codec or the text model is missing, or no film is there.
    """
    seconds = check_number("seconds", seconds, above=0.0)
    for name, value in (("frames", frames), ("size", size[0]), ("size", size[1]), ("shard_size", shard_size)):
        check_integer(name, value)
    if limit is not None:
        check_integer("limit", limit)
    if not any(moment.film.is_file() for moment in moments):
        places = sorted({str(moment.film.parent) for moment in moments})
        raise FileNotFoundError(f"films must be there, found none in {', '.join(places[:3])}")
    opened = open_codec(codec)
    if any(side % opened.factor for side in size):
        raise ValueError(f"size must be divisible by the codec's {opened.factor}, found {size}")
    skipped: Counter[str] = Counter()
    clips = 0

    def cut() -> Iterator[tuple[UInt8[np.ndarray, "frames rows cols 3"], str]]:
        nonlocal clips
        for moment in progress_bar("encode", "clip", total=len(moments), shown=progress, over=moments):
            if clips == limit:
                return
            found = _cut(moment, seconds=seconds, frames=frames, size=size)
            if isinstance(found, str):
                skipped[found] += 1
            else:
                clips += 1
                yield found, moment.text

    form = write_cache(
        out,
        cut(),
        codec=opened,
        text=open_text(text),
        seconds=seconds,
        source=source,
        shard_size=shard_size,
    )
    return FilmCache(format=form, clips=clips, skipped=MappingProxyType(dict(skipped)))


def _cut(
    moment: Moment, *, seconds: float, frames: int, size: tuple[int, int]
) -> UInt8[np.ndarray, "frames rows cols 3"] | Skipped:
    """The clip of a moment, or why it has none."""
    try:
        return read_clip(moment.film, start=moment.start, seconds=seconds, frames=frames, size=size)
    except FileNotFoundError:
        return "no film"
    except CorruptFileError:
        return "broken"
    except ValueError:  # the arguments are checked, so it is the film
        return "too short"
