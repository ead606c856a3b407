"""Strips: every frame at its place, untouched, with its number above it."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from anchordiff.domains.video.plots import draw_strip
from anchordiff.plots import save_figure

CLIPS = np.random.default_rng(0).integers(0, 256, (3, 10, 12, 16, 3), np.uint8)


def numbers(axis) -> list[str]:
    return [label.get_text() for label in axis.get_xticklabels()]


@pytest.mark.parametrize("every", [1, 3])
def test_frames_lie_side_by_side(every, tmp_path):
    figure = draw_strip(CLIPS, titles=["a", "b", "c"], title="clips", every=every)
    shown = CLIPS[:, ::every]
    assert len(figure.axes) == 3
    assert figure.get_suptitle() == "clips"
    for axis, clip, title in zip(figure.axes, shown, "abc", strict=True):
        assert axis.get_title(loc="left") == title
        (image,) = axis.get_images()
        strip = image.get_array()
        middles = axis.get_xticks()
        assert len(middles) == len(clip)
        for frame, middle in zip(clip, middles, strict=True):
            first = round(middle - (16 - 1) / 2)
            np.testing.assert_array_equal(strip[:, first : first + 16], frame)
    assert numbers(figure.axes[0]) == [str(number) for number in range(0, 10, every)]
    assert not any(numbers(figure.axes[2]))
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    label = figure.axes[0].xaxis.get_ticklabels()[0].get_window_extent()
    assert label.y0 >= figure.axes[0].get_window_extent().y1 - 1
    save_figure(figure, tmp_path / "samples.png", dpi=40)
    assert (tmp_path / "samples.png").read_bytes().startswith(b"\x89PNG")


def test_numbers_may_be_given():
    figure = draw_strip(CLIPS[:1, :4], numbers=[0, 5, 9, 15], every=2)
    assert numbers(figure.axes[0]) == ["0", "9"]
    assert figure.axes[0].get_title(loc="left") == ""


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused():
    for call, message in (
        (
            lambda: draw_strip(CLIPS[0]),
            r"clips must be a uint8 array \(clips, frames, rows, cols, 3\), found",
        ),
        (lambda: draw_strip(CLIPS / 255), "clips must be a uint8 array .*, found float64"),
        (lambda: draw_strip(CLIPS[:0]), r"clips must hold at least one frame .*, found \(0, 10, 12, 16, 3\)"),
        (lambda: draw_strip(CLIPS, titles=["a"]), "titles must be 3, one for each clip, found 1"),
        (lambda: draw_strip(CLIPS, numbers=[1]), "numbers must be 10, one for each frame, found 1"),
        (lambda: draw_strip(CLIPS, every=0), "every must be an integer of at least 1, found 0"),
    ):
        with pytest.raises(ValueError, match=message):
            call()
