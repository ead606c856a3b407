"""Moving shapes as a cache of latents."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from anchordiff.domains.video.codec import open_codec
from anchordiff.domains.video.data.cache import ClipFormat, write_cache
from anchordiff.domains.video.shape_sets import SEEN, WORDS
from anchordiff.domains.video.shapes import FRAMES, draw_clips
from anchordiff.domains.video.text import WordEncoder
from anchordiff.progress import progress_bar

_RATE = 8.0  # frames a second


def write_shapes(
    folder: str | Path,
    *,
    codec: str,
    clips: int,
    seed: int = 0,
    shard_size: int = 500,
    progress: bool | None = None,
) -> ClipFormat:
    """Draw clips of captions that are learnt from, and encode them; see `write_cache`.

    Args:
        folder: of the cache.
        codec: see `open_codec`.
        clips: how many.
        seed: of what is drawn.
        shard_size: clips a shard.
        progress: show a bar; None shows it on a terminal.
    """
    with progress_bar("encode", "clip", total=clips, shown=progress) as bar:

        def drawn() -> Iterator[tuple[np.ndarray, str]]:
            for number in range(clips):
                pictures, said = draw_clips(seed, np.array([number]), SEEN)
                yield pictures[0], str(said[0])
                bar.update()

        return write_cache(
            folder,
            drawn(),
            codec=open_codec(codec),
            text=WordEncoder(WORDS),
            seconds=FRAMES / _RATE,
            source={"set": "moving-shapes", "seed": seed},
            shard_size=shard_size,
        )
