"""Moments of DiDeMo's videos as a cache of latents."""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import get_args

from anchordiff.checks import check_choice
from anchordiff.domains.video.config import DEFAULT_CODEC, DEFAULT_TEXT
from anchordiff.domains.video.didemo.download import VIDEOS
from anchordiff.domains.video.didemo.metadata import CHUNK_SECONDS, Split, Ties, read_captions
from anchordiff.domains.video.film_cache import FilmCache, Moment, write_films


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
) -> FilmCache:
    """Cut a clip out of its video for each sentence, and encode both; see `write_films`.

    A clip begins where the moment does that most people gave. Sentences without one are left out, and counted as
    "no moment".

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
        ValueError: as for `write_films`.
        FileNotFoundError: if the metadata, the codec or the text model is missing, or no video is there.
        CorruptFileError: if the metadata are not what they should be.
    """
    check_choice("ties", ties, get_args(Ties))
    captions, videos = read_captions(folder, split), Path(folder) / VIDEOS
    found = [(caption, caption.moment(ties=ties)) for caption in captions]
    moments = [
        Moment(film=videos / f"{caption.video_id}.mp4", text=caption.text, start=moment[0] * CHUNK_SECONDS)
        for caption, moment in found
        if moment is not None
    ]
    if not any(moment.film.is_file() for moment in moments):
        raise FileNotFoundError(f"folder must hold videos of split {split}, found none in {videos}")
    made = write_films(
        out,
        moments,
        source={"set": "didemo", "split": split, "ties": ties},
        seconds=seconds,
        frames=frames,
        size=size,
        codec=codec,
        text=text,
        limit=limit,
        shard_size=shard_size,
        progress=progress,
    )
    undecided = {"no moment": len(captions) - len(moments)} if len(moments) < len(captions) else {}
    return replace(made, skipped=MappingProxyType({**made.skipped, **undecided}))
