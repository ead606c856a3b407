"""`Frame.known` against twins: Gaussian conditioning by linear algebra, and loops over single numbers."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.anchors import AnchorSet, step_times
from anchordiff.masks import Ends, Random
from anchordiff.nn.frame import Frame
from anchordiff.states import StateSpace

seeds = st.integers(0, 2**31)
horizons = st.integers(2, 14)
shares = st.sampled_from([0.0, 0.1, 0.3, 0.7, 1.0])
SPACES = [
    StateSpace(positions=2, centre=(1.5, -4.0), scale=(0.5, 3.0)),
    StateSpace(positions=3, angles=(0, 2), centre=(3.0, 1.0, -2.0)),
    StateSpace(positions=2, velocities=True),
    StateSpace(positions=2, angles=(1,), velocities=True),
]
spaces = st.sampled_from(SPACES)


def entries(space: StateSpace, seed: int, horizon: int, share: float, *, batch: int = 2):
    """A trajectory, NaN where it is not known, and where it is."""
    random = torch.Generator().manual_seed(seed)
    x = space.wrap(3 * torch.randn(batch, horizon, space.dim, generator=random))
    mask = torch.rand(x.shape, generator=random) < share
    return torch.where(mask, x, torch.nan), mask


def whole(values, mask, space: StateSpace) -> Frame:
    """The frame of all steps."""
    times = step_times(*values.shape[:2], device=values.device)
    return Frame.known(values, mask, times, states=space)


def brownian(values: np.ndarray, known: np.ndarray, *, centre: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of one number, Brownian motion of variance 4 over the whole time, given what is known.

    Its increments are independent, so its precision is a path's Laplacian; conditioning takes rows and columns out.
    """
    horizon = len(values)
    if not known.any():
        return np.full(horizon, centre), np.ones(horizon)
    laplacian = np.zeros((horizon, horizon))
    for step in range(horizon - 1):
        laplacian[step : step + 2, step : step + 2] += np.array([[1.0, -1.0], [-1.0, 1.0]])
    precision = laplacian * (horizon - 1) / 4
    free = ~known
    mean, variance = values.copy(), np.zeros(horizon)
    if free.any():
        covariance = np.linalg.inv(precision[np.ix_(free, free)])
        mean[free] = -covariance @ precision[np.ix_(free, known)] @ values[known]
        variance[free] = np.diag(covariance)
    places = np.flatnonzero(known)
    outside = (np.arange(horizon) < places[0]) | (np.arange(horizon) > places[-1])
    variance[outside] = np.minimum(variance[outside], 2.0)
    return mean, variance


@given(space=spaces, seed=seeds, horizon=horizons, share=shares)
def test_positions_have_the_law_of_brownian_motion_given_what_is_known(space, seed, horizon, share):
    values, mask = entries(space, seed, horizon, share)
    frame = whole(values, mask, space)
    for element in range(2):
        for number in range(space.positions):
            own, known = values[element, :, number].double().numpy(), mask[element, :, number].numpy()
            if number in space.angles:
                own = own.copy()
                own[known] = np.unwrap(own[known])
            mean, variance = brownian(own, known, centre=space.centres(values)[number].item())
            found = frame.origin[element, :, number].double().numpy()
            if number in space.angles:
                np.testing.assert_allclose(np.exp(1j * found), np.exp(1j * mean), atol=1e-5)
            else:
                np.testing.assert_allclose(found, mean, atol=1e-5)
            spread = frame.spread[element, :, number].double().numpy()
            np.testing.assert_allclose(spread**2, variance, atol=1e-5)


