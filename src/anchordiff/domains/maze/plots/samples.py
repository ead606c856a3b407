"""Grids of samples: several plans a maze."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from einops import rearrange
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.maze import Maze
from anchordiff.domains.maze.plots._maze import (
    draw_collisions,
    draw_ends,
    draw_line,
    draw_maze,
    hit_name,
    move_to_world,
    panel_size,
    positions,
)
from anchordiff.kernels.grid.line_of_sight import polylines_are_free
from anchordiff.plots.style import LINES, VERMILION, add_legend, name_axes, panels, styled

_HITTING: Final[dict[str, Any]] = {"color": VERMILION, "linestyle": (0, (3, 1.5))}


@styled
def draw_samples(
    condition: MazeCondition,
    trajectories: Float[Tensor, "batch horizon dim"] | Float[np.ndarray, "batch horizon dim"],
    *,
    titles: Sequence[str] | None = None,
    columns: int = 4,
    clearance: float = 0.0,
    world: Maze | None = None,
    ax: Axes | Sequence[Axes] | None = None,
) -> Figure:
    """One panel a maze with all its samples: free ones blue, those that touch a wall red, dashed and crossed.

    Args:
        condition: the mazes with their ends.
        trajectories: a whole number of samples for each condition, condition-major, in cells.
        titles: a line above each panel.
        columns: panels in a row.
        clearance: take as free what keeps this far off walls, in cells.
        world: the maze in its world, to draw it there, in metres; in cells where there is none.
        ax: axes to draw on, one for each panel; a figure of its own where none is given.

    Raises:
        ValueError: if `trajectories` has another shape, or the numbers of conditions, trajectories and titles do not
            fit.
    """
    samples = positions(trajectories, ("batch", "horizon"), "trajectories")
    count = len(condition)
    if count == 0 or len(samples) % count:
        raise ValueError(
            "trajectories must hold a whole number of samples for each of the "
            f"{count} conditions, found {len(samples)}"
        )
    if titles is not None and len(titles) != count:
        raise ValueError(f"titles must be {count}, one for each condition, found {len(titles)}")
    groups = rearrange(samples, "(b n) h d -> b n h d", b=count)
    walls = condition.walls.cpu().numpy()
    width, scale = (6.2, 1.0) if count == 1 else (3.1, 0.75)
    figure, axes = panels(count, columns=columns, size=panel_size(condition, width), ax=ax)
    present = []
    for element, (axis, group) in enumerate(zip(axes, groups, strict=True)):
        present.append(axis.get_children())
        draw_maze(axis, condition, element=element)
        points = np.ascontiguousarray(group)
        free = polylines_are_free(walls[element : element + 1], points, radius=clearance)
        width = 2.2 if len(group) <= 4 else 1.3
        for sample, good in zip(group, free, strict=True):
            look = {} if good else _HITTING
            draw_line(axis, "trajectory", sample, linewidth=width, alpha=0.85, **look)
            if not good:
                draw_collisions(axis, condition, sample, element=element, clearance=clearance)
        draw_ends(axis, condition, element=element, scale=scale)
        title = f"{int(free.sum())} of {len(group)} free" if titles is None else titles[element]
        axis.set_title(title)
    name_axes(axes, columns=min(columns, count), x="x (cells)", y="y (cells)", every=ax is not None)
    for axis, old in zip(axes, present, strict=True):
        if world is not None:
            move_to_world(axis, world, but=old)
    add_legend(figure, axes, _legend(hit_name(clearance)), own=ax is None)
    return figure


def _legend(hitting: str) -> list[Line2D]:
    plain = {name: {k: v for k, v in look.items() if k != "zorder"} for name, look in LINES.items()}
    return [
        Line2D([], [], **plain["trajectory"], label="free"),
        Line2D([], [], **(plain["trajectory"] | plain["collision"] | _HITTING), label=hitting),
        Line2D([], [], **plain["start"], label="start"),
        Line2D([], [], **plain["goal"], label="goal"),
    ]
