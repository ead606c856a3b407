"""Films and strips of clips."""

import numpy as np
import pytest
from matplotlib import pyplot

from anchordiff.domains.video.films import write_film
from anchordiff.domains.video.plots import draw_strips
from anchordiff.domains.video.shapes import draw_clips


@pytest.fixture(scope="module")
def clip():
    return draw_clips(0, np.arange(1))[0][0]


def test_an_mp4_holds_the_frames(clip, tmp_path):
    av = pytest.importorskip("av")
    path = write_film(tmp_path / "films" / "clip.mp4", clip, rate=12.5)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert float(stream.average_rate) == 12.5
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(frames) == 16
    assert np.abs(np.stack(frames).astype(float) - clip).mean() < 3


def test_a_gif_holds_the_frames(clip, tmp_path):
    from PIL import Image, ImageSequence

    path = write_film(tmp_path / "clip.gif", clip, rate=10.0)
    with Image.open(path) as film:
        frames = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(film)]
        assert film.info["duration"] == 100
        assert film.info["loop"] == 0
    assert len(frames) == 16
    assert np.abs(np.stack(frames).astype(float) - clip).mean() < 3


def test_what_is_no_film_is_refused_and_leaves_nothing(clip, tmp_path):
    for path, frames, told in (
        ("clip.avi", clip, r"path must end in \.mp4 or \.gif, found clip\.avi"),
        ("clip.mp4", clip[:0], "frames must hold at least one"),
        ("clip.mp4", clip[:, :63], "frames must have even rows and columns"),
    ):
        with pytest.raises(ValueError, match=told):
            write_film(tmp_path / path, frames)
    with pytest.raises(ValueError, match="rate must be a finite number of more than 0"):
        write_film(tmp_path / "clip.gif", clip, rate=0.0)
    assert list(tmp_path.iterdir()) == []


def test_strips_show_the_frames_side_by_side(clip):
    figure = draw_strips(np.stack([clip, clip[::-1]]), titles=["there", "back"], title="both", every=5)
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["there", "back"]
    shown = figure.axes[0].get_images()[0].get_array()
    assert shown.shape == (64, 4 * 66 - 2, 3)
    assert np.array_equal(shown[:, 66:130], clip[5])
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["0", "5", "10", "15"]
    own, axes = pyplot.subplots(1, 1)
    assert draw_strips(clip[None], ax=axes) is own
    pyplot.close(own)


@pytest.mark.usefixtures("unchecked")
def test_strips_of_other_things_are_refused(clip):
    for clips, options, told in (
        (clip, {}, "clips must be a uint8 array"),
        (clip[None], {"titles": ["a", "b"]}, "titles must be 1, found 2"),
        (clip[None], {"numbers": [1, 2]}, "numbers must be 16, found 2"),
        (clip[None], {"every": 0}, "every must be an integer of at least 1"),
    ):
        with pytest.raises(ValueError, match=told):
            draw_strips(clips, **options)
