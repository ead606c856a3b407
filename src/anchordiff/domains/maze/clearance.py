"""Exact, differentiable distance of points to the walls around them."""

from __future__ import annotations

import torch
from einops import repeat
from jaxtyping import Bool, Float

from anchordiff.tensors import check_tensor


def wall_distance(
    walls: Bool[torch.Tensor, "batch rows cols"], points: Float[torch.Tensor, "batch points 2"]
) -> Float[torch.Tensor, "batch points"]:
    """Distance of each point to the nearest wall among the 3 × 3 cells around it, in cells.

    Walls are unit squares; outside the grid all is wall. Other walls are at least a cell away, so it is the
    exact distance to all walls, capped at 1; inside a wall it is minus the depth in that cell. The gradient
    points away from the nearest wall.
    """
    check_tensor("walls", walls, "batch rows cols", "boolean")
    check_tensor("points", points, "batch points 2")
    if len(walls) != len(points):
        raise ValueError(f"points must be those of each of {len(walls)} mazes, found {len(points)}")
    _, rows, cols = walls.shape
    padded = torch.nn.functional.pad(walls, (2, 2, 2, 2), value=True).flatten(1)
    offsets = torch.arange(-1, 2, device=points.device)
    col = points[..., 0, None].detach().floor().long() + repeat(offsets, "c -> (r c)", r=3)
    row = points[..., 1, None].detach().floor().long() + repeat(offsets, "r -> (r c)", c=3)
    index = (row.clamp(-2, rows + 1) + 2) * (cols + 4) + col.clamp(-2, cols + 1) + 2
    blocked = padded.gather(1, index.flatten(1)).view(index.shape)
    centres = torch.stack([col, row], dim=-1) + 0.5
    beyond = (points[..., None, :] - centres).abs() - 0.5
    outside = beyond.clamp(min=0.0).square().sum(dim=-1).add(1e-12).sqrt()
    distance = torch.where(outside > 1e-5, outside, beyond.amax(dim=-1))
    return torch.where(blocked, distance, 1.0).amin(dim=-1).clamp(max=1.0)
