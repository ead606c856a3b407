"""Pictures of clips: their frames side by side."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anchordiff.checks import check_array, check_integer
from anchordiff.plots.style import add_title, panels, styled

_UINT8: Final = (np.dtype(np.uint8),)
_GAP: Final = 0.04  # between frames, as a share of their width
_WIDTH: Final = 0.9  # of a frame, in inches
_LEAST: Final = 3.0  # of the whole, in inches
# Heights in inches: between clips, of their titles, of the frames' numbers, of the line above all.
_SPACE, _TITLED, _NUMBERS, _TITLE = 0.1, 0.35, 0.2, 0.3


@styled
def draw_strip(
    clips: UInt8[np.ndarray, "clips frames rows cols 3"],
    *,
    titles: Sequence[str] | None = None,
    title: str = "",
    every: int = 1,
    numbers: Sequence[int] | None = None,
    ax: Axes | Sequence[Axes] | None = None,
) -> Figure:
    """Clips one below another, each a row of its frames, with the numbers of the frames on top.

    Args:
        clips: red, green and blue in 0 … 255.
        titles: a line above each clip.
        title: a line above all.
        every: draw every so manyth frame alone, from the first one on.
        numbers: of the frames; 0, 1, … if left out.
        ax: axes to draw on, one for each clip; a figure of its own where none is given.

    Raises:
        ValueError: if `clips` has another shape, or the numbers of clips, titles and numbers do not fit.

    Example:
        >>> figure = draw_strip(np.zeros((2, 8, 16, 16, 3), np.uint8), titles=["first", "second"], every=2)
        >>> [label.get_text() for label in figure.axes[0].get_xticklabels()]
        ['0', '2', '4', '6']
    """
    clips = check_array("clips", clips, _UINT8, ("clips", "frames", "rows", "cols", 3))
    if 0 in clips.shape:
        raise ValueError(f"clips must hold at least one frame of at least one pixel, found {clips.shape}")
    check_integer("every", every)
    count, frames, rows, cols = clips.shape[:4]
    if titles is not None and len(titles) != count:
        raise ValueError(f"titles must be {count}, one for each clip, found {len(titles)}")
    if numbers is not None and len(numbers) != frames:
        raise ValueError(f"numbers must be {frames}, one for each frame, found {len(numbers)}")
    shown = range(0, frames, every)
    labels = [str(place if numbers is None else numbers[place]) for place in shown]
    gap = max(1, round(_GAP * cols))
    width = max(_WIDTH * len(shown), _LEAST)
    length = len(shown) * (cols + gap) - gap
    height = width * rows / length + (_SPACE if titles is None else _TITLED)
    figure, axes = panels(count, columns=1, size=(width, height), ax=ax)
    if ax is None:
        figure.set_size_inches(width, count * height + _NUMBERS + (_TITLE if title else 0.0))
    for place, (axis, clip) in enumerate(zip(axes, clips[:, ::every], strict=True)):
        strip = np.full((rows, length, 3), 255, np.uint8)
        for number, frame in enumerate(clip):
            strip[:, number * (cols + gap) :][:, :cols] = frame
        axis.imshow(strip, interpolation="nearest", aspect="equal")
        # On the caller's axes nothing says that the clip below is drawn at the same places.
        has_numbers = place == 0 or ax is not None
        middles = [number * (cols + gap) + (cols - 1) / 2 for number in range(len(shown))]
        axis.set_xticks(middles, labels if has_numbers else [""] * len(shown))
        axis.xaxis.set_ticks_position("top")
        axis.set_yticks([])
        axis.tick_params(length=0, labelsize=8, pad=1)
        axis.grid(visible=False)
        axis.spines[:].set_visible(False)
        if titles is not None:
            axis.set_title(titles[place], fontsize=9)
    add_title(figure, axes, title, own=ax is None)
    return figure
