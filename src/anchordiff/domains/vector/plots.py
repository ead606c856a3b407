"""Pictures of trajectories of numbers: each number over the steps."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from anchordiff.plots.style import (
    BLUE,
    GREEN,
    LINES,
    PURPLE,
    VERMILION,
    add_legend,
    add_title,
    name_axes,
    panels,
    styled,
)

Arrays = Tensor | np.ndarray

_FAINT = 0.45
_ROWS = (GREEN, BLUE, VERMILION, PURPLE)


@styled
def draw_dimensions(
    samples: Float[Tensor, "batch horizon dim"] | Float[np.ndarray, "batch horizon dim"],
    *,
    data: Float[Tensor, "rows horizon dim"] | Float[np.ndarray, "rows horizon dim"] | None = None,
    keypoints: Float[Tensor, "K dim"] | Float[np.ndarray, "K dim"] | None = None,
    anchors: Sequence[int] | None = None,
    chosen: int | None = None,
    names: Sequence[str] | None = None,
    title: str = "",
    columns: int = 4,
    most: int = 24,
    ax: Axes | Sequence[Axes] | None = None,
) -> Figure:
    """One panel a number of the state: samples blue, data green behind them, the chosen sample's keypoints orange.

    Args:
        samples: trajectories, in the units of states.
        data: trajectories to compare with.
        keypoints: of the chosen sample.
        anchors: steps of the keypoints.
        chosen: number of the sample that is drawn strong; all are alike if left out.
        names: of the numbers.
        title: a line above all.
        columns: panels in a row.
        most: numbers that are drawn at most, the first ones.
        ax: axes to draw on, one for each panel, row by row; a figure of its own where none is given.

    Raises:
        ValueError: if the shapes do not fit each other.

    Example:
        >>> figure = draw_dimensions(np.zeros((3, 16, 2)), names=["shoulder", "elbow"])
        >>> [axis.get_title(loc="left") for axis in figure.axes]
        ['shoulder', 'elbow']
    """
    lines = _array("samples", samples)
    behind = None if data is None else _array("data", data)
    dim = lines.shape[2]
    if behind is not None and behind.shape[1:] != lines.shape[1:]:
        raise ValueError(
            f"data must have the horizon and dim {lines.shape[1:]} of samples, found {behind.shape[1:]}"
        )
    if names is not None and len(names) != dim:
        raise ValueError(f"names must be {dim}, one for each number, found {len(names)}")
    if (keypoints is None) != (anchors is None):
        raise ValueError("keypoints and anchors must be given together, found one of them")
    shown = min(dim, most)
    figure, axes = panels(shown, columns=columns, size=(2.9, 2.0), ax=ax)
    steps = np.arange(lines.shape[1])
    points = None if keypoints is None else np.asarray(_numbers(keypoints))
    for number, axis in enumerate(axes):
        if behind is not None:
            axis.plot(steps, behind[:, :, number].T, color=GREEN, linewidth=0.8, alpha=0.3, zorder=2)
        _draw_samples(axis, steps, lines[:, :, number], chosen)
        if points is not None and anchors is not None:
            axis.plot(list(anchors), points[:, number], **(LINES["keypoints"] | {"markersize": 4.5}))
        axis.set_title(f"number {number}" if names is None else names[number], fontsize=9)
        axis.tick_params(labelsize=8)
        axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    name_axes(axes, columns=min(columns, shown), x="step", y="", every=ax is not None)
    add_title(figure, axes, title, own=ax is None)
    add_legend(figure, axes, _legend(behind is not None, points is not None), own=ax is None, columns=3)
    return figure


@styled
def draw_beside(
    trajectories: Mapping[str, Float[Tensor, "batch horizon dim"] | Float[np.ndarray, "batch horizon dim"]],
    *,
    names: Sequence[str] | None = None,
    title: str = "",
    most: int = 8,
    ax: Axes | Sequence[Axes] | None = None,
) -> Figure:
    """Sets of trajectories one below another: a row each, a column a number of the state, with one scale a column.

    Args:
        trajectories: by the name of their row; all of one horizon and dim.
        names: of the numbers.
        title: a line above all.
        most: numbers that are drawn at most, the first ones.
        ax: axes to draw on, one for each panel, row by row; a figure of its own where none is given.

    Raises:
        ValueError: if there is none, or the shapes do not fit each other.

    Example:
        >>> figure = draw_beside({"data": np.zeros((3, 16, 2)), "samples": np.ones((3, 16, 2))})
        >>> len(figure.axes)
        4
    """
    rows = {name: _array(name, values) for name, values in trajectories.items()}
    if not rows:
        raise ValueError("trajectories must hold at least one set, found none")
    shapes = {name: values.shape[1:] for name, values in rows.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"trajectories must have one horizon and dim, found {shapes}")
    horizon, dim = next(iter(shapes.values()))
    if names is not None and len(names) != dim:
        raise ValueError(f"names must be {dim}, one for each number, found {len(names)}")
    shown = min(dim, most)
    figure, axes = panels(shown * len(rows), columns=shown, size=(1.9, 1.8), ax=ax)
    steps = np.arange(horizon)
    for place, (row, values) in enumerate(rows.items()):
        for number in range(shown):
            axis = axes[place * shown + number]
            for line in values[:, :, number]:
                axis.plot(steps, line, color=_ROWS[place % len(_ROWS)], linewidth=0.9, alpha=0.75)
            axis.sharey(axes[number])
            axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            axis.tick_params(labelsize=7, labelbottom=place == len(rows) - 1)
            if place == 0:
                axis.set_title(f"number {number}" if names is None else names[number], fontsize=9)
        axes[place * shown].set_ylabel(row.replace(", ", ",\n"), fontsize=8)
    for axis in axes[-shown:]:
        axis.set_xlabel("step", fontsize=8)
    add_title(figure, axes, title, own=ax is None)
    return figure


def _draw_samples(axis: Axes, steps: np.ndarray, lines: np.ndarray, chosen: int | None) -> None:
    for place, line in enumerate(lines):
        strong = chosen is None or place == chosen
        axis.plot(
            steps,
            line,
            color=BLUE,
            linewidth=1.8 if place == chosen else 1.0,
            alpha=(1.0 if place == chosen else 0.8) if strong else _FAINT,
            zorder=4 if place == chosen else 3,
        )


def _legend(data: bool, keypoints: bool) -> list[Line2D]:  # noqa: FBT001
    handles = [Line2D([], [], color=BLUE, label="samples")]
    if data:
        handles.append(Line2D([], [], color=GREEN, alpha=0.5, label="data"))
    if keypoints:
        look = {name: value for name, value in LINES["keypoints"].items() if name != "zorder"}
        handles.append(Line2D([], [], **look, label="keypoints"))
    return handles


def _numbers(array: Arrays) -> np.ndarray:
    return array.detach().float().cpu().numpy() if isinstance(array, Tensor) else np.asarray(array)


def _array(name: str, array: Arrays) -> np.ndarray:
    values = _numbers(array)
    if values.ndim != 3 or 0 in values.shape:
        raise ValueError(f"{name} must have the shape (batch, horizon, dim), found {values.shape}")
    return values
