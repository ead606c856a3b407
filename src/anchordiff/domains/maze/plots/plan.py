"""One plan over its maze."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.maze import Maze
from anchordiff.domains.maze.plots._maze import (
    Points,
    check_one,
    draw_collisions,
    draw_ends,
    draw_line,
    draw_maze,
    move_to_world,
    panel_size,
)
from anchordiff.plots.style import Picture, styled


@styled
def draw_plan(
    condition: MazeCondition,
    trajectory: Points,
    *,
    coarse: Points | None = None,
    keypoints: Points | None = None,
    expert: Points | None = None,
    title: str = "",
    clearance: float = 0.0,
    world: Maze | None = None,
) -> Figure:
    """A plan over its maze, shaded by the distance to walls; places where it touches a wall are crossed.

    In a world, axes in metres stand in place of the shades' bar.

    Args:
        condition: one maze with its ends.
        trajectory: the plan, shape (horizon, dim), in cells.
        coarse: its interpolated keypoints, shape (horizon, dim).
        keypoints: shape (K, dim).
        expert: what the expert does, shape (steps, dim).
        title: a line above.
        clearance: cross places that are nearer to a wall than this, in cells.
        world: the maze in its world, to draw it there, in metres; in cells where there is none.

    Raises:
        ValueError: if `condition` holds more than one maze, or a line has a wrong shape.

    Example:
        >>> from anchordiff.domains.maze import SUITES
        >>> batch = SUITES["particle-21"].load(range(1))
        >>> figure = draw_plan(batch.condition, batch.trajectory[0], title="the expert")
    """
    check_one(condition)
    width, height = panel_size(condition, 6.2)
    figure = Picture(figsize=(width + 1.0, height + 0.45), layout="constrained")
    axes = figure.add_subplot()
    image = draw_maze(axes, condition)
    if expert is not None:
        draw_line(axes, "expert", expert, label="expert")
    if coarse is not None:
        draw_line(axes, "coarse", coarse, label="coarse (keypoints joined)")
    draw_line(axes, "trajectory", trajectory, label="plan (after stage 2)")
    if keypoints is not None:
        draw_line(axes, "keypoints", keypoints, label="keypoints")
    draw_ends(axes, condition, labels=True)
    draw_collisions(axes, condition, trajectory, clearance=clearance)
    if world is None:
        _add_bar(figure, axes, image)
    else:
        move_to_world(axes, world)
    axes.set_title(title, fontweight="bold")
    figure.legend(loc="outside lower center", ncols=3, handlelength=2.4, columnspacing=2.0)
    return figure


def _add_bar(figure: Figure, axes: Axes, image: AxesImage) -> None:
    bar = figure.colorbar(image, ax=axes, shrink=0.4, aspect=16, pad=0.02, extend="max")
    bar.set_label("distance to walls (cells)")
    bar.set_ticks([1, 2, 3, 4])
    bar.outline.set(edgecolor="#AAB2BA", linewidth=0.8)
