"""Pulling polylines taut: short paths that keep their distance from walls.

>>> import numpy as np
>>> walls = np.array([[False, False, False], [False, True, False]])
>>> string_pull(walls, np.array([[0.5, 1.5], [0.5, 0.5], [2.5, 0.5], [2.5, 1.5]]), clearance=0.25).round(2).tolist()
[[0.5, 1.5], [0.75, 0.75], [2.25, 0.75], [2.5, 1.5]]
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from anchordiff.checks import FLOATS, INTEGERS, check_array, check_number
from anchordiff.kernels.grid._grid_checks import check_polyline, check_walls
from anchordiff.kernels.grid._taut import pull_clear_parts
from anchordiff.kernels.grid._wall_bits import num_words


def string_pull(
    walls: Bool[np.ndarray, "rows cols"], points: Float[np.ndarray, "n 2"], *, clearance: float = 0.2
) -> Float[np.ndarray, "m 2"]:
    """Shorten a polyline, as a string that is pulled, without coming nearer to walls than `clearance`.

    Each longest run of segments that keep the clearance becomes the shortest path among its neighbours: it is pulled
    taut around grown walls (squares whose sides are moved out by `clearance`) and then shortened by lines of sight,
    until neither helps. Segments that come closer to a wall than that stay as they are. The result is never longer
    than `points`, and has the same ends.

    Args:
        walls: True where blocked; the outside of the grid is wall too.
        points: positions (x, y), in cells.
        clearance: least distance to walls along each axis, in cells; more than 0 and less than 0.5.
    """
    walls = check_walls(walls, ndim=2)
    points = check_polyline(points, dim=2)
    check_clearance(clearance)
    pulled = pull_clear_parts(walls, points.astype(np.float64), float(clearance), num_words(walls.shape[1]))
    out: Float[np.ndarray, "m 2"] = pulled.astype(points.dtype)
    return out


def smooth_path(
    walls: Bool[np.ndarray, "rows cols"],
    cells: Int[np.ndarray, "n 2"],
    start: Float[np.ndarray, "2"],
    goal: Float[np.ndarray, "2"],
    *,
    clearance: float = 0.2,
) -> Float[np.ndarray, "m 2"]:
    """Turn a path of cells into a taut polyline between two positions in its first and last cell.

    Args:
        walls: True where blocked.
        cells: (row, col) of neighbouring cells, as `shortest_path` returns them.
        start: position (x, y) in the first cell, in cells.
        goal: position (x, y) in the last cell, in cells.
        clearance: see `string_pull`.
    """
    centres = check_array("cells", cells, INTEGERS, ("n", 2))[1:-1, ::-1] + 0.5
    ends = [
        check_array(name, np.asarray(end, np.float64), FLOATS, (2,), finite=True)[None]
        for name, end in (("start", start), ("goal", goal))
    ]
    points = np.concatenate([ends[0], centres, ends[1]])
    return string_pull(walls, points, clearance=clearance)


def check_clearance(clearance: float) -> None:
    """Say so if no path can keep such a clearance in a corridor of one cell."""
    check_number("clearance", clearance, above=0.0, below=0.5)
