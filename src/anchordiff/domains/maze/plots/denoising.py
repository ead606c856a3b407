"""How keypoints come out of noise."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.plots._maze import Points, check_one, draw_ends, draw_line, draw_maze, panel_size
from anchordiff.plots.style import add_legend, name_axes, panels, styled


@styled
def draw_denoising(
    condition: MazeCondition,
    states: Sequence[Points],
    *,
    times: Sequence[float] | None = None,
    trajectory: Points | None = None,
    columns: int = 5,
    most: int = 10,
    ax: Axes | Sequence[Axes] | None = None,
) -> Figure:
    """The keypoints at sampler steps, from noise on the left to the result on the right.

    Args:
        condition: one maze with its ends.
        states: the keypoints after each step, shape (K, dim) each, in cells.
        times: the diffusion time of each state, in [0, 1].
        trajectory: what stage 2 made of the last state; drawn into the last panel.
        columns: panels in a row.
        most: panels at most; states are left out evenly, never the first or the last.
        ax: axes to draw on, one for each panel; a figure of its own where none is given.

    Raises:
        ValueError: if there are no states, `times` does not fit them, or `most` leaves no room for the first and the
            last.
    """
    check_one(condition)
    if not states:
        raise ValueError("states must hold at least one state, found none")
    if times is not None and len(times) != len(states):
        raise ValueError(f"times must be {len(states)}, one for each state, found {len(times)}")
    if most < min(2, len(states)):
        raise ValueError(f"most must be at least {min(2, len(states))}, found {most}")
    last = len(states) - 1
    shown = sorted(
        {round(place * last / max(1, min(most, len(states)) - 1)) for place in range(most)}
        & set(range(last + 1))
    )
    figure, axes = panels(len(shown), columns=columns, size=panel_size(condition, 2.7), ax=ax)
    for axis, step in zip(axes, shown, strict=True):
        draw_maze(axis, condition)
        draw_line(axis, "coarse", states[step], label="coarse")
        if trajectory is not None and step == last:
            draw_line(axis, "trajectory", trajectory, label="trajectory")
        draw_line(axis, "keypoints", states[step], label="keypoints", markersize=5.5)
        draw_ends(axis, condition, labels=True, scale=0.75)
        time = "" if times is None else f", t = {times[step]:.2f}"
        axis.set_title(f"step {step}{time}")
    handles, _ = axes[-1].get_legend_handles_labels()
    name_axes(axes, columns=min(columns, len(axes)), x="x (cells)", y="y (cells)", every=ax is not None)
    add_legend(figure, axes, handles, own=ax is None, columns=len(handles))
    return figure
