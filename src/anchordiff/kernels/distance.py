"""Exact Euclidean distance between cell centres, in cells.

>>> import numpy as np
>>> signed_distance(np.array([[True, False, False, True]]))
array([[-1.,  1.,  1., -1.]], dtype=float32)
"""

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from anchordiff.kernels._jit import kernel
from anchordiff.kernels._squares import workspace, write_roots, write_signed, write_squares


@kernel()
def _distance(walls, line, squares):  # type: ignore[no-untyped-def]
    """Return the distance to the nearest wall."""
    rows, cols = walls.shape
    out = np.empty((rows, cols), np.float32)
    write_squares(walls, True, False, line, squares[0])
    write_roots(squares[0], rows * rows + cols * cols, out)
    return out


@kernel()
def _signed_distances(walls, line, squares):  # type: ignore[no-untyped-def]
    """Return the signed distance of each of a batch of grids."""
    out = np.empty(walls.shape, np.float32)
    for b in range(walls.shape[0]):
        write_signed(walls[b], line, squares, out[b])
    return out


def _check_walls(walls: NDArray[np.bool_], ndim: int) -> None:
    if walls.dtype != np.bool_ or walls.ndim != ndim or 0 in walls.shape[-2:]:
        axes = "(rows, cols)" if ndim == 2 else "(batch, rows, cols)"
        raise ValueError(
            f"walls must be a boolean array {axes}, not empty, found {walls.dtype} {walls.shape}"
        )


def distance(walls: Bool[np.ndarray, "rows cols"]) -> Float[np.ndarray, "rows cols"]:
    """Return the distance from each cell's centre to the nearest wall cell's centre.

    Args:
        walls: True where blocked. What lies outside the grid does not count here.

    Returns:
        float32, in cells; 0 in walls, infinite everywhere where there is no wall.
    """
    _check_walls(walls, 2)
    line, squares = workspace(*walls.shape)
    out: NDArray[np.float32] = _distance(walls, line, squares)
    return out


def signed_distance(walls: Bool[np.ndarray, "rows cols"]) -> Float[np.ndarray, "rows cols"]:
    """Return the distance from each cell's centre to the nearest cell of the other kind, negative in walls.

    What lies outside the grid counts as wall: a free cell at the border has distance 1. In a grid without a free
    cell, a wall's distance is the negative one to the outside.

    Args:
        walls: True where blocked.

    Returns:
        float32, in cells; at least 1 in free cells, at most -1 in walls.
    """
    _check_walls(walls, 2)
    line, squares = workspace(*walls.shape)
    out: NDArray[np.float32] = _signed_distances(walls[None], line, squares)[0]
    return out


def signed_distances(
    walls: Bool[np.ndarray, "batch rows cols"], *, threads: int = 1
) -> Float[np.ndarray, "batch rows cols"]:
    """Return `signed_distance` of each of a batch of grids.

    Args:
        walls: True where blocked.
        threads: how many threads share the batch; worth it above a thousand grids or so.
    """
    _check_walls(walls, 3)
    line, squares = workspace(*walls.shape[1:])
    out: NDArray[np.float32] = _signed_distances(walls, line, squares)
    return out
