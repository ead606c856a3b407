import io
import subprocess
import sys

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.image import imread

from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.maze import Maze
from anchordiff.domains.maze.plots import Case, draw_cases, draw_denoising, draw_plan, draw_samples
from anchordiff.domains.maze.plots._maze import draw_collisions, draw_maze, move_to_world
from anchordiff.plots import draw_curves, save_figure
from anchordiff.plots.style import CYCLE, LINES

OKABE_ITO = {"#000000", "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7"}


def condition(count: int = 1) -> MazeCondition:
    walls = torch.zeros(count, 6, 8, dtype=torch.bool)
    walls[:, 2, :5] = True
    return MazeCondition.from_arrays(
        walls, torch.tensor([[0.5, 0.5]] * count), torch.tensor([[0.5, 5.5]] * count)
    )


FREE = torch.tensor([[0.5, 0.5], [6.5, 1.5], [6.5, 3.5], [0.5, 5.5]])
THROUGH = torch.tensor([[0.5, 0.5], [0.5, 5.5]])


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_a_plan_shows_every_part_once():
    figure = draw_plan(condition(), FREE, coarse=FREE, keypoints=FREE, expert=FREE, title="a plan")
    assert labels(figure) == [
        "expert",
        "coarse",
        "trajectory",
        "keypoints",
        "start",
        "goal",
    ]
    assert figure.axes[0].get_title(loc="left") == "a plan"
    assert labels(draw_plan(condition(), FREE.numpy())) == ["trajectory", "start", "goal"]


def test_y_runs_downwards_and_a_cell_is_one_unit():
    axes = draw_plan(condition(), FREE).axes[0]
    assert axes.get_xlim() == (0, 8)
    assert axes.get_ylim() == (6, 0)
    assert axes.get_aspect() == 1


WORLD = Maze(condition().walls[0].numpy(), cell_size=0.5, origin=(-2.0, 1.5), flip_y=True)


@pytest.mark.parametrize("draw", ["plan", "samples"])
def test_in_a_world_lines_walls_and_axes_are_in_metres(draw):
    if draw == "plan":
        figure = draw_plan(condition(), FREE, expert=FREE, world=WORLD)
    else:
        figure = draw_samples(condition(), FREE[None], world=WORLD)
    (axes,) = figure.axes  # no bar, which would count in cells
    assert (axes.get_xlim(), axes.get_ylim()) == ((-2.0, 2.0), (-1.5, 1.5))
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x (m)", "y (m)")
    assert len(axes.get_xticks()) > 2
    lines = [line.get_xydata() for line in axes.lines]
    metres = [[-1.75, 1.25], [1.25, 0.75], [1.25, -0.25], [-1.75, -1.25]]
    assert sum(len(line) == 4 and np.allclose(line, metres) for line in lines) == (2 if draw == "plan" else 1)
    assert any(np.allclose(line, [[-1.75, 1.25]]) for line in lines)
    assert any(np.allclose(line, [[-1.75, -1.25]]) for line in lines)


@pytest.mark.parametrize("flip_y", [False, True])
def test_in_a_world_walls_lie_where_its_map_says(flip_y):
    figure = Figure(figsize=(8, 6), dpi=10)
    axes = figure.add_axes((0, 0, 1, 1))
    draw_maze(axes, condition())
    world = Maze(WORLD.walls, cell_size=0.5, origin=(-2.0, 1.5), flip_y=flip_y)
    move_to_world(axes, world)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3].mean(axis=2)
    middles = np.argwhere(np.ones((6, 8)))[:, ::-1] + 0.25  # off the middle, where labels are
    cols, rows = axes.transData.transform(world.to_world(middles)).astype(int).T
    brightness = pixels[60 - 1 - rows, cols]
    assert (brightness[WORLD.walls.ravel()] < 110).all()
    assert (brightness[~WORLD.walls.ravel()] > 150).all()


