"""What is measured of trajectories in any space: polylines of positions.

Notation: points are (batch, steps, axes), in units of whoever asks.
"""

from __future__ import annotations

import torch
from jaxtyping import Float

from anchordiff.tensors import check_tensor


def path_length(points: Float[torch.Tensor, "batch steps axes"]) -> Float[torch.Tensor, " batch"]:
    """Length of each polyline."""
    check_tensor("points", points, "batch steps axes")
    length: torch.Tensor = points.diff(dim=1).norm(dim=-1).sum(dim=1)
    return length


def smoothness(points: Float[torch.Tensor, "batch steps axes"]) -> Float[torch.Tensor, " batch"]:
    """Mean squared second difference, in units² / step⁴; 0 for a straight line at even speed."""
    check_tensor("points", points, "batch steps axes")
    if points.shape[1] < 3:
        return points.new_zeros(len(points))
    return points.diff(n=2, dim=1).square().sum(dim=-1).mean(dim=1)


def diversity(
    candidates: Float[torch.Tensor, "batch candidates steps axes"],
) -> Float[torch.Tensor, " batch"]:
    """Mean distance between two candidates of a condition: over pairs, and over steps.

    Raises:
        ValueError: if there are fewer than two candidates.
    """
    check_tensor("candidates", candidates, "batch candidates steps axes")
    count = candidates.shape[1]
    if count < 2:
        raise ValueError(f"candidates must hold at least 2 for a condition, found {count}")
    first, second = torch.triu_indices(count, count, offset=1, device=candidates.device)
    distance: torch.Tensor = (candidates[:, first] - candidates[:, second]).norm(dim=-1)
    return distance.mean(dim=(1, 2))


def energy_terms(
    samples: Float[torch.Tensor, "samples features"],
    data: Float[torch.Tensor, "rows features"],
    *,
    paired: bool = False,
) -> Float[torch.Tensor, " samples"]:
    r"""Each sample's part in the energy distance to data; their mean is the distance (Székely and Rizzo 2013).

    .. math:: D^2 = 2\,E|X - Y| - E|X - X'| - E|Y - Y'|

    with X, X' samples and Y, Y' data. It is 0 only where both have the same distribution, and sees modes that are
    missing as well as samples that are nowhere near data. Pairs of one and the same row are left out (U-statistic), so
    that it may come out slightly negative.

    Args:
        samples: what was generated.
        data: what it is compared with.
        paired: whether sample i was generated for what is known of row i; the two are then no independent pair, and
            left out too.

    Raises:
        ValueError: if there are fewer than two samples or rows, or they are paired and their numbers differ.
    """
    for name, rows in (("samples", samples), ("data", data)):
        if len(rows) < 2:
            raise ValueError(f"{name} must hold at least 2 rows, found {len(rows)}")
    if paired and len(samples) != len(data):
        raise ValueError(
            f"samples must be as many as data where they are paired, found {len(samples)} and {len(data)}"
        )
    distances = _distances(samples, data)
    others = distances.sum(dim=1) - distances.diagonal() if paired else distances.sum(dim=1)
    between = others / (len(data) - paired)
    within = _distances(samples, samples).sum(dim=1) / (len(samples) - 1)
    own = _distances(data, data).sum() / (len(data) * (len(data) - 1))
    return 2 * between - within - own


def _distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    # By products of matrices, as torch takes them for many rows, a row far from zero is away from itself.
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
