import torch
from torch.testing import assert_close


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
