"""What is seen at points of a grid whose cells have features, for a few points on a CPU.

Notation: p are estimates in units of `scale` around `origin`, so that a point lies in the cell of `origin + scale · p`.
"""

import math
from typing import NamedTuple

import numpy as np

from anchordiff.kernels._dense import Floats
from anchordiff.kernels._jit import kernel


class Cells(NamedTuple):
    """A batch of grids, and where the estimates' zero lies.

    Attributes:
        features: of each cell, row by row, (conditions, cells, channels).
        origin: where the estimate's zero lies, in cells, (batch, points, dim).
        scale: cells of one unit of the estimate, (dim,).
        cols: columns of the grid.
        octaves: octaves of the Fourier features of where in its cell a point lies.
    """

    features: Floats
    origin: Floats
    scale: Floats
    cols: int
    octaves: int


@kernel()  # without fast mathematics, which would take it for granted that no estimate is NaN
def look_up(points: Floats, cells: Cells) -> Floats:
    """Features of the cells that hold the points, and where in its cell each point lies.

    Args:
        points: estimates, (batch, points, dim); `batch` is a multiple of the conditions.
        cells: what is looked at.

    Returns:
        (batch, points, channels + 2 + 4 octaves).
    """
    batch, count, _ = points.shape
    conditions, number, channels = cells.features.shape
    rows = number // cells.cols
    out = np.empty((batch, count, channels + 2 + 4 * cells.octaves), np.float32)
    for b in range(batch):
        features = cells.features[b // (batch // conditions)]
        for i in range(count):
            x = cells.origin[b, i, 0] + cells.scale[0] * points[b, i, 0]
            y = cells.origin[b, i, 1] + cells.scale[1] * points[b, i, 1]
            left, top = np.floor(x), np.floor(y)
            # A NaN is larger than nothing: it looks at the first cell, and stays NaN in the offsets.
            col = int(min(left, np.float32(cells.cols - 1))) if left > 0 else 0
            row = int(min(top, np.float32(rows - 1))) if top > 0 else 0
            found = features[row * cells.cols + col]
            for k in range(channels):
                out[b, i, k] = found[k]
            for axis in range(2):
                offset = np.float32(2) * (x - left if axis == 0 else y - top) - np.float32(1)
                out[b, i, channels + axis] = offset
                for octave in range(cells.octaves):
                    angle = np.float32(math.pi * 2.0**octave) * offset
                    place = channels + 2 + axis * cells.octaves + octave
                    out[b, i, place] = math.sin(angle)
                    out[b, i, place + 2 * cells.octaves] = math.cos(angle)
    return out
