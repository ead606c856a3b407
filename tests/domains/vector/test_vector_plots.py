"""Pictures of trajectories of numbers: a panel each, and lines that are what was given."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from anchordiff.domains.vector.plots import draw_beside, draw_dimensions
from anchordiff.plots import save_figure
from anchordiff.plots.style import BLUE, GREEN, ORANGE


def samples(count: int = 3, *, dim: int = 2) -> torch.Tensor:
    return torch.randn(count, 8, dim, generator=torch.Generator().manual_seed(0))


def lines(figure: Figure, panel: int, colour: str) -> list:
    return [line for line in figure.axes[panel].lines if line.get_color() == colour]


def test_each_number_has_a_panel_with_every_sample():
    x = samples(4, dim=5)
    figure = draw_dimensions(x, columns=2, title="all of it")
    assert len(figure.axes) == 5
    assert figure.get_suptitle() == "all of it"
    for number, axis in enumerate(figure.axes):
        assert axis.get_title(loc="left") == f"number {number}"
        drawn = lines(figure, number, BLUE)
        assert len(drawn) == 4
        for line, sample in zip(drawn, x, strict=True):
            np.testing.assert_array_equal(line.get_ydata(), sample[:, number].numpy())
            np.testing.assert_array_equal(line.get_xdata(), np.arange(8))


def test_data_lie_behind_and_the_chosen_sample_in_front_with_its_keypoints():
    x = samples()
    keypoints = x[1, [0, 3, 7]]
    figure = draw_dimensions(
        x, data=x[:2].numpy() + 1, keypoints=keypoints, anchors=[0, 3, 7], chosen=1, names=["a", "b"]
    )
    for number, name in enumerate("ab"):
        assert figure.axes[number].get_title(loc="left") == name
        drawn = lines(figure, number, BLUE)
        strong = [line for line in drawn if line.get_alpha() == 1.0]
        assert len(strong) == 1
        np.testing.assert_array_equal(strong[0].get_ydata(), x[1, :, number].numpy())
        behind = lines(figure, number, GREEN)
        assert len(behind) == 2
        assert max(line.get_zorder() for line in behind) < min(line.get_zorder() for line in drawn)
        (points,) = lines(figure, number, ORANGE)
        np.testing.assert_array_equal(points.get_xdata(), [0, 3, 7])
        np.testing.assert_array_equal(points.get_ydata(), keypoints[:, number].numpy())
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["samples", "data", "keypoints"]


def test_of_many_numbers_the_first_are_drawn(tmp_path):
    figure = draw_dimensions(samples(dim=30).double().numpy(), most=6)
    assert len(figure.axes) == 6
    save_figure(figure, tmp_path / "picture.png", dpi=40)
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused():
    x = samples()
    for call, message in (
        (
            lambda: draw_dimensions(x[0]),
            r"samples must have the shape \(batch, horizon, dim\), found \(8, 2\)",
        ),
        (
            lambda: draw_dimensions(x[:0]),
            r"samples must have the shape \(batch, horizon, dim\), found \(0, 8, 2\)",
        ),
        (
            lambda: draw_dimensions(x, data=samples(dim=3)),
            r"data must have the horizon and dim \(8, 2\) of samples, found \(8, 3\)",
        ),
        (lambda: draw_dimensions(x, names=["a"]), "names must be 2, one for each number, found 1"),
        (
            lambda: draw_dimensions(x, keypoints=x[0]),
            "keypoints and anchors must be given together, found one of them",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_sets_lie_one_below_another_on_one_scale_a_column():
    x = {"data": samples(3).numpy(), "the pipeline, 2 samples": 5 * samples(2), "another": samples(1)}
    figure = draw_beside(x, names=["a", "b"], title="beside")
    assert len(figure.axes) == 6
    assert [axis.get_title(loc="left") for axis in figure.axes[:2]] == ["a", "b"]
    for row, (name, values) in enumerate(x.items()):
        assert figure.axes[2 * row].get_ylabel().replace("\n", " ") == name
        for number in range(2):
            axis = figure.axes[2 * row + number]
            assert axis.get_ylim() == figure.axes[number].get_ylim()
            for line, sample in zip(axis.lines, values, strict=True):
                np.testing.assert_array_equal(line.get_ydata(), np.asarray(sample)[:, number])
    colours = {figure.axes[2 * row].lines[0].get_color() for row in range(3)}
    assert len(colours) == 3
    assert len(draw_beside({"many": samples(dim=20)}).axes) == 8


@pytest.mark.usefixtures("unchecked")
def test_sets_that_do_not_fit_each_other_are_refused():
    for call, message in (
        (lambda: draw_beside({}), "trajectories must hold at least one set, found none"),
        (
            lambda: draw_beside({"a": samples(), "b": samples(dim=3)}),
            r"trajectories must have one horizon and dim, found {'a': \(8, 2\), 'b': \(8, 3\)}",
        ),
        (lambda: draw_beside({"a": samples()}, names=["a"]), "names must be 2, one for each number, found 1"),
        (lambda: draw_beside({"a": samples()[0]}), r"a must have the shape \(batch, horizon, dim\), found"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
