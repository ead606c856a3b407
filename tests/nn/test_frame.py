"""The frame between start and goal."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.interpolation import with_velocity
from anchordiff.nn.frame import LineFrame

seeds = st.integers(0, 2**31)


def make(seed: int, steps: int, dim: int, *, scale: float = 2.0):
    random = torch.Generator().manual_seed(seed)
    start, goal = 20 * torch.rand(2, 3, 2, generator=random)
    times = torch.linspace(0, 1, steps).expand(3, -1)
    frame = LineFrame.between(start, goal, times, horizon=steps, dim=dim, scale=scale)
    return frame, start, goal, 5 * torch.randn(3, steps, dim, generator=random)


@given(seed=seeds, steps=st.integers(2, 9), dim=st.sampled_from([2, 4]), scale=st.floats(0.1, 10))
def test_normalising_and_back_is_the_identity(seed, steps, dim, scale):
    frame, _, _, x = make(seed, steps, dim, scale=scale)
    torch.testing.assert_close(frame.denormalise(frame.normalise(x)), x, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(frame.normalise(frame.denormalise(x)), x, atol=1e-3, rtol=1e-3)


@given(seed=seeds, steps=st.integers(2, 9), dim=st.sampled_from([2, 4]))
def test_the_straight_line_is_zero(seed, steps, dim):
    frame, start, goal, _ = make(seed, steps, dim)
    line = start[:, None] + torch.linspace(0, 1, steps)[:, None] * (goal - start)[:, None]
    states = with_velocity(line) if dim == 4 else line
    if dim == 4:
        states[:, -1, 2:] = states[:, 0, 2:]  # the last step has no next one
    assert float(frame.normalise(states).abs().max()) < 1e-4


def test_one_unit_is_scale_cells_and_the_bridge_is_widest_half_way():
    frame, _, _, x = make(0, 5, 4, scale=3.0)
    moved = x.clone()
    moved[..., :2] += 3.0
    torch.testing.assert_close(frame.normalise(moved)[..., :2], frame.normalise(x)[..., :2] + 1)
    expected = torch.tensor([0.0, 3**0.5 / 2, 1.0, 3**0.5 / 2, 0.0])
    torch.testing.assert_close(frame.spread[0, :, 0], expected)
    assert bool((frame.spread[..., 2:] == 1).all())
