"""The frame around what is known of a trajectory: there and back, where it is widest, and what it pins."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.anchors import AnchorSet
from anchordiff.interpolation import with_velocity
from anchordiff.masks import Ends, Random
from anchordiff.nn.frame import Frame
from anchordiff.states import StateSpace

seeds = st.integers(0, 2**31)
spaces = st.sampled_from(
    [
        StateSpace(scale=1.5),
        StateSpace(velocities=True),
        StateSpace(positions=3, centre=(1.0, -2.0, 0.5), scale=(0.5, 1.0, 4.0)),
        StateSpace(positions=2, angles=(1,), velocities=True),
        StateSpace(positions=1, angles=(0,)),
    ]
)


def make(seed: int, steps: int, *, velocities: bool, scale: float = 2.0):
    random = torch.Generator().manual_seed(seed)
    start, goal = 20 * torch.rand(2, 3, 2, generator=random)
    times = torch.linspace(0, 1, steps).expand(3, -1)
    states = StateSpace(velocities=velocities, scale=scale)
    frame = Frame.bridge(start, goal, times, states=states, horizon=steps)
    return frame, start, goal, 5 * torch.randn(3, steps, states.dim, generator=random)


@given(seed=seeds, steps=st.integers(2, 9), velocities=st.booleans(), scale=st.floats(0.1, 10))
def test_normalising_and_back_is_the_identity(seed, steps, velocities, scale):
    frame, _, _, x = make(seed, steps, velocities=velocities, scale=scale)
    torch.testing.assert_close(frame.denormalise(frame.normalise(x)), x, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(frame.normalise(frame.denormalise(x)), x, atol=1e-3, rtol=1e-3)


@given(seed=seeds, steps=st.integers(2, 9), velocities=st.booleans())
def test_the_straight_line_is_zero(seed, steps, velocities):
    frame, start, goal, _ = make(seed, steps, velocities=velocities)
    line = start[:, None] + torch.linspace(0, 1, steps)[:, None] * (goal - start)[:, None]
    states = with_velocity(line) if velocities else line
    if velocities:
        states[:, -1, 2:] = states[:, 0, 2:]  # the last step has no next one
    assert float(frame.normalise(states).abs().max()) < 1e-4


def test_one_unit_is_the_scale_and_the_bridge_is_widest_half_way():
    frame, _, _, x = make(0, 5, velocities=True, scale=3.0)
    moved = x.clone()
    moved[..., :2] += 3.0
    torch.testing.assert_close(frame.normalise(moved)[..., :2], frame.normalise(x)[..., :2] + 1)
    expected = torch.tensor([0.0, 3**0.5 / 2, 1.0, 3**0.5 / 2, 0.0])
    torch.testing.assert_close(frame.spread[0, :, 0], expected)
    assert bool((frame.spread[..., 2:] == 1).all())


@given(seed=seeds, steps=st.integers(2, 9), velocities=st.booleans())
def test_a_bridge_pins_the_positions_of_both_ends_bit_by_bit_and_nothing_else(seed, steps, velocities):
    frame, start, goal, x = make(seed, steps, velocities=velocities)
    pinned = frame.pin(x)
    assert torch.equal(pinned[:, 0, :2], start)
    assert torch.equal(pinned[:, -1, :2], goal)
    assert torch.equal(pinned[:, 1:-1], x[:, 1:-1])
    assert torch.equal(pinned[..., 2:], x[..., 2:])
    assert torch.equal(frame.pin_normalised(x) == 0, frame.is_known)


def known_parts(space: StateSpace, seed: int, horizon: int, share: float):
    """A trajectory, which of its numbers are known, and a few of its steps."""
    random = torch.Generator().manual_seed(seed)
    x = space.wrap(3 * torch.randn(2, horizon, space.dim, generator=random))
    mask = torch.rand(x.shape, generator=random) < share
    inner = int(torch.randint(0, horizon - 1, (), generator=random))
    anchors = AnchorSet.from_mask((Ends() + Random(inner)).sample(2, horizon, generator=random))
    return x, mask, anchors


@given(space=spaces, seed=seeds, horizon=st.integers(2, 9), share=st.sampled_from([0.0, 0.2, 0.7, 1.0]))
def test_what_is_known_has_no_spread_and_is_pinned_bit_by_bit(space, seed, horizon, share):
    x, mask, anchors = known_parts(space, seed, horizon, share)
    hidden = torch.where(mask, x, torch.nan)
    frame = Frame.known(hidden, mask, anchors.times, states=space)
    given, here = anchors.gather(mask), anchors.gather(x)
    assert torch.equal(frame.is_known, given)
    assert bool((frame.spread.isfinite() & frame.origin.isfinite()).all())
    other = torch.randn(here.shape, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(frame.pin(other), torch.where(given, here, other))
    at_zero = frame.normalise(frame.pin(other))[given]
    torch.testing.assert_close(at_zero, torch.zeros_like(at_zero), atol=1e-5, rtol=0)


@given(space=spaces, seed=seeds, horizon=st.integers(2, 9), share=st.sampled_from([0.0, 0.2, 0.7]))
def test_any_frame_goes_there_and_back(space, seed, horizon, share):
    x, mask, anchors = known_parts(space, seed, horizon, share)
    frame = Frame.known(x, mask, anchors.times, states=space)
    here = anchors.gather(x)
    there = space.difference(frame.denormalise(frame.normalise(here)), here)
    torch.testing.assert_close(there, torch.zeros_like(there), atol=1e-4, rtol=0)


@pytest.mark.parametrize("velocities", [False, True])
def test_known_ends_are_a_bridge(velocities):
    space, times = StateSpace(velocities=velocities), torch.linspace(0, 1, 7).expand(3, -1)
    bridge, start, goal, _ = make(0, 7, velocities=velocities)
    values, mask = torch.zeros(3, 7, space.dim), torch.zeros(3, 7, space.dim, dtype=torch.bool)
    values[:, 0, :2], values[:, -1, :2] = start, goal
    mask[:, [0, -1], :2] = True
    known = Frame.known(values, mask, times, states=space)
    for name in ("origin", "scale", "spread"):
        torch.testing.assert_close(getattr(known, name), getattr(bridge, name))
    assert torch.equal(known.is_known, bridge.is_known)


def test_beyond_the_last_known_step_the_spread_grows_to_that_of_two_independent_states():
    space = StateSpace(positions=2, centre=(7.0, 8.0))
    values, mask = torch.full((1, 11, 2), 5.0), torch.zeros(1, 11, 2, dtype=torch.bool)
    mask[0, 2, 0] = mask[0, 4, 0] = True
    frame = Frame.known(values, mask, torch.linspace(0, 1, 11)[None], states=space)
    variance = frame.spread[0, :, 0].square()
    expected = [0.8, 0.4, 0.0, 0.2, 0.0, 0.4, 0.8, 1.2, 1.6, 2.0, 2.0]
    torch.testing.assert_close(variance, torch.tensor(expected))
    assert frame.origin[0, :, 0].tolist() == [5.0] * 11
    # Of the other number nothing is known.
    assert frame.spread[0, :, 1].tolist() == [1.0] * 11
    assert frame.origin[0, :, 1].tolist() == [8.0] * 11


def test_between_known_angles_the_origin_goes_the_shorter_way_round():
    space = StateSpace(positions=1, angles=(0,))
    values, mask = torch.tensor([[[3.0], [0.0], [-3.0]]]), torch.tensor([[[True], [False], [True]]])
    frame = Frame.known(values, mask, torch.tensor([[0.0, 0.5, 1.0]]), states=space)
    assert float(frame.origin[0, 1, 0].abs()) == pytest.approx(torch.pi, abs=1e-5)
    assert torch.equal(frame.pin(torch.zeros(1, 3, 1)), values)


def test_around_a_centre_nothing_is_known():
    space = StateSpace(positions=2, velocities=True)
    frame = Frame.around(torch.tensor([[[1.0, 2.0, 0.0, 0.0]]]), torch.rand(3, 5), states=space, horizon=5)
    x = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0))
    assert not bool(frame.is_known.any())
    assert torch.equal(frame.pin(x), x)
    assert frame.normalise(torch.tensor([1.0, 2.0, 0.0, 0.0]).expand(3, 5, 4)).abs().max() == 0
    assert torch.equal(frame.scale, space.scales(5, x))