def looped(values: np.ndarray, mask: np.ndarray, space: StateSpace) -> tuple[np.ndarray, np.ndarray]:
    """Origin and variance of one trajectory by the formulas of the docstring, number by number, step by step."""
    horizon, span = len(values), len(values) - 1
    origin, variance = np.zeros((horizon, space.dim)), np.ones((horizon, space.dim))
    for number in range(space.positions):
        steps = [step for step in range(horizon) if mask[step, number]]
        for j in range(horizon):
            before = max((step for step in steps if step <= j), default=None)
            after = min((step for step in steps if step >= j), default=None)
            if before is None and after is None:
                origin[j, number] = np.broadcast_to(space.centre, space.positions)[number]
            elif before is None or after is None:
                nearest = after if before is None else before
                origin[j, number] = values[nearest, number]
                variance[j, number] = min(4 * abs(j - nearest) / span, 2.0)
            elif before == after:
                origin[j, number], variance[j, number] = values[j, number], 0.0
            else:
                way = values[after, number] - values[before, number]
                if number in space.angles:
                    way = math.remainder(way, 2 * math.pi)
                origin[j, number] = values[before, number] + way * (j - before) / (after - before)
                times = (j - before) / span, (after - j) / span, (after - before) / span
                variance[j, number] = 4 * times[0] * times[1] / times[2]
    for number in range(space.positions, space.dim):
        position = number - space.positions
        for j in range(horizon):
            first = min(j, horizon - 2)
            slope = origin[first + 1, position] - origin[first, position]
            if position in space.angles:
                slope = math.remainder(slope, 2 * math.pi)
            if mask[j, number]:
                origin[j, number], variance[j, number] = values[j, number], 0.0
            else:
                origin[j, number] = slope
    return origin, variance


@given(space=spaces, seed=seeds, horizon=horizons, share=shares)
def test_a_frame_is_what_loops_over_single_numbers_make(space, seed, horizon, share):
    values, mask = entries(space, seed, horizon, share)
    frame = whole(values, mask, space)
    turns = space.is_angle(values.device).numpy()
    for element in range(2):
        origin, variance = looped(values[element].double().numpy(), mask[element].numpy(), space)
        found = frame.origin[element].double().numpy()
        np.testing.assert_allclose(found[:, ~turns], origin[:, ~turns], atol=2e-5)
        np.testing.assert_allclose(np.exp(1j * found[:, turns]), np.exp(1j * origin[:, turns]), atol=2e-5)
        np.testing.assert_allclose(frame.spread[element].double().numpy() ** 2, variance, atol=1e-5)
    expected = space.scales(horizon, values)
    assert torch.equal(frame.scale, expected)


@given(space=spaces, seed=seeds, horizon=horizons, share=shares)
def test_a_frame_at_anchors_is_that_of_all_steps_there(space, seed, horizon, share):
    values, mask = entries(space, seed, horizon, share)
    random = torch.Generator().manual_seed(seed)
    inner = int(torch.randint(0, horizon - 1, (), generator=random))
    anchors = AnchorSet.from_mask((Ends() + Random(inner)).sample(2, horizon, generator=random))
    few, every = Frame.known(values, mask, anchors.times, states=space), whole(values, mask, space)
    assert torch.equal(few.origin, anchors.gather(every.origin))
    assert torch.equal(few.spread, anchors.gather(every.spread))


@given(space=spaces, seed=seeds, horizon=horizons, share=shares)
def test_known_numbers_come_back_bit_by_bit_and_no_other_is_touched(space, seed, horizon, share):
    values, mask = entries(space, seed, horizon, share)
    frame = whole(values, mask, space)
    assert torch.equal(frame.is_known, mask)
    assert torch.equal(frame.spread == 0, mask)
    other = torch.randn(values.shape, generator=torch.Generator().manual_seed(seed + 1))
    other.flatten()[::3] = torch.nan
    pinned = frame.pin(other)
    assert torch.equal(pinned.view(torch.int32), torch.where(mask, values, other).view(torch.int32))
    # Through u and back they lose bits; `pin` gives them back.
    there = frame.pin(frame.denormalise(frame.normalise(pinned)))
    assert torch.equal(there[mask], values[mask])
    assert torch.equal(frame.pin_normalised(other).nan_to_num(7.0) == 0.0, mask)


def test_known_angles_need_not_lie_in_range_to_come_back():
    space = StateSpace(positions=1, angles=(0,))
    values = torch.tensor([[[4.0], [torch.nan], [-9.0]]])
    frame = whole(values, values.isfinite(), space)
    assert frame.pin(torch.zeros(1, 3, 1))[0, :, 0].tolist() == [4.0, 0.0, -9.0]
    assert bool(frame.normalise(values)[0, [0, 2]].abs().max() < 1e-5)