def test_what_comes_too_close_to_a_wall_is_not_free():
    near = torch.tensor([[0.5, 1.5], [4.5, 1.9]])  # 0.1 off the wall
    axes = Figure().add_subplot()
    assert draw_collisions(axes, condition(), near, clearance=0.05) == 0
    assert draw_collisions(axes, condition(), near, clearance=0.2) == 1
    assert axes.lines[-1].get_xydata()[0, 1] > 1.8
    for clearance, title, label in (
        (0.0, "1 of 1 free", "touches a wall"),
        (0.2, "0 of 1 free", "too close to a wall"),
    ):
        figure = draw_samples(condition(), near[None], clearance=clearance)
        assert figure.axes[0].get_title(loc="left") == title
        assert label in labels(figure)
        crosses = [
            [line for line in picture.axes[0].lines if line.get_marker() == "x"]
            for picture in (figure, draw_plan(condition(), near, clearance=clearance))
        ]
        assert [len(each) for each in crosses] == [int(clearance > 0)] * 2


def test_walls_are_dark_where_they_are_and_free_cells_light():
    figure = Figure(figsize=(8, 6), dpi=10)
    axes = figure.add_axes((0, 0, 1, 1))
    draw_maze(axes, condition())
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[:, :, :3].mean(axis=2)
    brightness = pixels.reshape(6, 10, 8, 10).mean(axis=(1, 3))
    walls = condition().walls[0].numpy()
    assert (brightness[walls] < 110).all()
    assert (brightness[~walls] > 200).all()


def test_collisions_are_crossed_where_they_are():
    axes = Figure().add_subplot()
    assert draw_collisions(axes, condition(), FREE) == 0
    assert draw_collisions(axes, condition(), THROUGH) == 1
    ((x, y),) = axes.lines[-1].get_xydata()
    assert x == 0.5
    assert 2 <= y <= 3


def test_samples_are_condition_major_and_counted():
    samples = torch.stack([FREE, torch.lerp(THROUGH[:1], THROUGH[1:], torch.linspace(0, 1, 4)[:, None])])
    figure = draw_samples(condition(3), torch.cat([samples, samples.flip(0), samples[:1], samples[:1]]))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["1 of 2 free", "1 of 2 free", "2 of 2 free"]
    assert labels(figure) == ["free", "touches a wall", "start", "goal"]
    named = draw_samples(condition(2), samples, titles=["first", "second"], columns=1)
    assert [axes.get_title(loc="left") for axes in named.axes] == ["first", "second"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_samples_may_be_an_array(dtype):
    samples = np.stack([FREE.numpy(), FREE.numpy()]).astype(dtype)
    figure = draw_samples(condition(), samples, clearance=0.05)
    assert figure.axes[0].get_title(loc="left") == "2 of 2 free"
    assert np.array_equal(figure.axes[0].lines[0].get_xydata(), FREE.numpy())


def test_denoising_keeps_the_first_and_the_last_state():
    states = [torch.full((3, 2), float(step)) for step in range(21)]
    times = [1 - step / 20 for step in range(21)]
    figure = draw_denoising(condition(), states, times=times, trajectory=FREE, most=5)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0] == "step 0, t = 1.00"
    assert titles[-1] == "step 20, t = 0.00"
    assert len(titles) == 5
    assert "trajectory" in labels(figure)
    assert len(draw_denoising(condition(), states[:1]).axes) == 1


LOG = [
    {"event": "train", "step": 10, "learning_rate": 1e-3, "loss": 1.0, "error": 0.5, "grad_norm": 2.0, "seconds": 1.0},
    {"event": "train", "step": 20, "learning_rate": 5e-4, "loss": None, "error": 0.4, "seconds": 1.0},
    {
        "event": "evaluation", "step": 20, "loss": 0.9, "success": 0.5, "coarse_collision_rate": 0.1,
        "position_error": 0.1, "seconds": 1.0,
    },
]  # fmt: skip


def test_curves_show_loss_shares_errors_and_learning_rate():
    figure = draw_curves(LOG, title="a run")
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[:4] == [
        "loss and its terms (marks: held out)",
        "held out: shares",
        "held out: errors",
        "learning rate",
    ]
    shares, errors = ([line.get_label() for line in axes.lines] for axes in figure.axes[1:3])
    assert (shares, errors) == (["success", "coarse collision rate"], ["position error"])
    loss = figure.axes[0].lines[0]
    assert loss.get_xydata().tolist() == [[10.0, 1.0]]
    assert len(draw_curves(LOG[:2]).axes) == 3


