"""Drawing a maze and what runs through it on axes."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.ticker import AutoLocator, MaxNLocator
from torch import Tensor

from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.maze import Maze
from anchordiff.kernels.grid.line_of_sight import polylines_are_free
from anchordiff.plots.style import LINES

Points = Tensor | np.ndarray

WALL: Final = "#3A424B"
_CELLS: Final = ListedColormap(["#FFFFFF", WALL])


def draw_maze(axes: Axes, condition: MazeCondition, *, element: int = 0) -> None:
    """Walls dark, free cells white; y downwards, one unit and at most a tick a cell."""
    walls = condition.walls[element].cpu().numpy()
    rows, cols = walls.shape
    axes.imshow(walls, cmap=_CELLS, vmin=0, vmax=1, extent=(0, cols, rows, 0), zorder=1)
    axes.set(xlim=(0, cols), ylim=(rows, 0), aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5, integer=True))
    axes.tick_params(labelsize=8)
    axes.grid(visible=False)


def panel_size(condition: MazeCondition, width: float) -> tuple[float, float]:
    """Width and height in inches of a panel that fits its maze, with a line of title above."""
    rows, cols = condition.walls.shape[1:]
    return width, width * min(max(rows / cols, 0.4), 2.0) + 0.25


def draw_line(axes: Axes, name: str, points: Points, *, label: str | None = None, **changes: Any) -> None:  # noqa: ANN401
    """Draw points of shape (steps, dim) in the look that `name` has everywhere."""
    array = positions(points)
    axes.plot(array[:, 0], array[:, 1], label=label, **(LINES[name] | changes))


def draw_ends(
    axes: Axes, condition: MazeCondition, *, element: int = 0, labels: bool = False, scale: float = 1.0
) -> None:
    """Mark start, goal and way points; `scale` is the size of the marks over that in a large picture."""
    marks = {"start": condition.start[element, None], "goal": condition.goal[element, None]}
    if condition.way_points is not None:
        marks["way point"] = condition.way_points[element]
    for name, points in marks.items():
        size = scale * LINES[name]["markersize"]
        label = name if labels else None
        draw_line(axes, name, points, label=label, markersize=size)


def draw_collisions(
    axes: Axes,
    condition: MazeCondition,
    points: Points,
    *,
    element: int = 0,
    clearance: float = 0.0,
    labels: bool = False,
) -> int:
    """Cross the places where a polyline comes within `clearance` cells of walls, and return how many there are.

    Pieces of an eighth of a step are checked exactly; neighbouring ones that collide get one cross.
    """
    array = positions(points)
    if len(array) < 2:
        return 0
    fine = np.linspace(0, len(array) - 1, 8 * (len(array) - 1) + 1)
    dense = np.stack([np.interp(fine, np.arange(len(array)), array[:, axis]) for axis in (0, 1)], axis=1)
    walls = condition.walls[element : element + 1].cpu().numpy()
    free = polylines_are_free(walls, np.stack([dense[:-1], dense[1:]], 1), radius=clearance)
    hits = np.concatenate([[False], ~free, [False]])
    first = np.flatnonzero(hits[1:] & ~hits[:-1])
    last = np.flatnonzero(hits[:-1] & ~hits[1:])
    places = dense[(first + last) // 2]
    if len(places):
        draw_line(axes, "collision", places, label=hit_name(clearance) if labels else None)
    return len(places)


def hit_name(clearance: float) -> str:
    """What pictures call a place that is crossed."""
    return "too close to a wall" if clearance else "touches a wall"


def move_to_world(axes: Axes, world: Maze, *, but: Collection[Artist] = ()) -> None:
    """Move what was drawn in cells to the world, and mark the axes in its metres.

    Args:
        axes: whose lines and images are moved.
        world: the maze in its world.
        but: what was there before, and stays.
    """
    for line in axes.lines:
        if line in but:
            continue
        line.set_data(*world.to_world(np.asarray(line.get_xydata(), np.float64)).T)
    corners = world.to_world(np.array([[0.0, world.rows], [world.cols, 0.0]]))
    (left, lower), (right, upper) = corners.tolist()
    for image in axes.images:
        if image not in but:
            image.set_extent((left, right, lower, upper))
    axes.set(xlim=(left, right), ylim=(lower, upper), xlabel="x (m)", ylabel="y (m)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(AutoLocator())


def positions(
    points: Points, axes: Sequence[str] = ("steps",), name: str = "points"
) -> Float[np.ndarray, "*axes 2"]:
    """The (x, y) of points as an array.

    Args:
        points: numbers of shape (*axes, dim).
        axes: what the axes before the last one are called.
        name: what messages call `points`.

    Raises:
        ValueError: if the shape is another one, or dim is below 2.
    """
    array = points.detach().float().cpu().numpy() if isinstance(points, torch.Tensor) else np.asarray(points)
    if array.ndim != len(axes) + 1 or array.shape[-1] < 2:
        shape = ", ".join((*axes, "dim"))
        raise ValueError(f"{name} must have the shape ({shape}) with dim >= 2, found {array.shape}")
    return array[..., :2]


def check_one(condition: MazeCondition) -> None:
    """Refuse more conditions than one picture shows.

    Raises:
        ValueError: if `condition` does not hold exactly one.
    """
    if len(condition) != 1:
        raise ValueError(f"condition must hold 1 maze for this picture, found {len(condition)}")
