"""What a clip of moving shapes shows, by image analysis: no network judges another."""

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from jaxtyping import Bool, Float, UInt8

from anchordiff.checks import check_array
from anchordiff.domains.video.shapes import COLOURS, DIRECTIONS, SHAPES, SIZES, ShapeCaption

_UINT8: Final = (np.dtype(np.uint8),)
_FILLS: Final = {"triangle": 0.5, "circle": np.pi / 4, "square": 1.0}
"""Share of the square that just holds a shape that the shape fills."""

_LEAST_PIXELS: Final = 12
_LEAST_COLOUR: Final = 0.12


@final
@dataclass(frozen=True, kw_only=True)
class ShapeReading:
    """What is seen of clips; none where nothing is.

    Attributes:
        size: "small" or "big".
        colour: one of `COLOURS`.
        shape: one of `SHAPES`.
        direction: one of `DIRECTIONS`.
    """

    size: str | None
    colour: str | None
    shape: str | None
    direction: str | None

    def agrees(self, caption: ShapeCaption) -> dict[str, bool]:
        """Which attributes are as the caption says."""
        return {
            name: getattr(self, name) == getattr(caption, name)
            for name in ("size", "colour", "shape", "direction")
        }


def read_shape(clip: UInt8[np.ndarray, "frames rows cols 3"]) -> ShapeReading:
    """See what a clip shows.

    In each frame, how much of a pixel the shape covers is how far it is from the grey ground towards the frame's most
    coloured pixels. What covers at least half is the shape; its square tells the size, the share of it that is covered
    the shape, and the way of its middle from the first frames to the last the direction.

    Args:
        clip: red, green and blue in 0 … 255.

    Raises:
        ValueError: if it is no such array.
    """
    clip = check_array("clip", clip, _UINT8, ("frames", "rows", "cols", 3))
    seen = [found for frame in clip if (found := _read_frame(frame / 255.0)) is not None]
    if len(seen) < max(2, len(clip) // 2):
        return ShapeReading(size=None, colour=None, shape=None, direction=None)
    colour = np.median([frame.colour for frame in seen], axis=0)
    side = float(np.median([frame.side for frame in seen]))
    fill = float(np.median([frame.fill for frame in seen]))
    few = max(1, len(seen) // 4)
    way = np.mean([f.middle for f in seen[-few:]], axis=0) - np.mean([f.middle for f in seen[:few]], axis=0)
    border = (SIZES["small"][1] + SIZES["big"][0]) / 2
    return ShapeReading(
        size="small" if side / 2 < border else "big",
        colour=min(
            COLOURS, key=lambda name: float(np.linalg.norm(_hue(np.array(COLOURS[name])) - _hue(colour)))
        ),
        shape=min(SHAPES, key=lambda name: abs(_FILLS[name] - fill)),
        direction=max(DIRECTIONS, key=lambda name: float(way @ np.array(DIRECTIONS[name]))),
    )


@dataclass(frozen=True, kw_only=True)
class _Seen:
    colour: Float[np.ndarray, "3"]
    side: float
    fill: float
    middle: Float[np.ndarray, "2"]


def _read_frame(frame: Float[np.ndarray, "rows cols 3"]) -> _Seen | None:
    strength = frame.max(axis=2) - frame.min(axis=2)
    strongest = np.quantile(strength, 1 - _LEAST_PIXELS / strength.size)
    if strongest < _LEAST_COLOUR:
        return None
    covered = np.clip(strength / strongest, 0.0, 1.0)
    mask = _largest(covered >= 0.5)
    if mask.sum() < _LEAST_PIXELS:
        return None
    rows, cols = np.nonzero(mask)
    inside = slice(rows.min(), rows.max() + 1), slice(cols.min(), cols.max() + 1)
    height, width = (float(axis.stop - axis.start) for axis in inside)
    return _Seen(
        colour=frame[mask & (covered > 0.9)].mean(axis=0)
        if (mask & (covered > 0.9)).any()
        else frame[mask].mean(axis=0),
        side=(height + width) / 2,
        fill=float(mask.sum() / (height * width)),
        middle=np.array([cols.mean(), rows.mean()]),
    )


def _largest(mask: Bool[np.ndarray, "rows cols"]) -> Bool[np.ndarray, "rows cols"]:
    """The largest piece that hangs together."""
    from scipy import ndimage

    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    found: np.ndarray = pieces == sizes.argmax()
    return found


def _hue(colour: Float[np.ndarray, "3"]) -> Float[np.ndarray, "3"]:
    """A colour without its lightness, of length one."""
    plain = colour - colour.mean()
    hue: np.ndarray = plain / max(float(np.linalg.norm(plain)), 1e-6)
    return hue
