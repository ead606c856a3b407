"""What holds for every picture: the caller's axes, a name for every mark, ticks in the API's units."""

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from anchordiff.domains.maze.plots import Case, draw_cases, draw_denoising, draw_plan, draw_samples
from anchordiff.domains.pointmaze.plots import draw_rollouts
from anchordiff.domains.vector.plots import draw_beside, draw_dimensions
from anchordiff.domains.video.plots import draw_strip
from anchordiff.plots import draw_curves
from test_plots import FREE, LOG, THROUGH, WORLD, condition, labels

BOXES = np.array([[[0.0, 0.0], [4.0, 1.0]], [[0.0, 2.0], [4.0, 3.0]]])
WAYS = [np.array([[0.5, 1.5], [3.5, 1.5]]), np.array([[0.5, 1.2], [1.0, 1.2]])]
AGENTS = [(name, WAYS, np.array([True, False])) for name in ("one", "two")]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("draw", "count"),
    [
        (lambda ax: draw_plan(condition(), THROUGH, expert=FREE, title="mine", ax=ax), 1),
        (lambda ax: draw_plan(condition(), FREE, world=WORLD, ax=ax), 1),
        (lambda ax: draw_samples(condition(2), torch.stack([FREE, FREE]), ax=ax), 2),
        (lambda ax: draw_samples(condition(2), torch.stack([FREE, FREE]), world=WORLD, ax=ax), 2),
        (
            lambda ax: draw_cases(
                [Case(title="m", condition=condition(), trajectory=FREE)] * 2, title="t", ax=ax
            ),
            2,
        ),
        (lambda ax: draw_denoising(condition(), [FREE, FREE, FREE], ax=ax), 3),
        (lambda ax: draw_curves(LOG, title="t", ax=ax), 4),
        (lambda ax: draw_rollouts(BOXES, AGENTS, title="t", ax=ax), 2),
        (lambda ax: draw_dimensions(np.zeros((2, 8, 3)), title="t", ax=ax), 3),
        (lambda ax: draw_beside({"a": np.zeros((2, 8, 2)), "b": np.ones((2, 8, 2))}, title="t", ax=ax), 4),
        (lambda ax: draw_strip(np.zeros((2, 3, 8, 8, 3), np.uint8), title="t", ax=ax), 2),
    ],
)
def test_all_draw_on_axes_of_the_callers(draw, count):
    figure = Figure(figsize=(4 * count + 4, 4), layout="constrained")
    parts = figure.subfigures(1, 2)
    axes = list(np.ravel(parts[0].subplots(1, count)))
    other = parts[1].add_subplot()
    (line,) = axes[0].plot([1.0, 2.0], [3.0, 4.0])
    assert draw(axes if count > 1 else axes[0]) is figure
    assert not figure.legends
    assert not other.lines
    assert line.get_xydata().tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert all(axis.lines or axis.collections or axis.images for axis in axes)
    FigureCanvasAgg(figure).draw()
    for wrong in ([*axes, other], axes[1:]):
        with pytest.raises(
            ValueError, match=f"ax must hold {count} axes, one for each panel, found {len(wrong)}"
        ):
            draw(wrong)


@pytest.mark.usefixtures("unchecked")
def test_what_is_no_axes_is_refused():
    with pytest.raises(ValueError, match="ax must hold 1 axes, one for each panel, found 1"):
        draw_plan(condition(), FREE, ax=Figure())
    with pytest.raises(ValueError, match="cases must hold at least one to be drawn on ax, found none"):
        draw_cases([], ax=Figure().add_subplot())


def test_every_mark_has_its_name():
    assert labels(draw_plan(condition(), THROUGH, expert=FREE, expert_name="shortest way")) == [
        "shortest way",
        "trajectory",
        "start",
        "goal",
        "touches a wall",
    ]
    assert labels(draw_plan(condition(), THROUGH, clearance=0.1))[-1] == "too close to a wall"
    assert labels(draw_rollouts(BOXES, AGENTS)) == ["reached the goal", "did not", "start"]
    assert labels(draw_rollouts(BOXES, AGENTS, target=np.ones(2)))[-1] == "goal"
    figure = draw_samples(condition(), THROUGH[None])
    (hits,) = [h for h in figure.legends[0].legend_handles if h.get_label() == "touches a wall"]
    assert (hits.get_marker(), hits.get_linestyle()) == ("x", "--")


@pytest.mark.parametrize("steps", [4, 21])
def test_ticks_count_in_cells_and_metres_and_whole_steps(steps):
    axes = draw_plan(condition(), FREE).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x (cells)", "y (cells)")
    assert axes.get_xticks().tolist() == [0, 2, 4, 6, 8]
    for figure in (draw_samples(condition(), FREE[None]), draw_denoising(condition(), [FREE])):
        assert len(figure.axes[0].get_xticks()) > 2
        assert figure.axes[0].get_xlabel() == "x (cells)"
    axes = draw_rollouts(BOXES, AGENTS).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x (m)", "y (m)")
    assert len(axes.get_xticks()) > 2
    for figure in (draw_dimensions(np.zeros((2, steps, 3))), draw_beside({"a": np.zeros((2, steps, 3))})):
        assert figure.axes[-1].get_xlabel() == "step"
        assert all(tick == int(tick) for tick in figure.axes[0].get_xticks())
