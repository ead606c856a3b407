"""The one look of all pictures: colours, line styles, type, and figures without pyplot's global state."""

import io
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Final, ParamSpec, final

import matplotlib as mpl
import numpy as np
from cycler import cycler
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anchordiff.checks import check_integer

P = ParamSpec("P")

# Colours that colour-blind people tell apart (Okabe and Ito 2008).
BLACK: Final = "#000000"
ORANGE: Final = "#E69F00"
SKY: Final = "#56B4E9"
GREEN: Final = "#009E73"
YELLOW: Final = "#F0E442"
BLUE: Final = "#0072B2"
VERMILION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
CYCLE: Final = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)

# What each line of a plan looks like; shapes differ as well as colours, for prints in grey.
LINES: Final[dict[str, dict[str, Any]]] = {
    "expert": {"color": GREEN, "linewidth": 7.0, "alpha": 0.4, "solid_capstyle": "round", "zorder": 3},
    "coarse": {"color": ORANGE, "linewidth": 1.6, "linestyle": (0, (4, 1.5)), "zorder": 5.5},
    "trajectory": {"color": BLUE, "linewidth": 2.4, "zorder": 5},
    "noised": {
        "color": BLACK, "alpha": 0.5, "linewidth": 0.8, "marker": "o", "markersize": 5,
        "markerfacecolor": "white", "zorder": 4.5,
    },
    "keypoints": {
        "color": ORANGE, "linestyle": "none", "marker": "o", "markersize": 7,
        "markeredgecolor": "black", "markeredgewidth": 0.9, "zorder": 6,
    },
    "start": {
        "color": "white", "linestyle": "none", "marker": "o", "markersize": 10,
        "markeredgecolor": BLACK, "markeredgewidth": 2.0, "zorder": 7,
    },
    "goal": {
        "color": YELLOW, "linestyle": "none", "marker": "*", "markersize": 17,
        "markeredgecolor": BLACK, "markeredgewidth": 1.2, "zorder": 7,
    },
    "way point": {
        "color": SKY, "linestyle": "none", "marker": "D", "markersize": 9,
        "markeredgecolor": BLACK, "markeredgewidth": 1.4, "zorder": 7,
    },
    "collision": {
        "color": VERMILION, "linestyle": "none", "marker": "x", "markersize": 7,
        "markeredgewidth": 2.2, "zorder": 8,
    },
}  # fmt: skip

_NOTEBOOK_DPI: Final = 100

_RC: Final = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E3E7EB",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.edgecolor": "#5A646E",
    "xtick.color": "#3A424A",
    "ytick.color": "#3A424A",
    "legend.frameon": False,
    "axes.prop_cycle": cycler(color=CYCLE),
    "figure.facecolor": "white",
}


@final
class Picture(Figure):
    """A figure that a notebook shows where it is the value of the code before.

    IPython shows the figures of pyplot's backend alone, and only once that is set up.
    """

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=_NOTEBOOK_DPI, bbox_inches="tight")
        return buffer.getvalue()


def styled(draw: Callable[P, Figure]) -> Callable[P, Figure]:
    """Draw with the library's look, whatever the caller's matplotlib settings are."""

    @wraps(draw)
    def with_style(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(_RC):  # type: ignore[arg-type]
            return draw(*args, **kwargs)

    return with_style


def panels(
    count: int, *, columns: int, size: tuple[float, float], ax: Axes | Sequence[Axes] | None = None
) -> tuple[Figure, list[Axes]]:
    """A figure with `count` axes in rows of at most `columns`, or the caller's own axes with their figure.

    Args:
        count: number of axes.
        columns: most axes in a row.
        size: width and height of one, in inches.
        ax: the caller's axes, as many as `count`.

    Raises:
        ValueError: if `columns` is no integer of at least 1, or `ax` holds another number of axes.
    """
    check_integer("columns", columns)
    if ax is not None:
        own = list(np.ravel(np.array(ax, object)))
        if len(own) != count or not all(isinstance(axes, Axes) for axes in own):
            raise ValueError(f"ax must hold {count} axes, one for each panel, found {len(own)}")
        return _root(own[0]), own
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Picture(figsize=(columns * size[0], rows * size[1]), layout="constrained")
    axes = [figure.add_subplot(rows, columns, place + 1) for place in range(count)]
    return figure, axes


def name_axes(axes: Sequence[Axes], *, columns: int, x: str, y: str, every: bool = False) -> None:
    """Say what the axes of a grid of panels are: below the lowest panels, and left of the first ones.

    Args:
        axes: of the panels, row by row.
        columns: panels in a row.
        x: name of the horizontal axis, with its unit.
        y: name of the vertical one.
        every: on each panel, as where the caller has placed them.
    """
    for place, axis in enumerate(axes):
        if every or place + columns >= len(axes):
            axis.set_xlabel(x, fontsize=8)
        if every or place % columns == 0:
            axis.set_ylabel(y, fontsize=8)


def add_legend(
    figure: Figure, axes: Sequence[Axes], handles: Sequence[Artist], *, own: bool, columns: int = 4
) -> None:
    """Say what marks mean: below the whole figure, or, on a caller's axes, within the last of them.

    Args:
        figure: that holds the panels.
        axes: of the panels.
        handles: marks with their labels.
        own: whether the figure is the library's own.
        columns: of the legend.
    """
    if own:
        figure.legend(handles=handles, loc="outside lower center", ncols=columns, handlelength=2.4)
    else:
        axes[-1].legend(handles=handles, fontsize=8, frameon=True, framealpha=0.9)


def add_title(figure: Figure, axes: Sequence[Axes], title: str, *, own: bool) -> None:
    """Put a line above all panels; on a caller's axes, above the first one's own title."""
    if own:
        figure.suptitle(title, x=0.01, ha="left", fontweight="bold")
    elif title:
        lines = [title, axes[0].get_title(loc="left")]
        axes[0].set_title("\n".join(line for line in lines if line))


def _root(axes: Axes) -> Figure:
    figure = axes.get_figure()
    while not isinstance(figure, Figure):
        if figure is None:
            raise ValueError("ax must be on a figure, found none")
        figure = figure.figure
    return figure
