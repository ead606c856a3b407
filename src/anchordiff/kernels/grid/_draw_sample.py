"""Making one sample of the particle maze: the private kernels behind `particle_samples`."""

import numpy as np
from numpy.typing import NDArray

from anchordiff.kernels._jit import kernel
from anchordiff.kernels.grid._astar8 import _octile_path, _octile_workspace_size
from anchordiff.kernels.grid._bit_search import bit_steps, bit_workspace_size, pack_free
from anchordiff.kernels.grid._draw_maze import draw_maze, draw_pair
from anchordiff.kernels.grid._flood import SIDE
from anchordiff.kernels.grid._pull import SCRATCH
from anchordiff.kernels.grid._random import draw_uniform, open_stream
from anchordiff.kernels.grid._resample import resample_evenly, resample_through_vertices
from anchordiff.kernels.grid._taut import taut, trace
from anchordiff.kernels.grid._wall_bits import as_halves, find_corners, grown_line_is_free, pack_walls

Walls = NDArray[np.bool_]
Floats = NDArray[np.float64]

_MAZES = 1000
_DRAWS = 64
_TOUCH = 1e-5
_ROUNDING = 1e-4
_SQRT_8 = np.sqrt(8.0)


@kernel()
def _jitter(
    walls: Walls, state: NDArray[np.uint64], row: int, col: int, clearance: float, out: NDArray[np.float32]
) -> None:
    """Draw a position in cell (row, col), at least `clearance` from walls, into `out` (x, y).

    The range of each axis ends `clearance` before the cell's side, or on the side where none of the three cells
    beyond it is a wall.
    """
    # Bitwise: what cannot be foreseen costs more in a branch than in a few operations.
    up_left, up_right = walls[row - 1, col - 1], walls[row - 1, col + 1]
    down_left, down_right = walls[row + 1, col - 1], walls[row + 1, col + 1]
    x0 = col + clearance * (up_left | walls[row, col - 1] | down_left)
    x1 = col + 1.0 - clearance * (up_right | walls[row, col + 1] | down_right)
    y0 = row + clearance * (up_left | walls[row - 1, col] | up_right)
    y1 = row + 1.0 - clearance * (down_left | walls[row + 1, col] | down_right)
    out[0] = np.float32(x0 + (x1 - x0) * draw_uniform(state))
    out[1] = np.float32(y0 + (y1 - y0) * draw_uniform(state))


@kernel()
def _trajectory_is_free(
    bits: NDArray[np.uint64],
    points: Floats,
    count: int,
    clearance: float,
    lengths: Floats,
    trajectory: NDArray[np.float32],
) -> bool:
    """Say whether no step of an evenly resampled polyline cuts a vertex so far that it hits a wall.

    The polyline keeps `clearance`. A chord of length c under an arc of length h lies within c / 2 of the arc's ends,
    and within sqrt(h² - c²) / 2 of its other points; so never farther from the arc than h / sqrt(8).
    """
    horizon = trajectory.shape[0]
    step = lengths[count - 1] / (horizon - 1)
    if step < _SQRT_8 * (clearance - _ROUNDING):
        return True
    for i in range(1, count - 1):
        # The step that passes the vertex. One that begins or ends there, but for rounding, cuts nothing.
        k = min(int(lengths[i] / step), horizon - 2)
        if not grown_line_is_free(
            bits,
            np.float64(trajectory[k, 0]),
            np.float64(trajectory[k, 1]),
            np.float64(trajectory[k + 1, 0]),
            np.float64(trajectory[k + 1, 1]),
            _TOUCH,
        ):
            return False
    return True


