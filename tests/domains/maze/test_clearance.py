"""Distance to walls against all walls, one by one."""

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.domains.maze.clearance import wall_distance

AROUND = 8  # cells of solid wall outside the grid that the naive twin looks at


def naive(walls: np.ndarray, x: float, y: float) -> float:
    """Distance to the nearest wall of all, at most 1; minus the depth in its own cell inside a wall."""
    rows, cols = walls.shape
    nearest = 1.0
    for i in range(-AROUND, rows + AROUND):
        for j in range(-AROUND, cols + AROUND):
            if 0 <= i < rows and 0 <= j < cols and not walls[i, j]:
                continue
            right, down = max(j - x, x - j - 1), max(i - y, y - i - 1)
            apart = math.hypot(max(right, 0.0), max(down, 0.0))
            nearest = min(nearest, apart if apart > 0 else max(right, down))
    return nearest


@given(seed=st.integers(0, 2**31), rows=st.integers(1, 5), cols=st.integers(1, 5), density=st.floats(0, 0.6))
def test_it_is_the_distance_to_the_nearest_of_all_walls(seed, rows, cols, density):
    random = np.random.default_rng(seed)
    walls = random.random((2, rows, cols)) < density
    points = random.uniform(-4, 4 + max(rows, cols), (2, 12, 2))
    found = wall_distance(torch.from_numpy(walls), torch.from_numpy(points))
    expected = [[naive(walls[b], x, y) for x, y in points[b]] for b in range(2)]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_the_gradient_agrees_with_finite_differences_and_points_away():
    walls = torch.zeros(1, 5, 5, dtype=torch.bool)
    walls[0, 2, 2] = True
    points = torch.tensor([[[1.7, 2.4], [3.3, 2.6], [2.2, 2.5], [3.2, 3.3], [0.3, 1.4]]], dtype=torch.float64)
    points.requires_grad_()
    assert torch.autograd.gradcheck(lambda at: wall_distance(walls, at), points, eps=1e-7, atol=1e-5)
    gradient = torch.autograd.grad(wall_distance(walls, points).sum(), points)[0][0]
    away = [[-1, 0], [1, 0], [-1, 0], [2 / 13**0.5, 3 / 13**0.5], [1, 0]]
    np.testing.assert_allclose(gradient.numpy(), away, atol=1e-6)


def test_half_precision_and_batches_are_kept_apart():
    walls = torch.zeros(2, 3, 3, dtype=torch.bool)
    walls[1] = True
    found = wall_distance(walls, torch.full((2, 1, 2), 1.5))
    assert found[:, 0].tolist() == [1.0, -0.5]
