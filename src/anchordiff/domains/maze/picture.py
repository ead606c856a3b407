"""Walls from a picture."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from jaxtyping import Bool

from anchordiff.checks import check_integer, check_number


def dark_cells(
    image: str | Path | npt.NDArray[np.uint8], *, pixels: int, threshold: float
) -> Bool[np.ndarray, "rows cols"]:
    """Which cells of a picture are dark; see `Maze.from_image`."""
    from PIL import Image, UnidentifiedImageError

    check_integer("pixels", pixels)
    check_number("threshold", threshold, above=0.0, most=1.0)
    try:
        with Image.fromarray(image) if isinstance(image, np.ndarray) else Image.open(image) as picture:
            opacity = np.asarray(picture.convert("RGBA"))[..., 3]
            grey = np.asarray(picture.convert("L"), np.float64) / 255
    except (AttributeError, OSError, TypeError, UnidentifiedImageError, ValueError) as error:
        found = f"{image.dtype} {image.shape}" if isinstance(image, np.ndarray) else repr(image)
        raise ValueError(
            f"image must be a picture's file or an array of uint8, found {found}: {error}"
        ) from None
    if opacity.min() < 255:
        raise ValueError(f"image must be opaque, found a pixel of opacity {opacity.min()} of 255")
    height, width = grey.shape
    if height % pixels or width % pixels:
        raise ValueError(
            f"pixels must divide the picture's height and width, {height} x {width}, found {pixels}"
        )
    cells = grey.reshape(height // pixels, pixels, width // pixels, pixels).mean(axis=(1, 3))
    dark: Bool[np.ndarray, "rows cols"] = cells < threshold
    return dark
