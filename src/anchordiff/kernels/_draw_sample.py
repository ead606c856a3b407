"""Making one sample of the particle maze: the private kernels behind `particle_samples`."""

import numpy as np
from numpy.typing import NDArray

from anchordiff.kernels._astar8 import _octile_path
from anchordiff.kernels._draw_maze import draw_maze, draw_pair
from anchordiff.kernels._jit import kernel
from anchordiff.kernels._random import draw_uniform, open_stream
from anchordiff.kernels._resample import resample_evenly, resample_through_vertices
from anchordiff.kernels._taut import taut
from anchordiff.kernels._wall_bits import find_corners, grown_line_is_free, pack_walls
from anchordiff.kernels.distance import _write_signed

_MAZES = 1000
_DRAWS = 64


@kernel()
def _jitter(walls, state, row, col, clearance, out):  # type: ignore[no-untyped-def]
    """Draw a position in cell (row, col), at least `clearance` from walls, into `out` (x, y).

    The range of each axis ends `clearance` before the cell's side, or on the side where none of the three cells
    beyond it is a wall.
    """
    left = not (walls[row - 1, col - 1] or walls[row, col - 1] or walls[row + 1, col - 1])
    right = not (walls[row - 1, col + 1] or walls[row, col + 1] or walls[row + 1, col + 1])
    up = not (walls[row - 1, col - 1] or walls[row - 1, col] or walls[row - 1, col + 1])
    down = not (walls[row + 1, col - 1] or walls[row + 1, col] or walls[row + 1, col + 1])
    x0 = col + (0.0 if left else clearance)
    x1 = col + 1.0 - (0.0 if right else clearance)
    y0 = row + (0.0 if up else clearance)
    y1 = row + 1.0 - (0.0 if down else clearance)
    out[0] = np.float32(x0 + (x1 - x0) * draw_uniform(state))
    out[1] = np.float32(y0 + (y1 - y0) * draw_uniform(state))


@kernel()
def _drop_straight(points, count):  # type: ignore[no-untyped-def]
    """Drop the vertices between equal steps, in place; return the new count."""
    kept = 1
    for i in range(1, count - 1):
        if (
            points[i + 1, 0] - points[i, 0] != points[i, 0] - points[kept - 1, 0]
            or points[i + 1, 1] - points[i, 1] != points[i, 1] - points[kept - 1, 1]
        ):
            straight = False
            if kept > 0:
                ax, ay = points[i, 0] - points[kept - 1, 0], points[i, 1] - points[kept - 1, 1]
                bx, by = points[i + 1, 0] - points[i, 0], points[i + 1, 1] - points[i, 1]
                straight = ax * by == ay * bx and ax * bx + ay * by > 0.0
            if straight:
                continue
            points[kept] = points[i]
            kept += 1
    points[kept] = points[count - 1]
    return kept + 1


@kernel()
def _trajectory_is_free(bits, points, count, lengths, trajectory):  # type: ignore[no-untyped-def]
    """Say whether no step of an evenly resampled polyline cuts a vertex so far that it hits a wall."""
    horizon = trajectory.shape[0]
    step = lengths[count - 1] / (horizon - 1)
    for i in range(1, count - 1):
        n = min(int(lengths[i] / step), horizon - 2)
        for k in range(max(n - 1, 0), min(n + 2, horizon - 1)):
            if not grown_line_is_free(
                bits,
                trajectory[k, 0],
                trajectory[k, 1],
                trajectory[k + 1, 0],
                trajectory[k + 1, 1],
                1e-6,
            ):
                return False
    return True


@kernel()
def make_samples(  # type: ignore[no-untyped-def]
    seed,
    index,
    kind,
    lowest,
    highest,
    min_l1,
    smooth,
    clearance,
    words,
    line,
    squares,
    integers,
    all_walls,
    all_sdf,
    all_starts,
    all_goals,
    all_trajectories,
) -> int:
    """Fill the arrays with the samples of `index`; return how many were made before one could not be."""
    rows, cols = all_walls.shape[1:]
    state = np.empty(1, np.uint64)
    pair = np.empty(4, np.int64)
    bits = np.empty((rows, words), np.uint64)
    corners = np.empty((rows + 1, words), np.uint64)
    cells = np.empty((rows * cols, 2), np.int32)
    points = np.empty((2 * rows * cols + 64, 2), np.float64)
    lengths = np.empty(2 * rows * cols + 64, np.float64)
    chain = np.empty((64, 2), np.float64)
    triangle = np.empty(6, np.float64)
    for b in range(index.shape[0]):
        walls, trajectory = all_walls[b], all_trajectories[b]
        found = False
        for attempt in range(_MAZES):
            open_stream(state, seed, index[b], attempt)
            draw_maze(kind, walls, state, lowest, highest)
            for _ in range(_DRAWS):
                if not draw_pair(walls, state, min_l1, pair):
                    continue
                count = _octile_path(walls, pair[0], pair[1], pair[2], pair[3], cells, integers)
                if count == 0:
                    continue
                _jitter(walls, state, pair[0], pair[1], clearance, all_starts[b])
                _jitter(walls, state, pair[2], pair[3], clearance, all_goals[b])
                for i in range(1, count - 1):
                    points[i, 0] = cells[i, 1] + 0.5
                    points[i, 1] = cells[i, 0] + 0.5
                for d in range(2):
                    points[0, d] = all_starts[b, d]
                    points[count - 1, d] = all_goals[b, d]
                count = _drop_straight(points, count)
                pack_walls(walls, bits)
                if smooth:
                    find_corners(bits, corners)
                    count = taut(bits, corners, points, count, clearance, chain, triangle)
                resample_evenly(points, count, lengths, trajectory)
                if _trajectory_is_free(bits, points, count, lengths, trajectory) or resample_through_vertices(
                    points, count, lengths, trajectory
                ):
                    found = True
                    break
            if found:
                break
        if not found:
            return b
        _write_signed(walls, line, squares, all_sdf[b])
    return index.shape[0]
