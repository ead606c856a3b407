"""The steps of a sample on its way, and their pictures."""

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from anchordiff.domains.maze.plots import draw_step
from anchordiff.domains.steps import chunks_of, steps_of
from anchordiff.pipeline import TwoStagePipeline
from anchordiff.plots import film


@pytest.fixture(scope="module")
def condition(mazes):
    return mazes(1, 9, 11)


@pytest.fixture(scope="module")
def tiny_pipeline(tiny_keypoints, tiny_denoiser):
    return TwoStagePipeline(tiny_keypoints(), tiny_denoiser())


@pytest.fixture(scope="module")
def generation(condition, tiny_pipeline):
    generator = torch.Generator().manual_seed(0)
    return tiny_pipeline.generate(condition, num_samples=2, steps=5, generator=generator, return_trace=True)


@pytest.mark.parametrize(
    ("stride", "numbers"), [(1, [0, 1, 2, 3, 4]), (2, [0, 2, 4]), (3, [0, 3, 4]), (9, [0, 4])]
)
def test_every_so_manyth_step_and_the_last(generation, stride, numbers):
    steps = steps_of(generation, 1, stride=stride)
    assert [step.number for step in steps] == numbers
    for step in steps:
        assert torch.equal(step.keypoints, generation.trace.keypoints[1, step.number])
        assert torch.equal(step.noised, generation.trace.noised[1, step.number])
        assert torch.equal(step.coarse, generation.trace.coarse[1, step.number])
        assert step.trajectory is None
    assert steps[0].title == "sampler step 1 of 5, t = 1.00"


def test_stage_2_comes_last(generation):
    *_, last = steps_of(generation, 0, stage2=True)
    assert (last.number, last.title, last.noised) == (5, "stage 2", None)
    assert torch.equal(last.trajectory, generation.trajectory[0])
    assert torch.equal(last.coarse, generation.coarse[0])


@pytest.mark.parametrize(
    ("chunk", "stride", "made"), [(5, 1, [5, 10, 15, 16]), (4, 2, [4, 12, 16]), (16, 1, [16]), (99, 1, [16])]
)
def test_chunks_are_what_a_stream_has_given_so_far(generation, condition, chunk, stride, made):
    steps = chunks_of(generation, 1, chunk=chunk, stride=stride)
    assert [step.made for step in steps] == made
    for step in steps:
        assert torch.equal(step.way, generation.trajectory[1, : step.made])
        lines = {line.get_label(): line for line in draw_step(condition, step).axes[0].lines}
        assert len(lines["trajectory"].get_xdata()) == step.made
    with pytest.raises(ValueError, match="chunk must be an integer of at least 1"):
        chunks_of(generation, 0, chunk=0)


@pytest.mark.usefixtures("unchecked")
def test_what_there_is_not_is_refused(generation, condition, tiny_pipeline):
    with pytest.raises(
        ValueError, match="sample must be at most the last sample of the generation = 1, found 2"
    ):
        steps_of(generation, 2)
    with pytest.raises(ValueError, match="stride must be an integer of at least 1, found 0"):
        steps_of(generation, 0, stride=0)
    with pytest.raises(ValueError, match="generation must hold a trace, as return_trace=True makes one"):
        steps_of(tiny_pipeline.generate(condition), 0)


def test_all_steps_are_drawn_at_one_size_and_make_a_film(generation, condition):
    steps = steps_of(generation, 0, stage2=True)
    figures = [draw_step(condition, step) for step in steps]
    made = film(figures, fps=4.0)
    assert made.fps == 4.0
    assert made.frames.shape[0] == 6
    assert made.frames.shape[1] % 2 == made.frames.shape[2] % 2 == 0
    # Each frame shows what its figure shows, and no two are alike.
    assert len({frame.tobytes() for frame in made.frames}) == 6
    labels = [[line.get_label() for line in figure.axes[0].lines] for figure in figures]
    assert "sampler's state" in labels[0]
    assert "trajectory" in labels[-1]
    assert "sampler's state" not in labels[-1]


def test_films_of_what_cannot_be_one_are_refused(generation, condition):
    with pytest.raises(ValueError, match="figures must hold at least one figure, found none"):
        film([])
    with pytest.raises(
        ValueError, match=r"figures must be of one size, found \[\(100, 100\), \(100, 200\)\]"
    ):
        film([Figure(figsize=(1, 1)), Figure(figsize=(2, 1))])
    with pytest.raises(ValueError, match="fps must be a finite number of more than 0"):
        film([Figure(figsize=(1, 1))], fps=0.0)


def test_a_film_has_the_colours_of_its_figures():
    figure = Figure(figsize=(0.5, 0.5), facecolor="#204060")
    frames = film([figure], dpi=50).frames
    assert frames.shape == (1, 24, 24, 3)
    assert np.unique(frames.reshape(-1, 3), axis=0).tolist() == [[0x20, 0x40, 0x60]]
