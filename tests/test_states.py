"""States: laws of filling in, resampling, differences and angles; the normaliser; what is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.anchors import AnchorSet
from anchordiff.interpolation import interpolate, with_velocity
from anchordiff.masks import Ends, Random
from anchordiff.states import StateSpace

seeds = st.integers(0, 2**31)
spaces = st.sampled_from(
    [
        StateSpace(),
        StateSpace(velocities=True),
        StateSpace(positions=7),
        StateSpace(positions=1, velocities=True),
        StateSpace(positions=3, angles=(0, 2)),
        StateSpace(positions=3, angles=(1,), velocities=True),
    ]
)


def anchors_of(seed: int, horizon: int, *, batch: int = 2) -> AnchorSet:
    random = torch.Generator().manual_seed(seed)
    inner = int(torch.randint(0, horizon - 1, (), generator=random))
    return AnchorSet.from_mask((Ends() + Random(inner)).sample(batch, horizon, generator=random))


def states_of(space: StateSpace, seed: int, steps: int, *, batch: int = 2) -> torch.Tensor:
    """Random states; angles in their range."""
    x = 4 * torch.randn(batch, steps, space.dim, generator=torch.Generator().manual_seed(seed))
    return space.wrap(x)


@given(space=spaces, seed=seeds, horizon=st.integers(2, 20))
def test_positions_are_kept_at_anchors_and_velocities_lead_from_step_to_step(space, seed, horizon):
    anchors, count = anchors_of(seed, horizon), space.positions
    keypoints = states_of(space, seed, anchors.num_keypoints)
    x = space.fill_in(keypoints, anchors)
    assert x.shape == (2, horizon, space.dim)
    assert torch.equal(anchors.gather(x)[..., :count], keypoints[..., :count])
    if space.velocities:
        ahead = space.wrap(x[:, :-1, :count] + x[:, :-1, count:])
        ways = StateSpace(positions=count, angles=space.angles).difference(ahead, x[:, 1:, :count])
        torch.testing.assert_close(ways, torch.zeros_like(ways), atol=1e-4, rtol=0)
        assert torch.equal(x[:, -1, count:], x[:, -2, count:])


@given(seed=seeds, horizon=st.integers(2, 20), velocities=st.booleans())
def test_numbers_that_do_not_wrap_are_interpolated_linearly(seed, horizon, velocities):
    space, anchors = StateSpace(positions=3, velocities=velocities), anchors_of(seed, horizon)
    keypoints = states_of(space, seed, anchors.num_keypoints)
    expected = interpolate(keypoints[..., :3], anchors)
    expected = with_velocity(expected) if velocities else expected
    assert torch.equal(space.fill_in(keypoints, anchors), expected)


def test_angles_go_the_shorter_way_round():
    space = StateSpace(positions=2, angles=(1,), velocities=True)
    keypoints = torch.tensor([[[3.0, 3.0, 0.0, 0.0], [-3.0, -3.0, 0.0, 0.0]]])
    x = space.fill_in(keypoints, AnchorSet(torch.tensor([[0, 2]]), horizon=3))
    assert x[0, :, 0].tolist() == [3.0, 0.0, -3.0]
    assert abs(float(x[0, 1, 1])) == pytest.approx(math.pi, abs=1e-5)
    torch.testing.assert_close(x[0, :, 3], torch.full((3,), math.pi - 3.0), atol=1e-5, rtol=0)


@given(space=spaces, seed=seeds, steps=st.integers(2, 9), turns=st.integers(-3, 3))
def test_differences_do_not_see_whole_turns(space, seed, steps, turns):
    a, b = states_of(space, seed, steps), states_of(space, seed + 1, steps)
    turned = a + 2 * math.pi * turns * space.is_angle(a.device)
    found = space.difference(turned, b)
    torch.testing.assert_close(space.wrap(b + found), space.wrap(a), atol=1e-4, rtol=1e-5)
    angles = found[..., space.is_angle(a.device)]
    assert bool((angles.abs() <= math.pi + 1e-4).all())
    plain = ~space.is_angle(a.device)
    assert torch.equal(found[..., plain], (a - b)[..., plain])


@given(space=spaces, seed=seeds, steps=st.integers(1, 9))
def test_wrapping_is_idempotent_and_leaves_alone_what_is_in_range(space, seed, steps):
    x = states_of(space, seed, steps)
    angles = x[..., space.is_angle(x.device)]
    assert bool(((angles >= -math.pi) & (angles < math.pi)).all())
    assert torch.equal(space.wrap(x), x)
    unwrapped = space.unwrap(x)
    torch.testing.assert_close(space.difference(unwrapped, x), torch.zeros_like(x), atol=1e-4, rtol=0)
    ways = unwrapped.diff(dim=1)[..., space.is_angle(x.device)]
    assert bool((ways.abs() <= math.pi + 1e-4).all())


@pytest.mark.parametrize("horizon", [2, 9, 16, 31])
def test_resampling_lies_on_the_way_at_equal_times(horizon):
    way = states_of(StateSpace(), 0, 16, batch=3).cumsum(dim=1)
    found = StateSpace().resample(way, horizon)
    for element in range(len(way)):
        for axis in range(2):
            expected = np.interp(
                np.linspace(0, 1, horizon), np.linspace(0, 1, 16), way[element, :, axis].double().numpy()
            )
            np.testing.assert_allclose(found[element, :, axis].numpy(), expected, atol=1e-4)


def test_resampled_velocities_are_those_of_the_resampled_positions():
    space = StateSpace(velocities=True)
    found = space.resample(states_of(space, 0, 16, batch=3), 31)
    torch.testing.assert_close(found[:, :-1, 2:], found[..., :2].diff(dim=1))


def test_resampled_angles_go_the_shorter_way_round():
    space = StateSpace(positions=1, angles=(0,))
    found = space.resample(torch.tensor([[[3.0], [-3.0], [-2.0]]]), 5)[0, :, 0]
    between = 3.0 + (math.pi - 3.0)
    assert abs(float(found[1])) == pytest.approx(between, abs=1e-5)
    torch.testing.assert_close(found[[0, 2, 3, 4]], torch.tensor([3.0, -3.0, -2.5, -2.0]), atol=1e-5, rtol=0)


def test_scales_and_units_of_positions_and_velocities():
    like = torch.zeros(1, dtype=torch.float64)
    space = StateSpace(velocities=True, scale=(1.0, 3.0), centre=(5.0, 6.0), unit=(0.5, 2.0))
    assert space.scales(9, like).tolist() == [1.0, 3.0, 1.0, 3.0]  # velocities: 8 scales in horizon - 1 steps
    assert space.scales(17, like).tolist() == [1.0, 3.0, 0.5, 1.5]
    assert space.centres(like).tolist() == [5.0, 6.0, 0.0, 0.0]
    assert space.units(like).tolist() == [0.5, 2.0, 0.5, 2.0]
    assert space.scales(9, like).dtype == torch.float64
    one = StateSpace(scale=2.5, centre=-1.0)
    assert one.scales(9, like).tolist() == [2.5, 2.5]
    assert one.centres(like).tolist() == [-1.0, -1.0]


def test_what_a_plan_has_made_of_a_config_can_be_trained_with():
    space = StateSpace(positions=5, angles=(1,), scale=1.25)
    with torch.inference_mode():
        kept = [
            space.scales(8, torch.zeros(())),
            space.centres(torch.zeros(())),
            space.units(torch.zeros(())),
        ]
        kept.append(space.is_angle(torch.device("cpu")))
    assert not any(value.is_inference() for value in kept)


@pytest.mark.parametrize("method", ["deviation", "range", "quantiles"])
def test_a_fitted_space_centres_and_scales_each_number(method):
    random = np.random.default_rng(0)
    rows = random.normal((3.0, -2.0, 0.5), (0.5, 4.0, 0.0), (5000, 3))
    fitted = StateSpace(positions=3).fit(rows, method=method)
    normal = (rows - fitted.centre) / fitted.scale
    if method == "deviation":
        np.testing.assert_allclose(normal[:, :2].mean(axis=0), 0.0, atol=1e-9)
        np.testing.assert_allclose(normal[:, :2].std(axis=0), 1.0)
    else:
        ends = (0.0, 1.0) if method == "range" else (0.01, 0.99)
        np.testing.assert_allclose(np.quantile(normal[:, :2], ends, axis=0), [[-1.0] * 2, [1.0] * 2])
    assert fitted.scale[2] == 1.0  # it does not vary
    assert fitted.unit == fitted.scale
    assert replace(fitted, scale=2.0, unit=1.0, centre=0.0) == StateSpace(positions=3)


def test_angles_are_fitted_around_their_mean_direction():
    angles = np.array([[math.pi - 0.1], [-math.pi + 0.1], [math.pi - 0.3], [-math.pi + 0.3]])
    fitted = StateSpace(positions=1, angles=(0,)).fit(angles)
    assert abs(fitted.centre[0]) == pytest.approx(math.pi)
    assert fitted.scale[0] == pytest.approx(math.sqrt(0.05))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"positions": 0}, "positions must be an integer of at least 1, found 0"),
        ({"pace": 0}, "pace must be an integer of at least 1, found 0"),
        ({"angles": (2,)}, r"angles must be different, in 0 \.\.\. 1, found \(2,\)"),
        ({"angles": (1, 1)}, r"angles must be different, in 0 \.\.\. 1, found \(1, 1\)"),
        ({"scale": (1.0,)}, "scale must be one number or 2, one for each position, found 1"),
        ({"scale": (1.0, 0.0)}, r"scale must be positive and finite, found \(1.0, 0.0\)"),
        ({"unit": -1.0}, "unit must be positive and finite, found -1.0"),
        ({"centre": math.nan}, "centre must be finite, found nan"),
        ({"reach": math.inf}, "reach must be positive and finite, found inf"),
    ],
)
def test_values_out_of_range_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        StateSpace(**fields)


@pytest.mark.usefixtures("unchecked")
def test_rows_that_nothing_can_be_fitted_to_are_refused():
    space = StateSpace(positions=2)
    with pytest.raises(
        ValueError, match=r"states must be a float32 or float64 array .*, found float64 \(3,\)"
    ):
        space.fit(np.zeros(3))
    for rows in (np.zeros((0, 2)), np.zeros((3, 1))):
        with pytest.raises(ValueError, match=r"states must have the shape \(rows, at least 2 positions\)"):
            space.fit(rows)
    with pytest.raises(ValueError, match=r"states must be finite, found \[nan, 0.0\] in row 1"):
        space.fit(np.array([[0.0, 0.0], [math.nan, 0.0]]))
    with pytest.raises(ValueError, match="method must be one of 'deviation', 'range', 'quantiles'"):
        space.fit(np.zeros((2, 2)), method="mean")
