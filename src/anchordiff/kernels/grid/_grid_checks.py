"""Checks of the arguments that the grid kernels share."""

from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Int

MAX_SIDE = 32_000


def check_walls(walls: Bool[np.ndarray, "..."], *, ndim: int) -> Bool[np.ndarray, "..."]:
    """Return walls as a contiguous array of `ndim` axes, or say what is wrong with them."""
    if not isinstance(walls, np.ndarray) or walls.dtype != np.bool_:
        found = f"dtype {walls.dtype}" if isinstance(walls, np.ndarray) else type(walls).__name__
        raise ValueError(f"walls must be a bool array, found {found}")
    if walls.ndim != ndim:
        raise ValueError(f"walls must have {ndim} axes, found shape {walls.shape}")
    rows, cols = walls.shape[-2:]
    if not (0 < rows <= MAX_SIDE and 0 < cols <= MAX_SIDE):
        raise ValueError(f"walls must have 1 to {MAX_SIDE} rows and cols, found shape {walls.shape}")
    return np.ascontiguousarray(walls)


def check_cells(
    name: str, cells: Int[np.ndarray, "batch 2"], batch: int, grid: tuple[int, ...]
) -> Int[np.ndarray, "batch 2"]:
    """Return cells (row, col) as contiguous int64, or say which one lies outside the grid."""
    cells = np.asarray(cells)
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
    if connectivity not in (4, 8):
        raise ValueError(f"connectivity must be 4 or 8, found {connectivity!r}")
    return connectivity


def check_threads(threads: int) -> int:
    """Return a positive number of threads."""
    if threads < 1:
        raise ValueError(f"threads must be at least 1, found {threads}")
    return threads


def chunks(count: int, parts: int) -> list[slice]:
    """Split range(count) into at most `parts` slices of nearly equal length (one empty slice of nothing)."""
    parts = max(1, min(parts, count))
    edges = [count * part // parts for part in range(parts + 1)]
    return [slice(first, last) for first, last in pairwise(edges)]
