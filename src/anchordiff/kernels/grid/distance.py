"""Exact Euclidean distance between cell centres, in cells.

>>> import numpy as np
>>> signed_distance(np.array([[True, False, False, True]]))
array([[-1.,  1.,  1., -1.]], dtype=float32)
"""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from anchordiff.kernels._jit import kernel
from anchordiff.kernels.grid._grid_checks import check_threads, check_walls, chunks
from anchordiff.kernels.grid._near_squares import near_workspace, write_signed_near
from anchordiff.kernels.grid._squares import workspace, write_signed, write_unsigned

_PARALLEL_CELLS = 1_000_000


class _Workspace(threading.local):
    """The memory of a thread's last call, whose constants hold for the next grid of that size."""

    def __init__(self) -> None:
        self.shape = (0, 0)
        self.numbers: NDArray[np.signedinteger] = np.empty(0, np.int16)
        self.bytes: NDArray[np.uint8] = np.empty(0, np.uint8)

    def prepare(self, rows: int, cols: int) -> "_Workspace":
        """Get memory for grids of one size."""
        if self.shape != (rows, cols):
            self.numbers = workspace(rows, cols)
            self.bytes = near_workspace(rows, cols)
            self.shape = (rows, cols)
        return self


_kept = _Workspace()


@kernel()
def _fill_signed(
    walls: NDArray[np.bool_],
    memory: NDArray[np.signedinteger],
    near_memory: NDArray[np.uint8],
    out: NDArray[np.float32],
) -> None:
    """Write the signed distance of each of a batch of grids."""
    batch, rows, cols = walls.shape
    small = len(near_memory) > 0
    flat_walls, flat_out = walls.reshape(walls.size), out.reshape(out.size)
    for b in range(batch):
        if not (small and write_signed_near(flat_walls, b, rows, cols, near_memory, flat_out)):
            write_signed(walls[b], memory, out[b])


def _fill_part(walls: NDArray[np.bool_], out: NDArray[np.float32]) -> None:
    kept = _kept.prepare(*walls.shape[1:])
    _fill_signed(walls, kept.numbers, kept.bytes, out)


def distance(walls: Bool[np.ndarray, "rows cols"]) -> Float[np.ndarray, "rows cols"]:
    """Return the distance from each cell's centre to the nearest wall cell's centre.

    Args:
        walls: True where blocked. What lies outside the grid does not count here.

    Returns:
        float32, in cells; 0 in walls, infinite everywhere where there is no wall.
    """
    walls = check_walls(walls, ndim=2)
    out = np.empty(walls.shape, np.float32)
    write_unsigned(walls, _kept.prepare(*walls.shape).numbers, out)
    return out


def signed_distance(walls: Bool[np.ndarray, "rows cols"]) -> Float[np.ndarray, "rows cols"]:
    """Return the distance from each cell's centre to the nearest cell of the other kind, negative in walls.

    What lies outside the grid counts as wall: a free cell at the border has distance 1. In a grid without a
    free cell, a wall's distance is the negative one to the outside.

    Args:
        walls: True where blocked.

    Returns:
        float32, in cells; at least 1 in free cells, at most -1 in walls.
    """
    out: NDArray[np.float32] = signed_distances(check_walls(walls, ndim=2)[None])[0]
    return out


def signed_distances(
    walls: Bool[np.ndarray, "batch rows cols"], *, threads: int = 1
) -> Float[np.ndarray, "batch rows cols"]:
    """Return `signed_distance` of each of a batch of grids.

    Args:
        walls: True where blocked.
        threads: share large batches (from about a million cells) among this many threads; keep 1 inside worker
            processes.
    """
    walls = check_walls(walls, ndim=3)
    out = np.empty(walls.shape, np.float32)
    parts = [slice(None)]
    if check_threads(threads) > 1 and walls.size >= _PARALLEL_CELLS:
        parts = chunks(len(walls), threads)
    if len(parts) == 1:
        _fill_part(walls, out)
        return out
    with ThreadPoolExecutor(len(parts)) as pool:
        for _ in pool.map(lambda part: _fill_part(walls[part], out[part]), parts):
            pass
    return out
