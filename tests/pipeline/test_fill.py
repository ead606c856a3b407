"""Stage 2 alone, for keypoints that are given."""

import pytest
import torch

from anchordiff import AnchorSet
from anchordiff.masks import Even
from conftest import make_condition, make_pipeline


@pytest.fixture(params=[False, True], ids=["positions", "velocities"])
def pipeline(request):
    return make_pipeline(velocities=request.param)


@pytest.mark.parametrize(
    "options", [{}, {"walk": True}, {"level": 1, "clamp": "none"}, {"clamp_dims": "all"}]
)
def test_filling_generated_keypoints_gives_what_was_generated(pipeline, options):
    condition = make_condition(3)
    made = pipeline.generate(condition, num_samples=2, generator=torch.Generator().manual_seed(0), **options)
    usual = {"clamp": pipeline.config.clamp, "clamp_dims": pipeline.config.clamp_dims}
    filled = pipeline.fill(made.keypoints, made.anchors, condition, **usual | options)
    assert torch.equal(filled.trajectory, made.trajectory)
    assert torch.equal(filled.coarse, made.coarse)
    assert not filled.trajectory.is_inference()


def test_keypoints_that_are_drawn_are_kept(pipeline):
    condition, anchors = make_condition(2), AnchorSet.from_mask(Even(5).sample(1, 40))
    dim = pipeline.keypoints.config.states.dim
    drawn = 2 + torch.rand(4, 5, dim, generator=torch.Generator().manual_seed(1))
    filled = pipeline.fill(drawn, anchors, condition)
    assert filled.trajectory.shape == (4, 40, dim)
    # The ends are those that the condition knows.
    inner = anchors.index[0, 1:-1]
    assert torch.equal(filled.trajectory[:, inner], drawn[:, 1:-1])
    assert torch.equal(filled.trajectory[:, 0, :2], condition.start.repeat_interleave(2, dim=0))
    loose = pipeline.fill(drawn, anchors, condition, clamp="endpoints")
    assert not torch.equal(loose.trajectory[:, inner], drawn[:, 1:-1])


def test_the_stages_keep_their_modes():
    pipeline, condition = make_pipeline(), make_condition(1)
    pipeline.denoiser.train()
    anchors = AnchorSet.from_mask(Even(6).sample(1, 32))
    pipeline.fill(torch.ones(1, 6, 2), anchors, condition)
    assert pipeline.denoiser.training
    assert not pipeline.keypoints.training


@pytest.mark.parametrize(
    ("keypoints", "anchors", "told"),
    [
        (
            torch.ones(3, 6, 2),
            Even(6),
            r"keypoints must have the shape \(a multiple of 2 conditions, 6 anchors, 2",
        ),
        (torch.ones(0, 6, 2), Even(6), "keypoints must have the shape"),
        (torch.ones(2, 5, 2), Even(6), r"6 anchors, 2 numbers of a state\), found \(2, 5, 2\)"),
        (torch.ones(2, 6, 4), Even(6), r"found \(2, 6, 4\)"),
        (
            torch.full((2, 6, 2), torch.nan),
            Even(6),
            r"keypoints must be finite, found NaN or infinity at \[0, 0, 0\]",
        ),
        (torch.ones(2, 6, 2, dtype=torch.int64), Even(6), "keypoints must be a floating-point tensor"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused(keypoints, anchors, told):
    pipeline, condition = make_pipeline(), make_condition(2)
    with pytest.raises(ValueError, match=told):
        pipeline.fill(keypoints, AnchorSet.from_mask(anchors.sample(1, 32)), condition)


@pytest.mark.usefixtures("unchecked")
def test_options_are_checked_as_those_of_generate():
    pipeline, condition = make_pipeline(), make_condition(1)
    anchors = AnchorSet.from_mask(Even(6).sample(1, 32))
    for options, told in (({"level": 9}, "level must"), ({"clamp": "some"}, "clamp must")):
        with pytest.raises(ValueError, match=told):
            pipeline.fill(torch.ones(1, 6, 2), anchors, condition, **options)
    with pytest.raises(ValueError, match="anchors must be"):
        pipeline.fill(torch.ones(1, 6, 2), 6, condition)
