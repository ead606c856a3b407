"""Resampling a polyline to a number of points: the private kernels behind `resample`."""

import numpy as np
from numpy.typing import NDArray

from anchordiff.kernels._jit import kernel

Floats = NDArray[np.floating]


@kernel()
def resample_evenly(points: Floats, count: int, lengths: Floats, out: Floats) -> float:
    """Write `out.shape[0]` points at equal steps of arc length along `points[:count]`; return the length.

    `lengths` is workspace (count). The first and the last point are exact.
    """
    horizon, dim = out.shape
    lengths[0] = 0.0
    for i in range(1, count):
        square = 0.0
        for d in range(dim):
            square += (points[i, d] - points[i - 1, d]) ** 2
        lengths[i] = lengths[i - 1] + np.sqrt(square)
    total: float = lengths[count - 1]
    step = total / (horizon - 1)
    k = 0
    for i in range(count - 1):
        piece = lengths[i + 1] - lengths[i]
        if piece <= 0.0:
            continue
        stop = min(int(lengths[i + 1] / step) + 1, horizon - 1)
        # The inner loop runs over many points, not over few dimensions.
        for d in range(dim):
            slope = (points[i + 1, d] - points[i, d]) / piece
            offset = points[i, d] - lengths[i] * slope
            for n in range(k, stop):
                out[n, d] = offset + n * step * slope
        k = max(k, stop)
    for n in range(k, horizon):
        for d in range(dim):
            out[n, d] = points[count - 1, d]
    for d in range(dim):
        out[0, d] = points[0, d]
    return total


@kernel()
def resample_through_vertices(points: Floats, count: int, lengths: Floats, out: Floats) -> bool:
    """Like `resample_evenly` with steps as equal as they can be while every vertex stays a point of `out`.

    Needs `lengths` as `resample_evenly` left it. Returns False, and writes nothing, where there are more vertices
    than points.
    """
    horizon, dim = out.shape
    if count > horizon:
        return False
    total = lengths[count - 1]
    spare = horizon - count
    done = 0
    n = 0
    for i in range(count - 1):
        # Each segment has one step, and its share of the spare ones (rounded so that the shares add up).
        upto = int(np.round(spare * lengths[i + 1] / total))
        steps = 1 + upto - done
        done = upto
        for s in range(steps):
            weight = s / steps
            for d in range(dim):
                out[n, d] = points[i, d] + weight * (points[i + 1, d] - points[i, d])
            n += 1
    for d in range(dim):
        out[n, d] = points[count - 1, d]
    return True
