"""The one look of all pictures: colours, line styles, type, and figures without pyplot's global state."""

import io
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, ParamSpec, final

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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


def panels(count: int, *, columns: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """A figure with `count` axes in rows of at most `columns`.

    Args:
        count: number of axes.
        columns: most axes in a row.
        size: width and height of one, in inches.

    Raises:
        ValueError: if `columns` is below 1.
    """
    if columns < 1:
        raise ValueError(f"columns must be at least 1, found {columns}")
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Picture(figsize=(columns * size[0], rows * size[1]), layout="constrained")
    axes = [figure.add_subplot(rows, columns, place + 1) for place in range(count)]
    return figure, axes
