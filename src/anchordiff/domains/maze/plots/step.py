"""One step on the way to a plan."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.maze import Maze
from anchordiff.domains.maze.plots._maze import (
    check_one,
    draw_collisions,
    draw_ends,
    draw_line,
    draw_maze,
    move_to_world,
    panel_size,
)
from anchordiff.domains.steps import Step
from anchordiff.plots.style import add_legend, name_axes, panels, styled


@styled
def draw_step(
    condition: MazeCondition,
    step: Step,
    *,
    clearance: float = 0.0,
    world: Maze | None = None,
    ax: Axes | None = None,
) -> Figure:
    """A sampler step's noised and estimated keypoints, or what stage 2 made of them; all steps at one size.

    Args:
        condition: one maze with its ends.
        step: as `steps_of` gives it.
        clearance: cross places that are nearer to a wall than this, in cells.
        world: the maze in its world, to draw it there, in metres; in cells where there is none.
        ax: axes to draw on; a figure of its own where none is given.

    Raises:
        ValueError: if `condition` holds more than one maze.
    """
    check_one(condition)
    width, height = panel_size(condition, 5.0)
    figure, (axes,) = panels(1, columns=1, size=(width + 0.4, height + 0.4), ax=ax)
    before = axes.get_children()
    draw_maze(axes, condition)
    if step.noised is not None:
        draw_line(axes, "noised", step.noised, label="sampler's state")
    draw_line(axes, "coarse", step.coarse, label="coarse")
    if step.trajectory is not None:
        draw_line(axes, "trajectory", step.way, label="trajectory")
        draw_collisions(axes, condition, step.way, clearance=clearance)
    draw_line(axes, "keypoints", step.keypoints, label="keypoints")
    draw_ends(axes, condition)
    name_axes([axes], columns=1, x="x (cells)", y="y (cells)")
    if world is not None:
        move_to_world(axes, world, but=before)
    axes.set_title(step.title, fontweight="bold")
    drawn = [line for line in axes.lines if line not in before and not str(line.get_label()).startswith("_")]
    add_legend(figure, [axes], drawn, own=ax is None, columns=3)
    return figure