@kernel()
def _draw_trip(
    walls: Walls,
    state: NDArray[np.uint64],
    draws: int,
    min_l1: int,
    smooth: bool,
    clearance: float,
    pair: NDArray[np.int64],
    cells: NDArray[np.int32],
    integers: NDArray[np.int32],
    words: NDArray[np.uint32],
    bits: NDArray[np.uint64],
    corners: NDArray[np.uint64],
    points: Floats,
    lengths: Floats,
    scratch: Floats,
    ends: NDArray[np.float32],
    trajectory: NDArray[np.float32],
) -> bool:
    """Draw start and goal, `ends` (2, 2), until an expert's trajectory joins them; False after `draws` draws.

    `words` is empty, or holds the free cells for a quick look whether a search will find a way at all.
    """
    for _ in range(draws):
        if not draw_pair(walls, state, min_l1, pair):
            continue
        if len(words) > 0 and bit_steps(words, pair[0], pair[1], pair[2], pair[3]) < 0:
            continue
        count = _octile_path(walls, pair[0], pair[1], pair[2], pair[3], cells, integers)
        if count == 0:
            continue
        _jitter(walls, state, pair[0], pair[1], clearance, ends[0])
        _jitter(walls, state, pair[2], pair[3], clearance, ends[1])
        count = trace(cells, count, ends, points)
        if smooth:
            count = taut(bits, corners, points, count, clearance, scratch)
        resample_evenly(points, count, lengths, trajectory)
        if _trajectory_is_free(bits, points, count, clearance, lengths, trajectory):
            return True
        if resample_through_vertices(points, count, lengths, trajectory):
            return True
    return False


@kernel()
def make_samples(
    seed: int,
    index: NDArray[np.int64],
    pairs: int,
    kind: int,
    lowest: float,
    highest: float,
    min_l1: int,
    smooth: bool,
    clearance: float,
    words: int,
    all_walls: Walls,
    all_ends: NDArray[np.float32],
    all_trajectories: NDArray[np.float32],
) -> int:
    """Fill the arrays with the samples of `index`; return how many were made before one could not be.

    Maze number index // pairs is drawn anew until a trip of its own stream is found in it: the trip of its first
    sample. The others draw from streams of theirs, in the same maze.
    """
    rows, cols = all_walls.shape[1:]
    state = np.empty(1, np.uint64)
    pair = np.empty(4, np.int64)
    bits = np.empty((rows, words), np.uint64)
    halves = as_halves(bits)
    corners = np.empty((rows + 1, words, 3), np.uint64)
    cells = np.empty((rows * cols, 2), np.int32)
    integers = np.empty(_octile_workspace_size(rows, cols), np.int32)
    small = rows <= SIDE and cols <= SIDE
    free = np.empty(bit_workspace_size(rows, cols) if small else 0, np.uint32)
    work = np.empty(rows * cols + 8, np.int64)
    points = np.empty((2 * rows * cols + 64, 4), np.float64)
    lengths = np.empty(2 * rows * cols + 64, np.float64)
    scratch = np.empty((SCRATCH, 4), np.float64)
    previous, attempt = -1, 0
    for b in range(index.shape[0]):
        walls = all_walls[b]
        maze = index[b] // pairs
        trip = index[b] - maze * pairs
        fresh = trip == 0 or maze != previous
        if fresh:
            attempt = 0
            previous = maze
        else:
            for i in range(rows):
                for j in range(cols):
                    walls[i, j] = all_walls[b - 1, i, j]
        done = False
        while not done:
            if fresh:
                open_stream(state, seed, maze, attempt)
                draw_maze(kind, walls, state, lowest, highest, work)
                pack_walls(walls, halves)
                if smooth:
                    find_corners(bits, corners)
                if small:
                    pack_free(walls, free)
            else:
                open_stream(state, seed, maze, trip * _MAZES + attempt)
            found = _draw_trip(
                walls, state, _DRAWS if fresh else _DRAWS * _MAZES, min_l1, smooth, clearance, pair, cells,
                integers, free, bits, corners, points, lengths, scratch, all_ends[:, b], all_trajectories[b],
            )  # fmt: skip
            if fresh and found:
                fresh = False
                done = trip == 0
            elif found:
                done = True
            else:
                attempt += 1
                if not fresh or attempt == _MAZES:
                    return b
    return len(index)
