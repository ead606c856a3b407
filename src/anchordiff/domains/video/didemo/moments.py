"""Moments of DiDeMo's videos as a cache of latents."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, final, get_args

import numpy as np
from jaxtyping import UInt8

from anchordiff.checks import check_choice, check_integer, check_number
from anchordiff.domains.video.codec import open_codec
from anchordiff.domains.video.config import DEFAULT_CODEC, DEFAULT_TEXT
from anchordiff.domains.video.data.cache import ClipFormat, write_cache
from anchordiff.domains.video.didemo.download import VIDEOS
from anchordiff.domains.video.didemo.metadata import (
    CHUNK_SECONDS,
    Caption,
    Split,
    Ties,
    read_captions,
)
from anchordiff.domains.video.films import read_clip
from anchordiff.domains.video.text import open_text
from anchordiff.errors import CorruptFileError
from anchordiff.progress import progress_bar

Skipped = Literal["no moment", "no video", "broken", "too short"]
"""Why a sentence has no clip: no moment was given by most people, its video is not there, or cannot be read whole, or
ends before the clip does."""


@final
@dataclass(frozen=True, kw_only=True)
class Moments:
    """What became of a split's sentences.

    Attributes:
        format: what the clips are.
        clips: how many there are.
        skipped: how many sentences have none, by reason.
    """

    format: ClipFormat
    clips: int
    skipped: Mapping[Skipped, int]


def write_moments(
    out: str | Path,
    folder: str | Path,
    *,
    split: Split = "train",
    ties: Ties = "skip",
    seconds: float = CHUNK_SECONDS,
    frames: int = 16,
    size: tuple[int, int] = (128, 128),
    codec: str = DEFAULT_CODEC,
    text: str = DEFAULT_TEXT,
    limit: int | None = None,
    shard_size: int = 256,
    progress: bool | None = None,
) -> Moments:
    """Cut a clip out of its video for each sentence, and encode both; see `write_cache`.

    A clip begins where the moment does that most people gave. Sentences without one are left out, and counted.

    Args:
        out: folder of the cache.
        folder: of the data set, with metadata and videos.
        split: whose sentences.
        ties: what is done where several moments were given equally often; see `majority_moment`.
        seconds: that a clip lasts.
        frames: of each clip.
        size: rows and columns of its pictures, in pixels.
        codec: see `open_codec`.
        text: see `open_text`.
        limit: at most so many clips.
        shard_size: clips a shard.
        progress: show a bar; None shows it on a terminal.

    Raises:
        ValueError: if an argument is out of its range, the codec cannot take pictures of that size, no sentence has a
            clip, or `out` holds clips of another source.
        FileNotFoundError: if the metadata, the codec or the text model is missing, or no video is there.
        CorruptFileError: if the metadata are not what they should be.
    """
    seconds = check_number("seconds", seconds, above=0.0)
    check_choice("ties", ties, get_args(Ties))
    for name, value in (("frames", frames), ("size", size[0]), ("size", size[1]), ("shard_size", shard_size)):
        check_integer(name, value)
    if limit is not None:
        check_integer("limit", limit)
    captions, videos = read_captions(folder, split), Path(folder) / VIDEOS
    if not any((videos / f"{caption.video_id}.mp4").is_file() for caption in captions):
        raise FileNotFoundError(f"folder must hold videos of split {split}, found none in {videos}")
    opened = open_codec(codec)
    if any(side % opened.factor for side in size):
        raise ValueError(f"size must be divisible by the codec's {opened.factor}, found {size}")
    skipped: Counter[Skipped] = Counter()
    clips = 0

    def cut() -> Iterator[tuple[UInt8[np.ndarray, "frames rows cols 3"], str]]:
        nonlocal clips
        for caption in progress_bar("encode", "caption", total=len(captions), shown=progress, over=captions):
            if clips == limit:
                return
            found = _cut(caption, videos, ties=ties, seconds=seconds, frames=frames, size=size)
            if isinstance(found, str):
                skipped[found] += 1
            else:
                clips += 1
                yield found, caption.text

    made = write_cache(
        out,
        cut(),
        codec=opened,
        text=open_text(text),
        seconds=seconds,
        source={"set": "didemo", "split": split, "ties": ties},
        shard_size=shard_size,
    )
    return Moments(format=made, clips=clips, skipped=MappingProxyType(dict(skipped)))


def _cut(
    caption: Caption, videos: Path, *, ties: Ties, seconds: float, frames: int, size: tuple[int, int]
) -> UInt8[np.ndarray, "frames rows cols 3"] | Skipped:
    """The clip of a sentence, or why it has none."""
    moment = caption.moment(ties=ties)
    if moment is None:
        return "no moment"
    film, start = videos / f"{caption.video_id}.mp4", moment[0] * CHUNK_SECONDS
    try:
        return read_clip(film, start=start, seconds=seconds, frames=frames, size=size)
    except FileNotFoundError:
        return "no video"
    except CorruptFileError:
        return "broken"
    except ValueError:  # the arguments are checked, so it is the film
        return "too short"
