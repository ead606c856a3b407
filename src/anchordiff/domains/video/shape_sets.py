"""Which captions of moving shapes are learnt from, and which are kept for evaluation."""

from typing import Final

from anchordiff.domains.video.shapes import CAPTIONS, COLOURS, DIRECTIONS, SHAPES, SIZES, ShapeCaption

_KEPT_BACK: Final = 6


def _is_kept_back(caption: ShapeCaption) -> bool:
    places = (
        list(SIZES).index(caption.size),
        list(COLOURS).index(caption.colour),
        SHAPES.index(caption.shape),
        list(DIRECTIONS).index(caption.direction),
    )
    size, colour, shape, direction = places
    return (3 * size + colour + 2 * shape + direction) % _KEPT_BACK == 0


UNSEEN: Final = tuple(caption for caption in CAPTIONS if _is_kept_back(caption))
"""Combinations that are never learnt from: 24 of 144; each pair of their words is one that other captions have."""

SEEN: Final = tuple(caption for caption in CAPTIONS if not _is_kept_back(caption))
"""Captions that are learnt from."""

WORDS: Final = ("a", "moves", *SIZES, *COLOURS, *SHAPES, *DIRECTIONS)
"""All words of captions."""
