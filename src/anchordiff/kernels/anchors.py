"""Where anchors go: evenly spread, or by dynamic programming where linear interpolation errs least."""

import numpy as np
import numpy.typing as npt
from jaxtyping import Bool

from anchordiff.kernels._jit import kernel

Bools = npt.NDArray[np.bool_]


@kernel()
def _spread(taken: Bools, count: int, out: Bools) -> None:
    batch, horizon = taken.shape
    edges = np.empty(horizon, np.int64)
    added = np.empty(horizon, np.int64)
    for b in range(batch):
        left = count
        for step in (0, horizon - 1):
            out[b, step] = not taken[b, step] and left > 0
            left -= out[b, step]
        num = 0
        for j in range(horizon):
            if taken[b, j] or out[b, j]:
                edges[num] = j
                num += 1
        # Without an end (only where no count was left for it) there is nothing to spread.
        for k in range(num):
            added[k] = 0
        while left > 0:
            best, best_part = 0, -1.0
            for k in range(num - 1):
                part = (edges[k + 1] - edges[k]) / (added[k] + 1)
                if part > best_part:
                    best, best_part = k, part
            added[best] += 1
            left -= 1
        for k in range(num - 1):
            gap, parts = edges[k + 1] - edges[k], added[k] + 1
            for i in range(1, parts):
                out[b, edges[k] + (2 * i * gap + parts) // (2 * parts)] = True


def spread_evenly(taken: Bool[np.ndarray, "batch horizon"], count: int) -> Bool[np.ndarray, "batch horizon"]:
    """Choose `count` free steps a row so that the widest gap between anchors is as small as it can be.

    Free ends are chosen first (step 0 before the last); then every gap is divided into equal parts, with
    steps rounded to the nearest. Of equally wide gaps the first gets the next anchor.

    Args:
        taken: steps that are anchors already.
        count: steps to add; at most the free steps of every row (the caller's duty).
    """
    out = np.zeros(taken.shape, np.bool_)
    _spread(np.ascontiguousarray(taken), count, out)
    return out
