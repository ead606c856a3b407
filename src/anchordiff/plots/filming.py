"""Films of pictures."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from anchordiff.checks import check_number
from anchordiff.films import Film


def film(figures: Iterable[Figure], *, fps: float = 8.0, dpi: int = 100) -> Film:
    """Figures as the frames of a film, which plays in a notebook and is written by `Film.save`.

    Args:
        figures: the frames, all of one size.
        fps: frames a second.
        dpi: dots an inch.

    Raises:
        ValueError: if there are none, or their sizes differ.

    Example:
        >>> from anchordiff.plots.style import panels
        >>> frames = film((panels(1, columns=1, size=(1, 1))[0] for _ in range(3)), fps=4.0).frames
        >>> frames.shape
        (3, 100, 100, 3)
    """
    check_number("fps", fps, above=0.0)
    frames = [_pixels(figure, dpi) for figure in figures]
    if not frames:
        raise ValueError("figures must hold at least one figure, found none")
    if len(sizes := {frame.shape[:2] for frame in frames}) > 1:
        raise ValueError(f"figures must be of one size, found {sorted(sizes)} rows and columns")
    return Film(np.stack(frames), fps=float(fps))


def _pixels(figure: Figure, dpi: int) -> np.ndarray:
    """What a figure looks like; rows and columns are even, as films need them."""
    before = figure.dpi
    figure.set_dpi(dpi)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3]
    figure.set_dpi(before)
    return pixels[: len(pixels) // 2 * 2, : pixels.shape[1] // 2 * 2].copy()
