"""Ready costs: against NumPy, their slopes, where they are nothing, and what they refuse."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.costs import LimitCost, SmoothnessCost, SphereCost, WayPointCost

seeds = st.integers(0, 2**31)


def ways(seed: int = 0, *, horizon: int = 7, dim: int = 3, size: float = 1.0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return size * torch.randn(4, horizon, dim, generator=random, dtype=torch.float64)


def costs() -> list:
    centres = [[0.4, -0.3, 0.2], [-0.5, 0.6, 0.0]]
    return [
        SphereCost(centres=centres, radii=[0.8, 1.1], margin=0.2),
        LimitCost(low=[-0.5, -1.0, 0.0], high=[0.5, 1.0, 0.3]),
        SmoothnessCost(),
        WayPointCost(step=3, state=[0.5, -0.5]),
    ]


@pytest.mark.parametrize("cost", costs(), ids=lambda cost: type(cost).__name__)
def test_slopes_are_those_of_the_costs(cost):
    x = ways(1).requires_grad_()
    assert cost(x).shape == (4,)
    assert torch.autograd.gradcheck(cost, (x,))
    assert bool((cost(x) > 0).any())


@pytest.mark.parametrize("cost", costs(), ids=lambda cost: type(cost).__name__)
@given(seed=seeds, size=st.sampled_from([0.0, 1e-8, 1.0, 1e3]))
def test_costs_are_not_negative_and_finite_with_their_slopes(cost, seed, size):
    x = ways(seed, size=size).float().requires_grad_()
    values = cost(x)
    (slope,) = torch.autograd.grad(values.sum(), x)
    assert values.dtype == torch.float32
    assert bool((values >= 0).all())
    assert bool((values.isfinite() & slope.isfinite().all(dim=2).all(dim=1)).all())


@pytest.mark.parametrize("cost", costs(), ids=lambda cost: type(cost).__name__)
def test_each_trajectory_has_a_cost_of_its_own(cost):
    x = ways(2)
    torch.testing.assert_close(torch.cat([cost(x[[i]]) for i in range(4)]), cost(x))


@given(seed=seeds, margin=st.floats(0.0, 1.0))
def test_depth_in_spheres_is_what_loops_find(seed, margin):
    x = ways(seed, dim=5)
    centres, radii = np.array([[0.0, 0.5], [1.0, -1.0]]), np.array([0.7, 1.2])
    found = SphereCost(centres=centres, radii=radii, margin=margin)(x)
    for element in range(4):
        expected = 0.0
        for state in x[element].numpy():
            for centre, radius in zip(centres, radii, strict=True):
                away = np.linalg.norm(state[:2] - centre)
                expected += max(radius + margin - away, 0.0) ** 2 / x.shape[1]
        assert float(found[element]) == pytest.approx(expected, rel=1e-5, abs=1e-9)


def test_points_of_a_body_are_counted_one_by_one():
    # Two points on a rod that the state's one angle turns.
    def points(states: torch.Tensor) -> torch.Tensor:
        tip = torch.cat([states.cos(), states.sin()], dim=-1)
        return torch.stack([0.5 * tip, tip], dim=2)

    cost = SphereCost(centres=[[1.0, 0.0]], radii=[0.75], points=points)
    x = torch.tensor([[[0.0]], [[torch.pi]]])
    torch.testing.assert_close(cost(x), torch.tensor([0.25**2 + 0.75**2, 0.0]), atol=1e-6, rtol=1e-6)
    x = torch.full((1, 3, 1), 0.3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(cost, (x,))


def test_outside_of_spheres_and_within_limits_there_is_neither_cost_nor_slope():
    far = SphereCost(centres=[[50.0, 0.0, 0.0]], radii=[1.0], margin=2.0)
    straight = torch.linspace(0, 1, 7, dtype=torch.float64)[None, :, None] * torch.ones(4, 1, 3)
    inside = ways(0).clamp(-2, 2)
    for cost, given_there in (
        (far, inside),
        (LimitCost(low=-2.0, high=2.0), inside),
        (SmoothnessCost(), straight),
    ):
        x = given_there.clone().requires_grad_()
        (slope,) = torch.autograd.grad(cost(x).sum(), x)
        assert cost(x).abs().max().item() < 1e-24
        assert float(slope.abs().max()) < 1e-12


def test_a_spheres_centre_has_a_cost_and_no_direction():
    x = torch.zeros(1, 2, 2, requires_grad=True)
    cost = SphereCost(centres=[[0.0, 0.0]], radii=[2.0])(x)
    (slope,) = torch.autograd.grad(cost.sum(), x)
    assert cost.item() == pytest.approx(4.0, abs=1e-4)
    assert torch.equal(slope, torch.zeros_like(slope))


@given(seed=seeds)
def test_going_down_the_slope_lowers_a_cost(seed):
    for cost in costs():
        x = ways(seed).requires_grad_()
        (slope,) = torch.autograd.grad(cost(x).sum(), x)
        assert bool((cost(x - 1e-3 * slope) <= cost(x) + 1e-12).all())


@given(seed=seeds)
def test_limits_and_bends_are_numpys(seed):
    x = ways(seed)
    low, high = np.array([-0.5, -1.0, 0.0]), np.array([0.5, 1.0, 0.3])
    excess = np.maximum(np.maximum(low - x.numpy(), x.numpy() - high), 0.0)
    found = LimitCost(low=low.tolist(), high=high)(x).numpy()
    np.testing.assert_allclose(found, (excess**2).sum(axis=2).mean(axis=1), rtol=1e-5, atol=1e-9)
    bends = np.diff(x.numpy(), n=2, axis=1)
    np.testing.assert_allclose(SmoothnessCost()(x).numpy(), (bends**2).sum(axis=2).mean(axis=1), rtol=1e-9)


def test_a_trajectory_of_two_steps_has_no_bends():
    assert SmoothnessCost()(ways(0, horizon=2)).tolist() == [0.0] * 4


@given(seed=seeds, step=st.integers(-7, 6))
def test_a_way_point_is_half_a_squared_distance_at_one_step(seed, step):
    x = ways(seed).requires_grad_()
    cost = WayPointCost(step=step, state=np.array([1.0, 2.0]))
    (slope,) = torch.autograd.grad(cost(x).sum(), x)
    expected = torch.zeros_like(x)
    expected[:, step, :2] = (x[:, step, :2] - torch.tensor([1.0, 2.0])).detach()
    torch.testing.assert_close(slope, expected)
    torch.testing.assert_close(cost(x), 0.5 * expected.square().sum(dim=(1, 2)))


def test_what_is_no_cost_is_refused():
    for make, message in (
        (lambda: SphereCost(centres=[[0.0, 0.0]], radii=[1.0, 2.0]), r"found \(1, 2\) and \(2,\)"),
        (lambda: SphereCost(centres=[0.0, 0.0], radii=[1.0]), r"centres and radii must have the shapes"),
        (lambda: SphereCost(centres=[[0.0]], radii=[-1.0]), r"must not be negative, found \[-1.0\] and 0.0"),
        (lambda: SphereCost(centres=[[0.0]], radii=[1.0], margin=-0.5), r"found \[1.0\] and -0.5"),
        (lambda: SphereCost(centres=[[0.0]], radii=[float("nan")]), r"must not be negative, found \[nan\]"),
        (lambda: LimitCost(low=1.0, high=0.0), "low must not exceed high, found 1.0 and 0.0"),
        (
            lambda: LimitCost(low=[0.0, 2.0], high=1.0),
            r"low must not exceed high, found \[0.0, 2.0\] and 1.0",
        ),
        (lambda: WayPointCost(step=0, state=[[1.0]]), r"state must be a vector, found the shape \(1, 1\)"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
