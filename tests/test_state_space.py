"""Angles and normalisers of a state space against NumPy: the circle, its seam, and what is saved."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from anchordiff.anchors import AnchorSet
from anchordiff.configs import config_from_json, config_to_json
from anchordiff.domains.vector import VectorEncoderConfig
from anchordiff.masks import Ends, Random
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.states import StateSpace

seeds = st.integers(0, 2**31)
turns = st.floats(-20.0, 20.0)
MIXED = StateSpace(positions=3, angles=(0, 2))


def draw(seed: int, *, horizon: int = 12, batch: int = 2, velocities: bool = False):
    """Anchors and keypoints of two angles with a plain number between them, in double precision."""
    random = torch.Generator().manual_seed(seed)
    inner = int(torch.randint(0, horizon - 1, (), generator=random))
    anchors = AnchorSet.from_mask((Ends() + Random(inner)).sample(batch, horizon, generator=random))
    space = replace(MIXED, velocities=velocities)
    x = torch.randn(batch, anchors.num_keypoints, space.dim, generator=random, dtype=torch.float64)
    return space, anchors, space.wrap(4 * x)


def on_circle(x: torch.Tensor) -> np.ndarray:
    """The two angles as points of the circle, which know no seam."""
    return np.exp(1j * x[..., [0, 2]].numpy())


def naive(keypoints: np.ndarray, index: np.ndarray, horizon: int) -> np.ndarray:
    """Each number of one trajectory on its own, angles unrolled by NumPy."""
    columns = []
    for number in range(3):
        values = keypoints[:, number]
        values = np.unwrap(values) if number != 1 else values
        columns.append(np.interp(np.arange(horizon), index, values))
    return np.stack(columns, axis=1)


@given(seed=seeds, horizon=st.integers(2, 20))
def test_filling_in_is_numpys_interpolation_of_unrolled_angles(seed, horizon):
    space, anchors, keypoints = draw(seed, horizon=horizon)
    x = space.fill_in(keypoints, anchors)
    for element in range(2):
        expected = naive(keypoints[element].numpy(), anchors.index[element].numpy(), horizon)
        found = x[element].numpy()
        np.testing.assert_allclose(found[:, 1], expected[:, 1], atol=1e-12)
        np.testing.assert_allclose(np.exp(1j * found[:, [0, 2]]), np.exp(1j * expected[:, [0, 2]]), atol=1e-9)


@given(seed=seeds, angle=turns)
def test_filling_in_commutes_with_rotations(seed, angle):
    space, anchors, keypoints = draw(seed)
    by = torch.tensor([angle, 0.0, -2 * angle], dtype=torch.float64)
    before = space.wrap(space.fill_in(keypoints, anchors) + by)
    after = space.fill_in(space.wrap(keypoints + by), anchors)
    np.testing.assert_allclose(on_circle(after), on_circle(before), atol=1e-9)
    torch.testing.assert_close(after[..., 1], before[..., 1])


@given(seed=seeds, horizon=st.integers(2, 20), velocities=st.booleans())
def test_filled_in_angles_lie_in_range_and_are_exact_at_anchors(seed, horizon, velocities):
    space, anchors, keypoints = draw(seed, horizon=horizon, velocities=velocities)
    x = space.fill_in(keypoints, anchors)
    angles = x[..., [0, 2]]
    assert bool(((angles >= -math.pi) & (angles < math.pi)).all())
    assert torch.equal(anchors.gather(x)[..., :3], keypoints[..., :3])


@given(seed=seeds, horizon=st.integers(2, 20), velocities=st.booleans())
def test_filling_in_twice_is_filling_in_once(seed, horizon, velocities):
    space, anchors, keypoints = draw(seed, horizon=horizon, velocities=velocities)
    once = space.fill_in(keypoints, anchors)
    twice = space.fill_in(anchors.gather(once), anchors)
    assert torch.equal(twice, once)
    every = AnchorSet.from_mask(torch.ones(2, horizon, dtype=torch.bool))
    torch.testing.assert_close(space.fill_in(once, every), once, atol=1e-9, rtol=0)


@given(seed=seeds)
def test_filling_in_is_differentiable_across_the_seam(seed):
    space, anchors, keypoints = draw(seed, horizon=6)
    keypoints.requires_grad_()
    weight = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    (found,) = torch.autograd.grad((space.fill_in(keypoints, anchors) * weight).sum(), keypoints)
    plain = replace(space, angles=())
    (expected,) = torch.autograd.grad((plain.fill_in(keypoints, anchors) * weight).sum(), keypoints)
    torch.testing.assert_close(found, expected)  # turns add constants, which have no slope


@given(seed=seeds, steps=st.integers(2, 15))
def test_velocities_of_angles_are_the_phases_of_quotients(seed, steps):
    space = replace(MIXED, velocities=True)
    x = 3 * torch.randn(2, steps, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    x = MIXED.wrap(x)
    states = space.with_velocities(x)
    assert torch.equal(states[..., :3], x)
    circle = on_circle(x)
    expected = np.angle(circle[:, 1:] / circle[:, :-1])
    np.testing.assert_allclose(states[:, :-1, [3, 5]].numpy(), expected, atol=1e-9)
    torch.testing.assert_close(states[:, :-1, 4], x[..., 1].diff(dim=1))
    assert torch.equal(states[:, -1, 3:], states[:, -2, 3:])


@given(seed=seeds, steps=st.integers(2, 12), times=st.integers(1, 4))
def test_resampling_to_a_multiple_keeps_the_states_and_back_is_the_same(seed, steps, times):
    x = MIXED.wrap(3 * torch.randn(2, steps, 3, generator=torch.Generator().manual_seed(seed)).double())
    fine = MIXED.resample(x, (steps - 1) * times + 1)
    np.testing.assert_allclose(on_circle(fine[:, ::times]), on_circle(x), atol=1e-9)
    np.testing.assert_allclose(on_circle(MIXED.resample(fine, steps)), on_circle(x), atol=1e-9)


@given(
    number=st.integers(-30, 30),
    offset=st.integers(-4, 4),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_next_to_the_seam_angles_come_back_in_range_and_stay(number, offset, dtype):
    x = torch.tensor([[number * math.pi]], dtype=dtype)
    for _ in range(abs(offset)):
        x = torch.nextafter(x, torch.tensor(math.copysign(math.inf, offset), dtype=dtype))
    space = StateSpace(positions=1, angles=(0,))
    found = space.wrap(x)
    assert bool((found >= -math.pi) & (found < math.pi))
    assert torch.equal(space.wrap(found), found)
    assert math.cos(float(found) - float(x)) == pytest.approx(1.0, abs=1e-5)


def test_an_angle_one_step_off_a_whole_turn_does_not_round_up_to_half_a_turn():
    x = torch.tensor([[np.nextafter(-math.pi, -4.0)]], dtype=torch.float64)
    assert float(StateSpace(positions=1, angles=(0,)).wrap(x)) == -math.pi


tables = arrays.arrays(
    np.float64, st.tuples(st.integers(2, 30), st.just(3)), elements=st.floats(-100, 100, width=32)
)
methods = st.sampled_from(["deviation", "range", "quantiles"])


def measured(values: np.ndarray, method: str) -> tuple[float, float]:
    if method == "deviation":
        return float(np.mean(values)), float(np.std(values))
    ends = (0, 100) if method == "range" else (1, 99)
    low, high = np.percentile(values, ends)
    return float((low + high) / 2), float((high - low) / 2)


@given(rows=tables, method=methods)
def test_a_fitted_space_has_numpys_normaliser(rows, method):
    fitted = StateSpace(positions=3).fit(rows, method=method)
    expected = [measured(rows[:, number], method) for number in range(3)]
    np.testing.assert_allclose(fitted.centre, [centre for centre, _ in expected], atol=1e-9)
    largest = max(scale for _, scale in expected)
    for found, (_, scale) in zip(fitted.scale, expected, strict=True):
        if scale > 2e-6 * largest and scale > 1e-9:
            assert found == pytest.approx(scale, rel=1e-6)
        else:
            assert found == 1.0 or found == pytest.approx(scale, rel=1e-3)
    assert fitted.unit == fitted.scale


@given(
    value=st.floats(-1e6, 1e6), rows=st.integers(1, 200), method=methods, others=st.sampled_from([0.0, 1.0])
)
def test_a_number_that_never_changes_has_the_scale_one(value, rows, method, others):
    # A mean of equal numbers need not be that number: 0.1 deviates from its mean by 1e-17.
    table = np.stack([np.full(rows, value), others * np.arange(rows)], axis=1)
    fitted = StateSpace().fit(table, method=method)
    assert fitted.scale[0] == 1.0
    assert fitted.centre[0] == pytest.approx(value)


@given(middle=st.floats(-math.pi, math.pi), spread=st.floats(0.05, 1.0), method=methods)
def test_angles_are_measured_around_their_mean_direction_wherever_that_is(middle, spread, method):
    offsets = spread * np.linspace(-1, 1, 41)
    angles = np.angle(np.exp(1j * (middle + offsets)))[:, None]
    space = StateSpace(positions=1, angles=(0,))
    fitted = space.fit(angles, method=method)
    assert math.cos(fitted.centre[0] - middle) == pytest.approx(1.0, abs=1e-9)
    assert fitted.scale[0] == pytest.approx(measured(offsets, method)[1], rel=1e-6)
    assert fitted.scale[0] <= math.pi
    plain = StateSpace(positions=1).fit(offsets[:, None], method=method)
    assert fitted.scale == pytest.approx(plain.scale)


def test_few_outliers_stretch_the_range_but_not_the_quantiles():
    rows = np.random.default_rng(0).uniform(-1, 1, (2000, 1))
    rows[:5] = 1000.0
    space = StateSpace(positions=1)
    assert space.fit(rows, method="range").scale[0] > 400
    assert space.fit(rows, method="quantiles").scale[0] == pytest.approx(0.98, abs=0.02)


@given(rows=tables)
def test_velocities_and_other_columns_are_not_fitted(rows):
    space = StateSpace(positions=2, velocities=True)
    assert space.fit(rows) == space.fit(rows[:, :2])


sizes = st.one_of(st.floats(0.1, 9), st.tuples(*[st.floats(0.1, 9)] * 3))


@given(
    angles=st.sampled_from([(), (1,), (2, 0)]),
    velocities=st.booleans(),
    scale=sizes,
    centre=sizes,
    unit=sizes,
    pace=st.integers(1, 99),
)
def test_a_space_is_saved_in_the_config_of_each_stage(angles, velocities, scale, centre, unit, pace):
    space = StateSpace(
        positions=3, velocities=velocities, angles=angles, scale=scale, centre=centre, unit=unit, pace=pace
    )
    encoder = VectorEncoderConfig(positions=3, velocities=space.velocities)
    for config in (
        KeypointDiffusionConfig(states=space, encoder=encoder),
        InterpDenoiserConfig(states=space, encoder=encoder),
    ):
        saved = json.loads(json.dumps(config_to_json(config)))
        assert config_from_json(type(config), saved) == config


def test_a_saved_space_that_is_wrong_says_where():
    config = KeypointDiffusionConfig(encoder=VectorEncoderConfig())
    for name, value, message in (
        (
            "angles",
            [2],
            r"config\.states is no StateSpace: angles must be different, in 0 \.\.\. 1, found",
        ),
        ("angels", [1], r"config\.states\.angels is not a field of StateSpace"),
        ("scale", [1.0, "2"], r"config\.states\.scale\[1\] must be float, found '2'"),
    ):
        saved = config_to_json(config)
        saved["states"][name] = value
        with pytest.raises(ValueError, match=message):
            config_from_json(KeypointDiffusionConfig, saved)


def test_folders_that_generate_velocities_go_on_doing_so():
    saved = config_to_json(StateSpace(velocities=True))
    del saved["keypoint_velocities"]
    assert config_from_json(StateSpace, saved) == StateSpace(velocities=True, keypoint_velocities=True)
    saved["velocities"] = False
    assert config_from_json(StateSpace, saved) == StateSpace()
    for space in (StateSpace(velocities=True), StateSpace(velocities=True, keypoint_velocities=True)):
        assert config_from_json(StateSpace, config_to_json(space)) == space
        assert space.of_keypoints.dim == (4 if space.keypoint_velocities else 2)


def test_velocities_of_keypoints_need_velocities():
    with pytest.raises(ValueError, match="keypoint_velocities must not be set without velocities"):
        StateSpace(keypoint_velocities=True)
