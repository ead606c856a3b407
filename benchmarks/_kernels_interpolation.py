"""Linear interpolation between keypoints at non-uniform anchors, against NumPy and torch.

The peers: `np.interp` once a row and dimension, and torch's batched `searchsorted`, `gather` and `lerp`. The
steps, which they can prepare before the keypoints are known, are prepared outside the timed part. All of them
run on one thread. Run alone, it prints its table: `python benchmarks/_kernels_interpolation.py`.
"""

from dataclasses import dataclass

import numpy as np
import torch

from _timing import Row, compare, format_table
from anchordiff.anchors import AnchorSet
from anchordiff.interpolation import interpolate
from anchordiff.kernels.interpolate import interpolate_linear

SIZES = (
    (1, 8, 64, 2),
    (1, 8, 384, 4),
    (16, 8, 64, 2),
    (64, 8, 64, 2),
    (64, 8, 384, 4),
    (256, 8, 128, 4),
    (1024, 16, 256, 2),
    (4096, 64, 1024, 2),
)
HEADLINE = (64, 8, 384, 4)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Random keypoints at random anchors.

    Attributes:
        keypoints: float32, (batch, K, dim).
        anchors: int64, (batch, K), both ends among them.
        horizon: number of steps of the result.
    """

    keypoints: np.ndarray
    anchors: np.ndarray
    horizon: int


def random_case(batch: int, num_keypoints: int, horizon: int, dim: int) -> Case:
    """Keypoints from a normal distribution; inner anchors uniform without replacement."""
    rng = np.random.default_rng(0)
    keys = rng.random((batch, horizon - 2))
    inner = np.sort(keys.argsort(axis=1)[:, : num_keypoints - 2] + 1, axis=1)
    anchors = np.pad(inner, ((0, 0), (1, 1)))
    anchors[:, -1] = horizon - 1
    keypoints = rng.standard_normal((batch, num_keypoints, dim), dtype=np.float32)
    return Case(keypoints=keypoints, anchors=anchors, horizon=horizon)


def numpy_rows(case: Case, steps: np.ndarray) -> np.ndarray:
    """`np.interp` of every row and dimension."""
    batch, _, dim = case.keypoints.shape
    out = np.empty((batch, case.horizon, dim), case.keypoints.dtype)
    for b in range(batch):
        for d in range(dim):
            out[b, :, d] = np.interp(steps, case.anchors[b], case.keypoints[b, :, d])
    return out


def torch_lerp(keypoints: torch.Tensor, anchors: torch.Tensor, steps: torch.Tensor) -> torch.Tensor:
    """All rows at once: find each step's segment, gather its ends, blend them."""
    right = torch.searchsorted(anchors, steps, right=True).clamp_(max=anchors.shape[1] - 1)
    left = right - 1
    start = anchors.gather(1, left)
    weight = (steps - start) / (anchors.gather(1, right) - start)
    shape = (-1, -1, keypoints.shape[2])
    low = keypoints.gather(1, left.unsqueeze(-1).expand(shape))
    high = keypoints.gather(1, right.unsqueeze(-1).expand(shape))
    return torch.lerp(low, high, weight.unsqueeze(-1))


def rows() -> list[Row]:
    """Time every size through the NumPy wrapper and through `interpolate`, and check that all agree."""
    table = []
    torch_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for size in SIZES:
        case = random_case(*size)
        batch, num_keypoints, horizon, dim = size
        steps = np.arange(horizon, dtype=np.float64)
        keypoints, index = torch.from_numpy(case.keypoints), torch.from_numpy(case.anchors)
        anchors, torch_steps = AnchorSet(index, horizon), torch.arange(horizon).repeat(batch, 1)
        peers = {
            "np.interp rows": lambda c=case, s=steps: numpy_rows(c, s),
            "torch searchsorted + lerp": lambda k=keypoints, i=index, s=torch_steps: torch_lerp(k, i, s),
        }
        ours = {
            "kernel": lambda c=case: interpolate_linear(c.keypoints, c.anchors, c.horizon),
            "tensors": lambda k=keypoints, a=anchors: interpolate(k, a),
        }
        for work in (*ours.values(), *peers.values()):
            np.testing.assert_allclose(work(), numpy_rows(case, steps), atol=1e-5)
        least = 30.0 if size == HEADLINE else 8.0
        for name, work in ours.items():
            table.append(
                compare(
                    f"interpolate {name}, B {batch}, K {num_keypoints}, {horizon} steps, D {dim}",
                    work,
                    peers,
                    # The bound is for the kernel's wrapper; a tensor's way in and out adds some microseconds.
                    targets=dict.fromkeys(peers, least) if name == "kernel" else {},
                    limit=8.0,
                )
            )
    torch.set_num_threads(torch_threads)
    return table


if __name__ == "__main__":
    print(format_table(rows()))