@given(seed=seeds, horizon=horizons, velocities=st.booleans(), scale=st.floats(0.1, 10.0))
def test_known_ends_are_a_bridge_at_any_anchors(seed, horizon, velocities, scale):
    space = StateSpace(positions=3, velocities=velocities, scale=scale)
    random = torch.Generator().manual_seed(seed)
    start, goal = 5 * torch.randn(2, 2, 3, generator=random)
    values = torch.full((2, horizon, space.dim), torch.nan)
    values[:, 0, :3], values[:, -1, :3] = start, goal
    inner = int(torch.randint(0, horizon - 1, (), generator=random))
    anchors = AnchorSet.from_mask((Ends() + Random(inner)).sample(2, horizon, generator=random))
    known = Frame.known(values, values.isfinite(), anchors.times, states=space)
    bridge = Frame.bridge(start, goal, anchors.times, states=space, horizon=horizon)
    for name in ("origin", "scale", "spread"):
        torch.testing.assert_close(getattr(known, name), getattr(bridge, name), atol=1e-5, rtol=1e-5)
    x = torch.randn(known.origin.shape, generator=random)
    assert torch.equal(known.pin(x), bridge.pin(x))


@given(seed=seeds, horizon=horizons)
def test_known_velocities_count_at_their_own_step_alone(seed, horizon):
    space = StateSpace(positions=2, angles=(0,), velocities=True)
    values, mask = entries(space, seed, horizon, 0.5)
    mask[..., :2] = False
    frame = whole(values, mask, space)
    moved = values + 1.0
    other = whole(moved, mask, space)
    free = ~mask
    assert torch.equal(frame.origin[free], other.origin[free])
    assert torch.equal(frame.spread, other.spread)
    assert bool((frame.spread[free] == 1).all())
    assert torch.equal(other.pin(frame.origin)[mask], moved[mask])


@given(seed=seeds, horizon=horizons)
def test_around_the_centre_is_what_nothing_known_gives(seed, horizon):
    for space in SPACES:
        values, mask = entries(space, seed, horizon, 0.0)
        times = step_times(2, horizon, device=values.device)
        around = Frame.around(space.centres(times).expand(1, 1, -1), times, states=space, horizon=horizon)
        known = Frame.known(values, mask, times, states=space)
        for name in ("origin", "scale", "spread"):
            assert torch.equal(getattr(known, name), getattr(around, name))
        assert not bool(around.is_known.any())


def test_velocities_do_not_jump_where_an_angle_closes_the_circle():
    space = StateSpace(positions=1, angles=(0,), velocities=True)
    values = torch.full((1, 5, 2), torch.nan)
    values[0, 0, 0], values[0, 4, 0] = 3.0, -3.0
    frame = whole(values, values.isfinite(), space)
    expected = torch.full((5,), (2 * math.pi - 6.0) / 4)
    torch.testing.assert_close(frame.origin[0, :, 1], expected, atol=1e-5, rtol=0)


@given(space=spaces, seed=seeds, horizon=horizons, share=shares)
def test_each_element_has_a_frame_of_its_own(space, seed, horizon, share):
    values, mask = entries(space, seed, horizon, share, batch=3)
    frame = whole(values, mask, space)
    for element in range(3):
        alone = whole(values[[element]], mask[[element]], space)
        assert torch.equal(frame.origin[[element]], alone.origin)
        assert torch.equal(frame.spread[[element]], alone.spread)


def test_samples_of_the_prior_spread_as_random_walks_do():
    # Brownian motion of 4 a unit of time, kept where it comes near 0 at the end: a bridge, drawn and not computed.
    steps = 2 * torch.randn(200_000, 8, generator=torch.Generator().manual_seed(0)) / math.sqrt(8)
    walks = torch.cat([torch.zeros(len(steps), 1), steps.cumsum(dim=1)], dim=1)
    kept = walks[walks[:, -1].abs() < 0.05]
    values = torch.full((1, 9, 1), torch.nan)
    values[0, [0, -1]] = 0.0
    spread = whole(values, values.isfinite(), StateSpace(positions=1)).spread[0, :, 0]
    assert float((kept.std(dim=0) - spread).abs().max()) < 4 / math.sqrt(2 * len(kept)) + 0.05
    assert spread.max() == pytest.approx(1.0)
