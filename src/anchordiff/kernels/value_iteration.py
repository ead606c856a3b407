"""Fixed points of value iteration on a grid, by fast sweeping.

Notation: D[s, r, c] is the distance of a cell to source s, w[k, r, c] > 0 the cost of the step from a cell to
its k-th neighbour, in the row-major order of the 3 × 3 window without its centre. The fixed point of
D ← min(D, min_k w_k + D(neighbour k)) is unique for positive costs; Gauss-Seidel sweeps in alternating
directions (Zhao 2005) reach it in a few passes.
"""

import numpy as np
from jaxtyping import Float

from anchordiff.kernels._jit import kernel

_ROW = np.array([-1, -1, -1, 0, 0, 1, 1, 1])
_COL = np.array([-1, 0, 1, -1, 1, -1, 0, 1])


@kernel()
def _relax(distance: np.ndarray, costs: np.ndarray, r: int, c: int) -> bool:
    rows, cols = distance.shape
    best = distance[r, c]
    for k in range(8):
        row, col = r + _ROW[k], c + _COL[k]
        if 0 <= row < rows and 0 <= col < cols:
            best = min(best, costs[k, r, c] + distance[row, col])
    changed = bool(best < distance[r, c])
    distance[r, c] = best
    return changed


@kernel()
def _settle(distance: np.ndarray, costs: np.ndarray) -> None:
    rows, cols = distance.shape
    changed = True
    while changed:
        changed = False
        for flip_row in range(2):
            for flip_col in range(2):
                for i in range(rows):
                    r = rows - 1 - i if flip_row else i
                    for j in range(cols):
                        c = cols - 1 - j if flip_col else j
                        if _relax(distance, costs, r, c):
                            changed = True


@kernel()
def _settle_all(distance: np.ndarray, costs: np.ndarray) -> None:
    for b in range(distance.shape[0]):
        for s in range(distance.shape[1]):
            _settle(distance[b, s], costs[b])


def settle(
    distance: Float[np.ndarray, "batch sources rows cols"], costs: Float[np.ndarray, "batch 8 rows cols"]
) -> Float[np.ndarray, "batch sources rows cols"]:
    """Lower `distance` to the fixed point of value iteration.

    Args:
        distance: upper bounds to start from: 0 at sources, something large elsewhere. float32, left unchanged.
        costs: positive cost of the step from a cell to each of its eight neighbours. float32.
    """
    settled = distance.copy()
    _settle_all(settled, costs)
    return settled
