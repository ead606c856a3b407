"""Fixed points of value iteration on a grid, by whole sweeps.

Notation: D[s, r, c] is the distance of a cell to source s, w[k, r, c] > 0 the cost of the step from a cell to
its k-th neighbour, in the row-major order of the 3 × 3 window without its centre. The fixed point of
D ← min(D, min_k w_k + D(neighbour k)) is unique for positive costs. All cells are relaxed at once,
with vector instructions and without branches, as often as the longest shortest path has steps: on mazes of
this size that is sooner done than any order which visits each cell once.
"""

import numpy as np
from jaxtyping import Float

from anchordiff.checks import check_array
from anchordiff.kernels._jit import kernel

_FLOAT32 = (np.dtype(np.float32),)
_BEYOND = np.float32(1e38)  # larger than any distance, and finite also after a step
_SWEEPS = 4  # between two looks at whether anything changed


@kernel(fastmath=True)
def _sweep(near: np.ndarray, costs: np.ndarray, wide: int, out: np.ndarray) -> None:
    """One step of value iteration at all places of a padded grid, from `near` into `out`."""
    first = wide + 1
    count = costs.shape[1]
    w0, w1, w2, w3 = costs[0], costs[1], costs[2], costs[3]
    w4, w5, w6, w7 = costs[4], costs[5], costs[6], costs[7]
    over, here, under = near[first - wide - 1 :], near[first - 1 :], near[first + wide - 1 :]
    into = out[first:]
    for p in range(count):
        a = min(min(w0[p] + over[p], w1[p] + over[p + 1]), w2[p] + over[p + 2])
        b = min(w3[p] + here[p], w4[p] + here[p + 2])
        c = min(min(w5[p] + under[p], w6[p] + under[p + 1]), w7[p] + under[p + 2])
        into[p] = min(min(a, b), min(c, here[p + 1]))


@kernel()
def _settle_all(distance: np.ndarray, costs: np.ndarray) -> None:
    """Sweep until nothing changes, for each maze and source; a shortest path has fewer steps than there are cells."""
    batch, sources, rows, cols = distance.shape
    # One column beside each row is enough: it is beyond the last cell of a row and before the first of the next.
    wide = cols + 1
    padded = np.full((8, rows, wide), _BEYOND)
    near = np.full((2, (rows + 2) * wide + 2), _BEYOND)
    one, other = near[0], near[1]
    grid = one[wide + 1 : wide + 1 + rows * wide].reshape(rows, wide)
    for b in range(batch):
        padded[:, :, :cols] = costs[b]
        flat = padded.reshape(8, rows * wide)
        for s in range(sources):
            grid[:, :cols] = distance[b, s]
            for _ in range(rows * cols // (2 * _SWEEPS) + 2):
                for _ in range(_SWEEPS):
                    _sweep(one, flat, wide, other)
                    _sweep(other, flat, wide, one)
                if np.array_equal(one, other):
                    break
            distance[b, s] = grid[:, :cols]


def settle(
    distance: Float[np.ndarray, "batch sources rows cols"], costs: Float[np.ndarray, "batch 8 rows cols"]
) -> Float[np.ndarray, "batch sources rows cols"]:
    """Lower `distance` to the fixed point of value iteration.

    Args:
        distance: upper bounds to start from: 0 at sources, something large elsewhere. float32, left unchanged.
        costs: positive cost of the step from a cell to each of its eight neighbours. float32.

    Raises:
        ValueError: if shapes or dtypes do not fit, a cost is not positive, or a number is NaN.
    """
    distance = check_array("distance", distance, _FLOAT32, ("batch", "sources", "rows", "cols"))
    batch, _, rows, cols = distance.shape
    costs = check_array("costs", costs, _FLOAT32, (batch, 8, rows, cols))
    if distance.size == 0:
        return distance.copy()
    # The least of numbers among which there is a NaN is NaN.
    if not costs.min() > 0.0:
        raise ValueError(f"costs must be positive, found {costs.min()}")
    if np.isnan(distance.min()):
        raise ValueError("distance must be numbers, found NaN")
    settled = distance.copy()
    _settle_all(settled, costs)
    return settled