def test_cases_say_so_where_there_is_nothing():
    assert draw_cases([], title="no failures").texts[0].get_text() == "no failures"
    case = Case(title="maze 3", condition=condition(), trajectory=THROUGH, keypoints=THROUGH, expert=FREE)
    figure = draw_cases([case, case])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["maze 3", "maze 3"]
    assert labels(figure) == ["expert", "trajectory", "keypoints", "start", "goal", "touches a wall"]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: draw_plan(condition(2), FREE), "condition must hold 1 maze for this picture, found 2"),
        (lambda: draw_plan(condition(), FREE[None]), r"points must have the shape \(steps, dim\)"),
        (lambda: draw_samples(condition(2), FREE[None]), "found 1"),
        (lambda: draw_samples(condition(), FREE[None], titles=["a", "b"]), "titles must be 1"),
        (lambda: draw_denoising(condition(), []), "states must hold at least one"),
        (lambda: draw_denoising(condition(), [FREE], times=[1.0, 0.0]), "times must be 1"),
        (lambda: draw_denoising(condition(), [FREE] * 3, most=1), "most must be at least 2, found 1"),
        (lambda: draw_curves([]), 'event "train"'),
        (
            lambda: draw_samples(condition(), FREE),
            r"shape \(batch, horizon, dim\) with dim >= 2, found \(4, 2\)",
        ),
        (
            lambda: draw_samples(condition(), FREE.numpy()),
            r"trajectories must have the shape .* found \(4, 2\)",
        ),
        (lambda: draw_samples(condition(), FREE[None, None]), r"found \(1, 1, 4, 2\)"),
        (lambda: draw_samples(condition(), FREE[None, :, :1]), r"found \(1, 4, 1\)"),
        (
            lambda: draw_samples(condition(), FREE[None], columns=0),
            "columns must be an integer of at least 1, found 0",
        ),
    ],
)
def test_what_does_not_fit_is_refused(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_colours_are_those_of_okabe_and_ito():
    colours = {to_hex(look["color"]).upper() for look in LINES.values()} | set(CYCLE)
    assert colours - {"#FFFFFF"} <= OKABE_ITO


def test_saving_is_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "plan.png"
    assert save_figure(draw_plan(condition(), FREE), path, dpi=30) == path
    before = path.read_bytes()
    assert imread(path).ndim == 3
    broken = draw_plan(condition(), FREE)
    broken.draw = lambda renderer: 1 / 0
    with pytest.raises(ZeroDivisionError):
        save_figure(broken, path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_the_ending_decides_the_format(tmp_path):
    figure = draw_plan(condition(), FREE)
    for name, start in (("a.png", b"\x89PNG"), ("a.PDF", b"%PDF"), ("a.b.svg", b"<?xml")):
        assert save_figure(figure, tmp_path / name, dpi=30).read_bytes().startswith(start)
    for name in ("noext", ".png", "a.part", "a."):
        with pytest.raises(ValueError, match=rf"path must end in one of .*\.png.*, found '{name}'"):
            save_figure(figure, tmp_path / "new" / name)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "draw",
    [
        lambda: draw_plan(condition(), FREE),
        lambda: draw_samples(condition(), FREE[None]),
        lambda: draw_denoising(condition(), [FREE]),
        lambda: draw_curves(LOG),
        lambda: draw_cases([]),
        lambda: draw_cases([Case(title="maze", condition=condition(), trajectory=FREE)]),
    ],
)
def test_a_notebook_shows_what_it_is_given(draw):
    figure = draw()
    dpi, (width, height) = figure.dpi, figure.get_size_inches()
    shown = imread(io.BytesIO(figure._repr_png_()), format="png")
    assert 10 < shown.shape[0] <= 100 * height + 40
    assert 100 < shown.shape[1] <= 2000
    assert shown[..., :3].std() > 0.01
    assert (figure.dpi, *figure.get_size_inches()) == (dpi, width, height)


def test_pictures_leave_global_settings_alone():
    code = (
        "import sys, matplotlib as mpl, torch\n"
        "settings = lambda: {name: mpl.rcParams[name] for name in mpl.rcParams if name != 'backend'}\n"
        "before = settings()\n"
        "from anchordiff.plots import draw_curves\n"
        "draw_curves([{'event': 'train', 'step': 1, 'learning_rate': 1.0, 'loss': 1.0, 'grad_norm': 1.0}])\n"
        "assert settings() == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
