"""Moving shapes: captioned clips made on the fly, on which text to video is learnt and judged without a learnt judge.

A clip shows one shape on a grey ground: "a small red circle moves left". Edges are anti-aliased, so that places between
pixels can be told. What a caption does not say is drawn: the grey level, the shape's exact size, where it starts, and
how far it goes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Final, Literal, final

import numpy as np
from jaxtyping import Float, Int, UInt8

from anchordiff.checks import check_integer, check_type
from anchordiff.configs import exact

SIZES: Final[Mapping[str, tuple[float, float]]] = MappingProxyType({"small": (5.5, 6.5), "big": (10.0, 12.0)})
"""Half the side of the square that just holds the shape, in pixels: least and greatest."""

COLOURS: Final[Mapping[str, tuple[float, float, float]]] = MappingProxyType(
    {
        "red": (0.9, 0.1, 0.1),
        "green": (0.1, 0.8, 0.1),
        "blue": (0.15, 0.25, 0.95),
        "yellow": (0.95, 0.9, 0.1),
        "purple": (0.7, 0.1, 0.85),
        "cyan": (0.1, 0.85, 0.9),
    }
)
"""Red, green and blue in [0, 1]."""

SHAPES: Final = ("circle", "square", "triangle")

DIRECTIONS: Final[Mapping[str, tuple[int, int]]] = MappingProxyType(
    {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
)
"""Along columns and rows; rows count downwards."""

SIDE: Final = 64
FRAMES: Final = 16
_GREY: Final = (0.15, 0.6)
_LEAST_WAY: Final = 16.0  # pixels from the first frame to the last
_MARGIN: Final = 1.0

Attribute = Literal["size", "colour", "shape", "direction"]


@final
@dataclass(frozen=True, kw_only=True)
@exact
class ShapeCaption:
    """What is said of a clip.

    Attributes:
        size: "small" or "big".
        colour: one of `COLOURS`.
        shape: one of `SHAPES`.
        direction: one of `DIRECTIONS`.

    Raises:
        ValueError: if a word is none of these.

    Example:
        >>> str(ShapeCaption(size="small", colour="red", shape="circle", direction="left"))
        'a small red circle moves left'
        >>> ShapeCaption.parse("a big blue square moves up").colour
        'blue'
    """

    size: str
    colour: str
    shape: str
    direction: str

    def __post_init__(self) -> None:
        for name, known in _WORDS.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, found {getattr(self, name)!r}")

    def __str__(self) -> str:
        """The sentence."""
        return f"a {self.size} {self.colour} {self.shape} moves {self.direction}"

    @classmethod
    def parse(cls, text: str) -> "ShapeCaption":
        """The caption that a sentence is.

        Raises:
            ValueError: if it is none.
        """
        check_type("text", text, str)
        words = text.split()
        if len(words) != 6 or (words[0], words[4]) != ("a", "moves"):
            raise ValueError(f"text must be 'a SIZE COLOUR SHAPE moves DIRECTION', found {text!r}")
        return cls(size=words[1], colour=words[2], shape=words[3], direction=words[5])


_WORDS: Final[Mapping[Attribute, tuple[str, ...]]] = MappingProxyType(
    {"size": tuple(SIZES), "colour": tuple(COLOURS), "shape": SHAPES, "direction": tuple(DIRECTIONS)}
)

CAPTIONS: Final = tuple(
    ShapeCaption(size=size, colour=colour, shape=shape, direction=direction)
    for size, colour, shape, direction in product(*_WORDS.values())
)
"""All that can be said: 144 captions."""


def draw_clips(
    seed: int, index: Int[np.ndarray, " clips"], captions: tuple[ShapeCaption, ...] = CAPTIONS
) -> tuple[UInt8[np.ndarray, "clips frames rows cols 3"], list[ShapeCaption]]:
    """Draw clips; each is a pure function of the seed, its index and the captions that it may have.

    Args:
        seed: of the whole stream.
        index: which clips of it.
        captions: of which one is drawn for each clip.

    Returns:
        The clips, red, green and blue in 0 … 255, and what is said of each.

    Raises:
        ValueError: if there are no captions.
    """
    check_integer("seed", seed, least=0)
    if not captions:
        raise ValueError("captions must hold at least one, found none")
    clips = np.empty((len(index), FRAMES, SIDE, SIDE, 3), np.uint8)
    said = []
    for place, number in enumerate(index):
        random = np.random.default_rng((seed, int(number)))
        caption = captions[int(random.integers(len(captions)))]
        clips[place] = _draw(caption, random)
        said.append(caption)
    return clips, said


def _draw(caption: ShapeCaption, random: np.random.Generator) -> UInt8[np.ndarray, "frames rows cols 3"]:
    half = random.uniform(*SIZES[caption.size])
    along = np.array(DIRECTIONS[caption.direction], np.float64)
    low, high = half + _MARGIN, SIDE - half - _MARGIN
    way = random.uniform(_LEAST_WAY, high - low)
    across = random.uniform(low, high)
    start = random.uniform(low, high - way)
    # From left to right or from top to bottom; the other way round is the same backwards.
    forward = start + way * np.linspace(0.0, 1.0, FRAMES)
    moving = forward if along.sum() > 0 else forward[::-1]
    centres = np.stack([moving, np.full(FRAMES, across)], axis=1)
    if along[0] == 0:
        centres = centres[:, ::-1]
    grey = random.uniform(*_GREY)
    pixels = np.arange(SIDE) + 0.5
    x = pixels[None, None, :] - centres[:, 0, None, None]
    y = pixels[None, :, None] - centres[:, 1, None, None]
    covered = np.clip(0.5 - _distance(caption.shape, x, y, half), 0.0, 1.0)[..., None]
    picture = (1 - covered) * grey + covered * np.array(COLOURS[caption.colour])
    frames: np.ndarray = np.rint(255 * picture).astype(np.uint8)
    return frames


def _distance(
    shape: str, x: Float[np.ndarray, "frames 1 cols"], y: Float[np.ndarray, "frames rows 1"], half: float
) -> Float[np.ndarray, "frames rows cols"]:
    """Signed distance to the outline, negative inside; of a corner's outside only about."""
    if shape == "circle":
        distance: np.ndarray = np.hypot(x, y) - half
    elif shape == "square":
        distance = np.maximum(np.abs(x), np.abs(y)) - half
    else:  # a triangle with its tip up that just fills the square: its sides fall by two rows a column
        distance = np.maximum((2 * np.abs(x) - (y + half)) / np.sqrt(5.0), y - half)
    return distance
