"""Value iteration as a layer: its start, its fixed point, and where gradients go."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anchordiff.domains.maze.value_iteration import ValueIteration, fixed_point, sweep

FAR = 200.0
STEPS = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]


def test_a_fresh_layer_counts_steps():
    padded = torch.randn(1, 3, 6, 9)
    distance = ValueIteration(3)(padded, torch.tensor([[0, 9]]))
    rows, cols = torch.arange(4)[:, None], torch.arange(7)
    torch.testing.assert_close(distance[0, 0], torch.maximum(rows, cols).float() + 0 * cols)
    torch.testing.assert_close(distance[0, 1], torch.maximum((rows - 1).abs(), (cols - 2).abs()).float())


def test_each_source_of_each_maze_is_at_distance_zero_and_none_beyond_far(roughen):
    torch.manual_seed(0)
    layer = roughen(ValueIteration(2), size=0.1)
    sources = torch.tensor([[0, 5], [7, 7]])
    distance = layer(torch.randn(2, 2, 5, 6), sources).detach()
    assert distance.shape == (2, 2, 3, 4)
    assert bool((distance.flatten(2).gather(2, sources[..., None]) == 0).all())
    assert float(distance.min()) == 0
    assert float(distance.max()) <= FAR
    assert len(distance.unique()) > 10


def test_what_no_step_reaches_stays_at_the_farthest():
    layer = ValueIteration(2, farthest=3.0)
    distance = layer(torch.zeros(1, 2, 3, 12), torch.tensor([[0]]))
    assert distance[0, 0, 0].tolist() == [0.0, 1.0, 2.0] + [3.0] * 7


@settings(max_examples=15)
@given(seed=st.integers(0, 2**31), rows=st.integers(1, 4), cols=st.integers(1, 4), sources=st.integers(1, 2))
def test_the_gradient_of_a_sweep_agrees_with_finite_differences(seed, rows, cols, sources):
    random = torch.Generator().manual_seed(seed)
    options = {"generator": random, "dtype": torch.float64}
    # Random numbers have no ties, where a minimum has no derivative.
    distance = (10 * torch.rand(1, sources, rows, cols, **options)).requires_grad_()
    costs = (0.1 + torch.rand(1, 8, rows, cols, **options)).requires_grad_()
    assert torch.autograd.gradcheck(sweep, (distance, costs), eps=1e-7, atol=1e-5)


def test_at_a_fixed_point_gradients_go_to_the_best_step_of_each_cell(generator):
    rows, cols = 5, 6
    costs = (0.2 + torch.rand(1, 8, rows, cols, generator=generator)).requires_grad_()
    distance = torch.full((1, 1, rows, cols), FAR)
    distance[0, 0, 2, 2] = 0.0
    settled = fixed_point(distance, costs)
    assert not settled.requires_grad
    gradient = torch.autograd.grad(sweep(sweep(settled, costs), costs).sum(), costs)[0]
    known = costs.detach()
    for r in range(rows):
        for c in range(cols):
            through = {
                k: float(known[0, k, r, c] + settled[0, 0, r + i, c + j])
                for k, (i, j) in enumerate(STEPS)
                if 0 <= r + i < rows and 0 <= c + j < cols
            }
            best = min(through, key=through.get)
            expected = {best} if (r, c) != (2, 2) else set()
            assert set(gradient[0, :, r, c].nonzero()[:, 0].tolist()) == expected
            assert bool((gradient[0, :, r, c] >= 0).all())


def test_gradients_change_no_value(roughen):
    torch.manual_seed(0)
    layer = roughen(ValueIteration(2), size=0.1)
    padded, sources = torch.randn(2, 2, 8, 8), torch.tensor([[3], [4]])
    with torch.no_grad():
        expected = layer(padded, sources)
    distance = layer(padded, sources)
    torch.testing.assert_close(distance, expected)
    distance.mean().backward()
    for name in ("linear.weight", "mix.weight", "window.weight"):
        assert float(layer.get_parameter(name).grad.abs().sum()) > 0, name


def test_costs_of_any_size_stay_within_bounds(roughen):
    layer = ValueIteration(1)
    for bias, step in ((1e6, FAR), (-1e6, torch.tensor(-3.0).exp().item())):
        with torch.no_grad():
            layer.linear.bias.fill_(bias)
        distance = layer(torch.zeros(1, 1, 3, 5), torch.tensor([[0]]))
        assert distance[0, 0].flatten().tolist() == pytest.approx([min(FAR, n * step) for n in range(3)])
