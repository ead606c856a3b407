import torch
from torch.testing import assert_close

from anchordiff.anchors import AnchorSet
from anchordiff.interpolation import interpolate
from anchordiff.masks import Even
from anchordiff.pipeline.refine import refine


class Oracle:
    """A stage 2 that knows the trajectory, and writes down how it is called."""

    def __init__(self, config, x_0):
        self.config = config
        self.x_0 = x_0
        self.calls = []

    def __call__(self, x_s, level, anchors, encoding):
        self.calls.append((level.tolist(), anchors.num_anchors, x_s))
        return self.x_0


def walk(pipe, level=3):
    x_0 = torch.randn(2, 32, 2, generator=torch.Generator().manual_seed(0)).cumsum(1)
    anchors = AnchorSet.from_mask(Even(4).sample(2, 32))
    oracle = Oracle(pipe.denoiser.config, x_0)
    coarse = interpolate(anchors.gather(x_0), anchors)
    return x_0, oracle, refine(oracle, coarse, anchors, None, level=level, walk=True)


def test_an_exact_denoiser_is_followed_down_every_level(pipe, unchecked):
    x_0, oracle, out = walk(pipe)
    assert_close(out, x_0, rtol=0, atol=1e-5)
    assert [(levels, count) for levels, count, _ in oracle.calls] == [([3, 3], 4), ([2, 2], 8), ([1, 1], 16)]
    for _, count, x_s in oracle.calls:
        exact = ((x_s - x_0).abs().amax(2) < 1e-5).sum(1)
        assert (exact >= count).all()


def test_the_walk_starts_where_it_is_told(pipe, unchecked):
    _, oracle, _ = walk(pipe, level=1)
    assert [levels for levels, *_ in oracle.calls] == [[1, 1]]


def test_the_walk_keeps_its_anchors(pipe, condition):
    out = pipe.generate(condition, walk=True, clamp="none", generator=torch.Generator().manual_seed(0))
    assert_close(out.anchors.gather(out.trajectory), out.keypoints, rtol=0, atol=1e-5)
    once = pipe.generate(condition, clamp="none", generator=torch.Generator().manual_seed(0))
    assert not torch.allclose(out.trajectory, once.trajectory)


def test_the_walk_does_not_depend_on_the_split(pipe, condition):
    a, b = (
        pipe.generate(
            condition, num_samples=2, walk=True, batch_size=n, generator=torch.Generator().manual_seed(0)
        )
        for n in (None, 1)
    )
    assert_close(a.trajectory, b.trajectory, rtol=0, atol=1e-4)
