"""Failures side by side, with what they were made from."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.plots._maze import (
    Points,
    check_one,
    draw_collisions,
    draw_ends,
    draw_line,
    draw_maze,
    panel_size,
)
from anchordiff.plots.style import Picture, add_legend, add_title, name_axes, panels, styled


@dataclass(frozen=True, kw_only=True)
class Case:
    """One panel of `draw_cases`; positions in cells.

    Attributes:
        title: what it shows.
        condition: one maze with its ends.
        trajectory: shape (horizon, dim).
        coarse: shape (horizon, dim).
        keypoints: shape (K, dim).
        expert: shape (steps, dim).
    """

    title: str
    condition: MazeCondition
    trajectory: Points
    coarse: Points | None = None
    keypoints: Points | None = None
    expert: Points | None = None


@styled
def draw_cases(
    cases: Sequence[Case],
    *,
    title: str = "",
    columns: int = 4,
    ax: Axes | Sequence[Axes] | None = None,
) -> Figure:
    """One panel a case: expert, keypoints, coarse and final trajectory; crosses where that touches a wall.

    Args:
        cases: what to draw; without any, the picture says so.
        title: a line above all.
        columns: panels in a row.
        ax: axes to draw on, one for each panel; a figure of its own where none is given.

    Raises:
        ValueError: if a case has more than one maze, or `ax` another number of axes than there are cases.
    """
    if not cases and ax is None:
        empty = Picture(figsize=(5, 1.2), layout="constrained")
        empty.text(0.5, 0.5, title or "nothing to show", ha="center", va="center")
        return empty
    if not cases:
        raise ValueError("cases must hold at least one to be drawn on ax, found none")
    figure, axes = panels(len(cases), columns=columns, size=panel_size(cases[0].condition, 3.3), ax=ax)
    labels: dict[str, Artist] = {}
    for axis, case in zip(axes, cases, strict=True):
        check_one(case.condition)
        draw_maze(axis, case.condition)
        for name, points, label in (
            ("expert", case.expert, "expert"),
            ("coarse", case.coarse, "coarse"),
            ("trajectory", case.trajectory, "trajectory"),
            ("keypoints", case.keypoints, "keypoints"),
        ):
            if points is not None:
                small = {"markersize": 5} if name == "keypoints" else {}
                draw_line(axis, name, points, label=label, **small)
        draw_ends(axis, case.condition, labels=True, scale=0.75)
        draw_collisions(axis, case.condition, case.trajectory, labels=True)
        axis.set_title(case.title, fontsize=9)
        labels |= {label: handle for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    name_axes(axes, columns=min(columns, len(axes)), x="x (cells)", y="y (cells)", every=ax is not None)
    add_legend(figure, axes, list(labels.values()), own=ax is None, columns=len(labels))
    add_title(figure, axes, title, own=ax is None)
    return figure
