"""`anchordiff data films`, and what all commands share that cut clips out of films."""

from __future__ import annotations

import hashlib
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anchordiff.checks import check_integer, check_number
from anchordiff.cli._output import check_out, show_table, working
from anchordiff.domains.video.config import DEFAULT_CODEC, DEFAULT_TEXT

if TYPE_CHECKING:
    from anchordiff.domains.video.film_cache import FilmCache


@dataclass(frozen=True, kw_only=True)
class CutFlags(ABC):
    """Base of the commands that cut clips out of films and encode them.

    Attributes:
        out: folder of the cache.
        seconds: that a clip lasts.
        frames: of each clip.
        size: rows and columns of its pictures, in pixels.
        codec: what makes latents of pictures: "none" for pixels, a folder, or an id on the Hub.
        text: what makes features of sentences: folder or id on the Hub of a CLIP text model.
        limit: at most so many clips.
        shard_size: clips a shard.
    """

    out: Path
    seconds: float = 5.0
    frames: int = 16
    size: tuple[int, int] = (128, 128)
    codec: str = DEFAULT_CODEC
    text: str = DEFAULT_TEXT
    limit: int | None = None
    shard_size: int = 256

    def execute(self) -> None:
        """Write what is missing."""
        check_number("--seconds", self.seconds, above=0.0)
        counts = {"frames": self.frames, "shard-size": self.shard_size, "limit": self.limit}
        for name, value in (*counts.items(), *(("size", side) for side in self.size)):
            if value is not None:
                check_integer(f"--{name}", value)
        check_out(self.out)
        began = time.perf_counter()
        with working():
            made = self.cut()
        form = made.format
        left_out = ", ".join(f"{count} {reason}" for reason, count in made.skipped.items())
        show_table(
            {
                "clips": f"{made.clips} of {form.frames} frames, {form.rows}×{form.cols}",
                "left out": left_out or "none",
                "latents": f"{form.channels}×{form.height}×{form.width}, {form.codec}",
                "text": form.text,
                "folder": str(self.out),
                "seconds": f"{time.perf_counter() - began:.1f}",
            }
        )

    @property
    def options(self) -> dict[str, Any]:
        """The flags as the library takes them."""
        names = ("seconds", "frames", "size", "codec", "text", "limit", "shard_size")
        return {name: getattr(self, name) for name in names}

    @abstractmethod
    def cut(self) -> FilmCache:
        """Cut and encode the clips."""


@dataclass(frozen=True, kw_only=True)
class DataFilms(CutFlags):
    """Cut clips out of your own films, and write latents and text features for training.

    A call that was stopped goes on where it was. Moments whose film is missing, broken or too short are left out and
    counted.

    Attributes:
        films: list of the moments, a line of JSON each: {"film": "a.mp4", "text": "a dog runs", "start": 2.5}. Films
            are looked for from the list's folder; `start`, in seconds, is 0 where it is left out.
    """

    films: Path

    def cut(self) -> FilmCache:
        """Cut and encode the clips."""
        from anchordiff.domains.video.film_cache import read_moments, write_films

        moments = read_moments(self.films)
        digest = hashlib.sha256(self.films.read_bytes()).hexdigest()
        return write_films(self.out, moments, source={"set": "films", "sha256": digest}, **self.options)
