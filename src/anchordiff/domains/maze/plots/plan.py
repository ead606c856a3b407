"""One plan over its maze."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
from anchordiff.plots.style import add_legend, name_axes, panels, styled


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
    expert_name: str = "expert",
    ax: Axes | None = None,
) -> Figure:
    """A plan over its maze; places where it touches a wall are crossed.

    Args:
        condition: one maze with its ends.
        trajectory: the plan, shape (horizon, dim), in cells.
        coarse: its interpolated keypoints, shape (horizon, dim).
        keypoints: shape (K, dim).
        expert: what the expert does, shape (steps, dim).
        title: a line above.
        clearance: cross places that are nearer to a wall than this, in cells.
        world: the maze in its world, to draw it there, in metres; in cells where there is none.
        expert_name: what `expert` is, as "shortest way" where no data follow it.
        ax: axes to draw on; a figure of its own where none is given.

    Raises:
        ValueError: if `condition` holds more than one maze, or a line has a wrong shape.

    Example:
        >>> from anchordiff.domains.maze import SUITES
        >>> batch = SUITES["particle-21"].load(range(1))
        >>> figure = draw_plan(batch.condition, batch.trajectory[0], title="the expert")
    """
    check_one(condition)
    width, height = panel_size(condition, 6.2)
    figure, (axes,) = panels(1, columns=1, size=(width + 0.5, height + 0.6), ax=ax)
    before = axes.get_children()
    draw_maze(axes, condition)
    if expert is not None:
        draw_line(axes, "expert", expert, label=expert_name)
    if coarse is not None:
        draw_line(axes, "coarse", coarse, label="coarse")
    draw_line(axes, "trajectory", trajectory, label="trajectory")
    if keypoints is not None:
        draw_line(axes, "keypoints", keypoints, label="keypoints")
    draw_ends(axes, condition, labels=True)
    draw_collisions(axes, condition, trajectory, clearance=clearance, labels=True)
    name_axes([axes], columns=1, x="x (cells)", y="y (cells)")
    if world is not None:
        move_to_world(axes, world, but=before)
    axes.set_title(title, fontweight="bold")
    drawn = [line for line in axes.lines if line not in before and not str(line.get_label()).startswith("_")]
    add_legend(figure, [axes], drawn, own=ax is None, columns=3)
    return figure
