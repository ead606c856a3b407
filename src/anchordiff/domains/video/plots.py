"""Pictures of clips: strips of frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anchordiff.checks import check_array, check_integer
from anchordiff.plots.style import add_title, panels, styled

_UINT8: Final = (np.dtype(np.uint8),)
_GAP: Final = 2  # pixels between frames


@styled
def draw_strips(
    clips: UInt8[np.ndarray, "clips frames rows cols 3"],
    *,
    titles: Sequence[str] = (),
    title: str = "",
    every: int = 1,
    numbers: Sequence[int] | None = None,
    ax: Axes | Sequence[Axes] | None = None,
) -> Figure:
    """Frames of clips side by side, a row a clip.

    Args:
        clips: red, green and blue in 0 … 255.
        titles: of the rows; none leaves them out.
        title: of the whole.
        every: only every so manyth frame.
        numbers: of the frames, where they are not 0, 1, …
        ax: axes of the caller's, one for each clip.

    Raises:
        ValueError: if the clips are no such array, or titles or numbers are of another count.

    Example:
        >>> figure = draw_strips(np.zeros((2, 4, 8, 8, 3), np.uint8), titles=["first", "second"])
        >>> len(figure.axes)
        2
    """
    clips = check_array("clips", clips, _UINT8, ("clips", "frames", "rows", "cols", 3))
    check_integer("every", every)
    steps = list(range(clips.shape[1])) if numbers is None else list(numbers)
    counts = (("titles", len(titles) or len(clips), len(clips)), ("numbers", len(steps), clips.shape[1]))
    for name, found, wanted in counts:
        if found != wanted:
            raise ValueError(f"{name} must be {wanted}, found {found}")
    shown, steps = clips[:, ::every], steps[::every]
    count, rows, cols = shown.shape[1:4]
    width = 0.7 * count
    figure, axes = panels(
        len(clips), columns=1, size=(width, width * rows / (count * (cols + _GAP)) + 0.35), ax=ax
    )
    for place, (axis, clip) in enumerate(zip(axes, shown, strict=True)):
        strip = np.full((rows, count * (cols + _GAP) - _GAP, 3), 255, np.uint8)
        for number, frame in enumerate(clip):
            first = number * (cols + _GAP)
            strip[:, first : first + cols] = frame
        axis.imshow(strip, interpolation="nearest")
        middles = [number * (cols + _GAP) + cols / 2 - 0.5 for number in range(count)]
        axis.set_xticks(middles, [str(step) for step in steps])
        axis.set_yticks([])
        axis.tick_params(length=0, labelsize=7)
        axis.grid(visible=False)
        axis.spines[:].set_visible(False)
        if titles:
            axis.set_title(titles[place], loc="left", fontsize=9)
    axes[-1].set_xlabel("frame", fontsize=8)
    add_title(figure, axes, title, own=ax is None)
    return figure
