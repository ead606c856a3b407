"""Where anchors go: evenly spread, or by dynamic programming where linear interpolation errs least.

Notation: `taken` marks steps that are anchors already; the others are free. Steps 0 and `horizon - 1` are the
ends, which every kernel here makes anchors.
"""

import numpy as np
import numpy.typing as npt
from jaxtyping import Bool, Float, Int

from anchordiff.checks import BOOLS, FLOATS, check_array, check_integer
from anchordiff.kernels._jit import kernel

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


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
        added[:num] = 0
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


@kernel()
def _optimal_rows(trajectory: Floats, taken: Bools, out: Ints) -> None:
    """Fill `out`; a row that cannot be filled gets -1 as its first entry.

    `best[k, j]` is the least error up to anchor `j` with `k` steps drawn. The chord from `i` to `j = i + g`
    errs by `Σ |y_l - (m/g) y_j|²` with `y_l = x_l - x_i` and `m = l - i`: two running sums over `l` give it.
    """
    horizon, dim = trajectory.shape[1], trajectory.shape[2]
    count = out.shape[1]
    best = np.empty((count + 1, horizon))
    source = np.empty((count + 1, horizon), np.int64)
    cost = np.empty(horizon)
    moment = np.empty(dim)
    for b in range(out.shape[0]):
        free = ~taken[b]
        best[:] = np.inf
        if count >= free[0]:
            best[np.int64(free[0]), 0] = 0.0
        stretch_end = 0
        for i in range(horizon - 1):
            if stretch_end == i:  # the next step that must be an anchor
                stretch_end = i + 1
                while stretch_end < horizon - 1 and free[stretch_end]:
                    stretch_end += 1
            squares = 0.0
            moment[:] = 0.0
            for j in range(i + 1, stretch_end + 1):
                gap = np.float64(j - i)
                chord, cross = 0.0, 0.0
                for d in range(dim):
                    y = np.float64(trajectory[b, j, d]) - np.float64(trajectory[b, i, d])
                    chord += y * y
                    cross += y * moment[d]
                    moment[d] += gap * y
                error = squares - 2.0 * cross / gap + chord * (gap - 1.0) * (2.0 * gap - 1.0) / (6.0 * gap)
                cost[j] = max(error, 0.0)
                squares += chord
            free_end = stretch_end + 1 if free[stretch_end] else stretch_end
            prices = cost[i + 1 : free_end]
            for k in range(count + 1):
                base = best[k, i]
                if base == np.inf:
                    continue
                if k < count:
                    target, origin = best[k + 1, i + 1 : free_end], source[k + 1, i + 1 : free_end]
                    for j in range(prices.size):
                        total = base + prices[j]
                        better = total < target[j]
                        target[j] = total if better else target[j]
                        origin[j] = i if better else origin[j]
                if not free[stretch_end] and base + cost[stretch_end] < best[k, stretch_end]:
                    best[k, stretch_end] = base + cost[stretch_end]
                    source[k, stretch_end] = i
        if best[count, horizon - 1] == np.inf:
            out[b, 0] = -1
            continue
        k, j = count, horizon - 1
        while True:
            if free[j]:
                k -= 1
                out[b, k] = j
            if j == 0:
                break
            j = source[k + np.int64(free[j]), j]


def spread_evenly(taken: Bool[np.ndarray, "batch horizon"], count: int) -> Bool[np.ndarray, "batch horizon"]:
    """Choose `count` free steps a row so that the widest gap between anchors is as small as it can be.

    Free ends are chosen first (step 0 before the last); then every gap is divided into equal parts, with
    steps rounded to the nearest. Of equally wide gaps the first gets the next anchor.

    Args:
        taken: steps that are anchors already.
        count: steps to add; at most the free steps of every row.

    Raises:
        ValueError: if a row has too few free steps, or shapes or dtypes do not fit.
    """
    taken = check_taken(taken)
    check_integer("count", count, least=0)
    free = taken.shape[1] - taken.sum(axis=1)
    if len(free) and count > free.min():
        row = int(free.argmin())
        raise ValueError(f"count must be at most the free steps of row {row}, {free[row]}, found {count}")
    out = np.zeros(taken.shape, np.bool_)
    _spread(taken, int(count), out)
    return out


def check_taken(taken: object, batch: int | str = "batch", horizon: int | str = "horizon") -> Bools:
    """Return marks of the steps that are anchors already as kernels need them, or refuse them."""
    marks: Bools = check_array("taken", taken, BOOLS, (batch, horizon))
    if marks.shape[1] < 2:
        raise ValueError(f"taken must have a horizon of at least 2 steps, found {marks.shape[1]}")
    return marks


def optimal_anchors(
    trajectory: Float[np.ndarray, "batch horizon dim"],
    num_keypoints: int,
    *,
    taken: Bool[np.ndarray, "batch horizon"] | None = None,
) -> Int[np.ndarray, "batch K"]:
    """Find the anchors whose linear interpolation has the least squared error, by dynamic programming.

    The work grows as `batch · K · horizon²`; the optimum is global. Of equally good choices the result is
    always the same one.

    Args:
        trajectory: states at every step.
        num_keypoints: K, steps to choose a row, the free ends among them.
        taken: steps that are anchors already; they help to interpolate and are not in the result.

    Raises:
        ValueError: if there is no such choice, shapes or dtypes do not fit, or a state is NaN, infinite or so
            large that errors overflow.

    Example:
        >>> import numpy as np
        >>> corner = np.array([[[0.0, 0.0], [1.0, 0.0], [2.0, 0.0], [2.0, 1.0]]])
        >>> optimal_anchors(corner, 3).tolist()
        [[0, 2, 3]]
    """
    trajectory = check_array("trajectory", trajectory, FLOATS, ("batch", "horizon", "dim"), finite=True)
    batch, horizon, _ = trajectory.shape
    free = ~check_taken(np.zeros((batch, horizon), np.bool_) if taken is None else taken, batch, horizon)
    check_integer("num_keypoints", num_keypoints)
    ends, steps = free[:, [0, -1]].sum(axis=1), free.sum(axis=1)
    unfit = (num_keypoints < ends) | (num_keypoints > steps)
    if unfit.any():
        row = int(unfit.argmax())
        raise ValueError(
            f"num_keypoints must be between the free ends and the free steps of row {row}, "
            f"{ends[row]} to {steps[row]}, found {num_keypoints}"
        )
    out = np.empty((batch, num_keypoints), np.int64)
    _optimal_rows(trajectory, ~free, out)
    if batch and out[:, 0].min() < 0:
        row = int(out[:, 0].argmin())
        raise ValueError(
            f"trajectory must hold numbers whose squares are finite, found up to {np.abs(trajectory[row]).max():g}"
        )
    return out
