"""Uniform draws of anchors whose gaps are bounded, by counting the ways to go on.

Notation: `ways[j, r]` is the logarithm of the number of ways to place `r` more anchors after an anchor at
step `j` so that no gap exceeds `gap`; steps that are `taken` are anchors anyway and cost no count.
"""

import numpy as np
import numpy.typing as npt
from jaxtyping import Bool, Float

from anchordiff.checks import check_array, check_integer
from anchordiff.kernels._jit import kernel
from anchordiff.kernels.anchors import check_taken

Bools = npt.NDArray[np.bool_]
Doubles = npt.NDArray[np.float64]


@kernel()
def _reach(taken: Bools, step: int, gap: int) -> int:
    """The last step that can be the next anchor after `step`: within `gap`, and not beyond a taken step."""
    stop = min(step + gap, taken.size - 1)
    for j in range(step + 1, stop):
        if taken[j]:
            return j
    return stop


@kernel()
def _count_ways(taken: Bools, gap: int, ways: Doubles) -> None:
    horizon, size = ways.shape
    ways[:] = -np.inf
    ways[horizon - 1, 0] = 0.0
    for step in range(horizon - 2, -1, -1):
        reach = _reach(taken, step, gap)
        for left in range(size):
            largest = -np.inf
            for j in range(step + 1, reach + 1):
                after = left if taken[j] else left - 1
                if after >= 0:
                    largest = max(largest, ways[j, after])
            if largest == -np.inf:
                continue
            total = 0.0
            for j in range(step + 1, reach + 1):
                after = left if taken[j] else left - 1
                if after >= 0:
                    total += np.exp(ways[j, after] - largest)
            ways[step, left] = largest + np.log(total)


@kernel()
def _draw(taken: Bools, count: int, gap: int, uniform: Doubles, out: Bools) -> int:
    """Mark the drawn steps in `out`; return the first row for which there is no way, or -1."""
    batch, horizon = taken.shape
    ways = np.empty((horizon, count + 1))
    for b in range(batch):
        if b == 0 or (taken[b] != taken[b - 1]).any():
            _count_ways(taken[b], gap, ways)
        step, left = 0, count
        if not taken[b, 0]:
            out[b, 0] = True
            left -= 1
        if left < 0 or ways[0, left] == -np.inf:
            return b
        while step < horizon - 1:
            threshold = uniform[b, step]
            chosen, chosen_left = step, left
            for j in range(step + 1, _reach(taken[b], step, gap) + 1):
                after = left if taken[b, j] else left - 1
                if after < 0 or ways[j, after] == -np.inf:
                    continue
                chosen, chosen_left = j, after
                threshold -= np.exp(ways[j, after] - ways[step, left])
                if threshold < 0.0:
                    break
            step, left = chosen, chosen_left
            out[b, step] = not taken[b, step]
    return -1


def draw_bounded_gaps(
    taken: Bool[np.ndarray, "batch horizon"],
    count: int,
    *,
    gap: int,
    uniform: Float[np.ndarray, "batch horizon"],
) -> Bool[np.ndarray, "batch horizon"]:
    """Draw `count` free steps a row, uniformly among the choices that leave no gap above `gap`.

    Free ends are always drawn. Rows with equal neighbours in `taken` share the counting, whose work grows as
    `horizon · count · gap`.

    Args:
        taken: steps that are anchors already.
        count: steps to draw.
        gap: largest distance, in steps, from an anchor to the next.
        uniform: independent numbers in [0, 1), float64.

    Raises:
        ValueError: if a row leaves no choice, or shapes, dtypes or numbers do not fit.
    """
    taken = check_taken(taken)
    uniform = check_array("uniform", uniform, (np.dtype(np.float64),), taken.shape)
    if not ((uniform >= 0) & (uniform < 1)).all():
        raise ValueError(f"uniform must lie in [0, 1), found {uniform[~((uniform >= 0) & (uniform < 1))][0]}")
    check_integer("gap", gap)
    check_integer("count", count, least=0, most=taken.shape[1], most_is="horizon")
    out = np.zeros(taken.shape, np.bool_)
    bad = _draw(taken, int(count), min(int(gap), taken.shape[1]), uniform, out)
    if bad >= 0:
        free = ~taken[bad]
        edges = np.flatnonzero(taken[bad] | (np.arange(free.size) % (free.size - 1) == 0))
        least = int(free[0]) + int(free[-1]) + int(((np.diff(edges) - 1) // gap).sum())
        raise ValueError(
            f"count must be {least} to {int(free.sum())} to keep every gap of row {bad} within {gap}, "
            f"found {count}"
        )
    return out
