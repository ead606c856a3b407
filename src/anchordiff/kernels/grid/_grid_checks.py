"""Checks of the arguments that the grid kernels share."""

from itertools import pairwise
from numbers import Integral

import numpy as np
from jaxtyping import Bool, Float, Int

from anchordiff.checks import BOOLS, FLOATS, check_array, check_integer

MAX_SIDE = 32_000
MOST_POINTS = 2**31 - 1


def check_walls(walls: Bool[np.ndarray, "..."], *, ndim: int) -> Bool[np.ndarray, "..."]:
    """Return walls as a contiguous array of `ndim` axes, or say what is wrong with them."""
    grids: Bool[np.ndarray, "..."] = check_array("walls", walls, BOOLS, ("batch", "rows", "cols")[-ndim:])
    rows, cols = walls.shape[-2:]
    if not (0 < rows <= MAX_SIDE and 0 < cols <= MAX_SIDE):
        raise ValueError(f"walls must have 1 to {MAX_SIDE} rows and cols, found shape {walls.shape}")
    return grids


def check_cells(name: str, given: object, batch: int, grid: tuple[int, ...]) -> Int[np.ndarray, "batch 2"]:
    """Return cells (row, col) as contiguous int64, or say which one lies outside the grid."""
    try:
        cells: Int[np.ndarray, "batch 2"] = np.asarray(given)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be integers (row, col), found {given!r}") from None
    if not np.issubdtype(cells.dtype, np.integer):
        raise ValueError(f"{name} must be integers (row, col), found dtype {cells.dtype}")
    if cells.shape != (batch, 2):
        raise ValueError(f"{name} must have shape ({batch}, 2), found {cells.shape}")
    cells = np.ascontiguousarray(cells, dtype=np.int64)
    # Read as unsigned numbers, negative ones are large. Column by column: rows of two are slow to go through.
    row_numbers, col_numbers = cells.view(np.uint64).T
    outside = (row_numbers >= grid[0]) | (col_numbers >= grid[1])
    if outside.any():
        first = int(outside.argmax())
        row, col = cells[first].tolist()
        raise ValueError(
            f"{name}[{first}] must lie in the grid of {grid[0]} x {grid[1]} cells, found ({row}, {col})"
        )
    return cells


def check_connectivity(connectivity: int) -> int:
    """Return 4 or 8."""
    if not isinstance(connectivity, Integral) or connectivity not in (4, 8):
        raise ValueError(f"connectivity must be 4 or 8, found {connectivity!r}")
    return connectivity


def check_threads(threads: int) -> int:
    """Return a positive number of threads."""
    check_integer("threads", threads)
    return threads


def check_polyline(
    points: Float[np.ndarray, "n dim"], *, dim: int | str = "dim", least: int = 1
) -> Float[np.ndarray, "n dim"]:
    """Return at least so many points whose distances can be told, as a contiguous array, or say what is wrong."""
    line: Float[np.ndarray, "n dim"] = check_array("points", points, FLOATS, ("n", dim), finite=True)
    if len(line) < least:
        raise ValueError("points must hold at least one point, found none")
    most = np.sqrt(np.finfo(line.dtype).max / max(line.shape[1], 1)) / 4
    if line.size and np.abs(line).max() > most:
        raise ValueError(f"points must be within {most:.1e}, found {np.abs(line).max():.1e}")
    return line


def chunks(count: int, parts: int) -> list[slice]:
    """Split range(count) into at most `parts` slices of nearly equal length (one empty slice of nothing)."""
    parts = max(1, min(parts, count))
    edges = [count * part // parts for part in range(parts + 1)]
    return [slice(first, last) for first, last in pairwise(edges)]
