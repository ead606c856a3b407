"""Rollouts of the Maze2D benchmark over the walls that the ball meets, in metres."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from anchordiff.domains.maze.plots._maze import WALL
from anchordiff.domains.pointmaze.world.numbers import check_numbers
from anchordiff.plots.style import BLUE, LINES, VERMILION, add_legend, add_title, name_axes, panels, styled


@styled
def draw_rollouts(
    boxes: Float[np.ndarray, "boxes 2 2"],
    agents: Sequence[tuple[str, Sequence[Float[np.ndarray, "steps 2"]], Bool[np.ndarray, " episodes"]]],
    *,
    target: Float[np.ndarray, "2"] | None = None,
    title: str = "",
    columns: int = 3,
    ax: Axes | Sequence[Axes] | None = None,
) -> Figure:
    """One panel an agent with all its rollouts: blue where the goal was reached, red and dashed where it was not.

    Args:
        boxes: lesser and greater corner (x, y) of each wall, in metres.
        agents: of each its name, the ball's positions (x, y) in each episode, in metres, and whether the goal was met.
        target: the goal (x, y) that all episodes share, in metres.
        title: a line above all.
        columns: panels in a row.
        ax: axes to draw on, one for each panel; a figure of its own where none is given.

    Raises:
        ValueError: if there are no agents, or no walls, an agent has no rollouts or not one `reached` for each, a
            number is not finite, or `ax` holds another number of axes.

    Example:
        >>> boxes = np.array([[[0.0, 0.0], [4.0, 1.0]]])
        >>> way = np.array([[0.5, 1.5], [3.5, 1.5]])
        >>> draw_rollouts(boxes, [("straight", [way], np.array([True]))]).axes[0].get_title(loc="left")
        'straight: 1 of 1 reached'
    """
    if not agents:
        raise ValueError("agents must hold at least one, found none")
    if not len(boxes):
        raise ValueError("boxes must hold at least one wall, found none")
    boxes = check_numbers("boxes", boxes, (None, 2, 2))
    for name, ways, reached in agents:
        if not ways or len(ways) != len(reached):
            raise ValueError(
                f"agents must have rollouts, and whether each reached the goal, found {len(ways)} and {len(reached)} "
                f"of {name!r}"
            )
        for way in ways:
            check_numbers(f"rollouts of {name!r}", way, (None, 2))
    low, high = boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)
    width, height = 3.4 * (high - low) / (high - low).max()
    figure, axes = panels(len(agents), columns=columns, size=(width + 0.3, height + 0.3), ax=ax)
    for axis, (name, ways, reached) in zip(axes, agents, strict=True):
        _draw_walls(axis, boxes)
        for good, colour, style in ((True, BLUE, "solid"), (False, VERMILION, "dashed")):
            lines = [way for way, there in zip(ways, reached, strict=True) if bool(there) == good]
            axis.add_collection(
                LineCollection(lines, colors=colour, linestyles=style, linewidths=0.8, alpha=0.5, zorder=4)
            )
        starts = np.array([way[0] for way in ways])
        axis.plot(*starts.T, color="black", linestyle="none", marker=".", markersize=3, zorder=5)
        if target is not None:
            axis.plot(*target, **LINES["goal"])
        axis.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
        axis.tick_params(labelsize=7)
        axis.grid(visible=False)
        axis.set_title(f"{name}: {int(np.sum(reached))} of {len(ways)} reached", fontsize=9)
    name_axes(axes, columns=columns, x="x (m)", y="y (m)", every=ax is not None)
    add_title(figure, axes, title, own=ax is None)
    add_legend(figure, axes, _legend(target is not None), own=ax is None)
    return figure


def _legend(goal: bool) -> list[Line2D]:  # noqa: FBT001
    handles = [
        Line2D([], [], color=BLUE, label="reached the goal"),
        Line2D([], [], color=VERMILION, linestyle="dashed", label="did not"),
        Line2D([], [], color="black", linestyle="none", marker=".", label="start"),
    ]
    if goal:
        look = {name: value for name, value in LINES["goal"].items() if name != "zorder"}
        handles.append(Line2D([], [], **(look | {"markersize": 12}), label="goal"))
    return handles


def _draw_walls(axis: Axes, boxes: Float[np.ndarray, "boxes 2 2"]) -> None:
    for low, high in boxes:
        axis.add_patch(Rectangle(tuple(low), *(high - low), color=WALL, linewidth=0.5, zorder=2))
