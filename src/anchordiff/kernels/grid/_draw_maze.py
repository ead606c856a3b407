"""Drawing mazes and pairs of cells from a random stream: the private kernels behind `maze` and `sample`.

Perfect mazes and rooms live on a lattice: cells with odd row and column are always free, those with even row and
column always walls; hence odd `rows` and `cols`, and no wall that ends in front of a door.
"""

import numpy as np
from numpy.typing import NDArray

from anchordiff.kernels._jit import kernel
from anchordiff.kernels.grid._random import draw, draw_ahead, draw_below, draw_uniform, skip

RANDOM, DEPTH_FIRST, WILSON, ROOMS, CAVES = range(5)

Walls = NDArray[np.bool_]
State = NDArray[np.uint64]
Ints = NDArray[np.int64]

_STEPS = np.array([[-1, 0], [1, 0], [0, -1], [0, 1]])
_LARGEST_ROOM = 5
_CAVE_DENSITY = (0.38, 0.48)
_CAVE_ROUNDS = 3


@kernel()
def scatter_walls(walls: Walls, state: State, lowest: float, highest: float, work: Ints) -> None:
    """Close the border; make each inner cell a wall with one probability drawn from [lowest, highest].

    A draw serves four cells. `work` (cells) holds all draws: their loop and the next one take many at a time.
    """
    rows, cols = walls.shape
    density = lowest + (highest - lowest) * draw_uniform(state)
    threshold = np.int64(density * 65536.0 + 0.5)
    words_a_row = (cols + 1) // 4
    count = words_a_row * (rows - 2)
    for k in range(count):
        work[k] = np.int64(draw_ahead(state, k))
    skip(state, count)
    parts = work.view(np.uint16)
    flat = walls.reshape(rows * cols)
    for i in range(rows):
        last = np.uint64(i * cols + cols - 1)
        flat[np.uint64(i * cols)] = True
        flat[last] = True
        if i == 0 or i == rows - 1:
            for j in range(cols):
                walls[i, j] = True
            continue
        source, target = np.uint64(4 * words_a_row * (i - 1)), np.uint64(i * cols + 1)
        for j in range(cols - 2):
            flat[target + np.uint64(j)] = parts[source + np.uint64(j)] < threshold


@kernel()
def carve_depth_first(walls: Walls, state: State, work: Ints) -> None:
    """Carve a perfect maze by a depth-first walk that turns at random; `work` (cells) holds the walk."""
    rows, cols = walls.shape
    walls[:, :] = True
    cell = (2 * draw_below(state, rows // 2) + 1) * cols + 2 * draw_below(state, cols // 2) + 1
    walls[cell // cols, cell % cols] = False
    work[0] = cell
    depth = 1
    while depth > 0:
        row, col = work[depth - 1] // cols, work[depth - 1] % cols
        ways = 0
        packed = 0
        for d in range(4):
            i, j = row + 2 * _STEPS[d, 0], col + 2 * _STEPS[d, 1]
            if 0 < i < rows and 0 < j < cols and walls[i, j]:
                packed |= d << (2 * ways)
                ways += 1
        if ways == 0:
            depth -= 1
            continue
        d = (packed >> (2 * draw_below(state, ways))) & 3
        walls[row + _STEPS[d, 0], col + _STEPS[d, 1]] = False
        row += 2 * _STEPS[d, 0]
        col += 2 * _STEPS[d, 1]
        walls[row, col] = False
        work[depth] = row * cols + col
        depth += 1


@kernel()
def carve_wilson(walls: Walls, state: State, work: Ints) -> None:
    """Carve a perfect maze, uniform among all of them, by loop-erased random walks (Wilson 1996).

    `work` (cells) remembers for each cell the direction in which the walk left it last.
    """
    rows, cols = walls.shape
    walls[:, :] = True
    walls[2 * draw_below(state, rows // 2) + 1, 2 * draw_below(state, cols // 2) + 1] = False
    for first_row in range(1, rows, 2):
        for first_col in range(1, cols, 2):
            row, col = first_row, first_col
            while walls[row, col]:
                d = draw_below(state, 4)
                i, j = row + 2 * _STEPS[d, 0], col + 2 * _STEPS[d, 1]
                if 0 < i < rows and 0 < j < cols:
                    work[row * cols + col] = d
                    row, col = i, j
            row, col = first_row, first_col
            while walls[row, col]:
                d = work[row * cols + col]
                walls[row, col] = False
                walls[row + _STEPS[d, 0], col + _STEPS[d, 1]] = False
                row += 2 * _STEPS[d, 0]
                col += 2 * _STEPS[d, 1]


@kernel()
def divide_rooms(walls: Walls, state: State, work: Ints) -> None:
    """Divide the grid by walls with doors until no room is longer than five cells (some stay larger by chance).

    A wall gets a door, and another one for each eight cells of its length. `work` (cells) is a stack of rooms.
    """
    rows, cols = walls.shape
    walls[:, :] = True
    walls[1 : rows - 1, 1 : cols - 1] = False
    work[0], work[1], work[2], work[3] = 1, 1, rows - 2, cols - 2
    size = 4
    while size > 0:
        size -= 4
        top, left, bottom, right = work[size], work[size + 1], work[size + 2], work[size + 3]
        height, width = bottom - top + 1, right - left + 1
        longest = max(height, width)
        if longest <= _LARGEST_ROOM or (longest <= 2 * _LARGEST_ROOM and draw_below(state, 4) == 0):
            continue
        across = height > width or (height == width and draw_below(state, 2) == 0)
        # Rooms keep at least three cells on both sides of a wall.
        wall = 4 + 2 * draw_below(state, (longest - 5) // 2)
        length = width if across else height
        if across:
            wall += top - 1
            walls[wall, left : right + 1] = True
        else:
            wall += left - 1
            walls[top : bottom + 1, wall] = True
        for _ in range(1 + length // 8):
            door = 2 * draw_below(state, (length + 1) // 2)
            if across:
                walls[wall, left + door] = False
            else:
                walls[top + door, wall] = False
        work[size], work[size + 1] = top, left
        work[size + 2], work[size + 3] = (wall - 1, right) if across else (bottom, wall - 1)
        work[size + 4], work[size + 5] = (wall + 1, left) if across else (top, wall + 1)
        work[size + 6], work[size + 7] = bottom, right
        size += 8


@kernel()
def grow_caves(walls: Walls, state: State, work: Ints) -> None:
    """Scatter walls, then let each inner cell be what most of the nine cells around it are, three times over.

    `work` (cells) holds a round's outcome.
    """
    rows, cols = walls.shape
    scatter_walls(walls, state, _CAVE_DENSITY[0], _CAVE_DENSITY[1], work)
    for _ in range(_CAVE_ROUNDS):
        for i in range(1, rows - 1):
            for j in range(1, cols - 1):
                count = 0
                for k in range(i - 1, i + 2):
                    for m in range(j - 1, j + 2):
                        count += walls[k, m]
                work[i * cols + j] = count
        for i in range(1, rows - 1):
            for j in range(1, cols - 1):
                walls[i, j] = work[i * cols + j] >= 5


@kernel()
def draw_maze(kind: int, walls: Walls, state: State, lowest: float, highest: float, work: Ints) -> None:
    """Draw the walls of a kind; `lowest` and `highest` bound the density of `RANDOM` ones."""
    if kind == RANDOM:
        scatter_walls(walls, state, lowest, highest, work)
    elif kind == DEPTH_FIRST:
        carve_depth_first(walls, state, work)
    elif kind == WILSON:
        carve_wilson(walls, state, work)
    elif kind == CAVES:
        grow_caves(walls, state, work)
    else:
        divide_rooms(walls, state, work)


@kernel()
def draw_pair(walls: Walls, state: State, min_l1: int, pair: Ints) -> bool:
    """Write a start and a goal, (row, col, row, col), into `pair`; False if one is a wall or they are too near."""
    rows, cols = walls.shape
    if rows <= 256 and cols <= 256:
        word = draw(state)
        for k in range(4):
            size = np.uint64(rows - 2 if k % 2 == 0 else cols - 2)
            pair[k] = 1 + np.int64(((word & np.uint64(0xFFFF)) * size) >> np.uint64(16))
            word >>= np.uint64(16)
    else:
        for k in range(4):
            pair[k] = 1 + draw_below(state, rows - 2 if k % 2 == 0 else cols - 2)
    # Bitwise: one branch for what cannot be foreseen, and not three.
    blocked = walls[pair[0], pair[1]] | walls[pair[2], pair[3]]
    near = abs(pair[0] - pair[2]) + abs(pair[1] - pair[3]) < min_l1
    good: bool = not (blocked | near)
    return good


@kernel()
def label_regions(walls: Walls, labels: NDArray[np.int32], work: Ints) -> None:
    """Number the connected regions of free cells from 1; walls get 0. `work` (cells) is a stack."""
    rows, cols = walls.shape
    labels[:, :] = 0
    regions = 0
    for first_row in range(rows):
        for first_col in range(cols):
            if walls[first_row, first_col] or labels[first_row, first_col] != 0:
                continue
            regions += 1
            labels[first_row, first_col] = regions
            work[0] = first_row * cols + first_col
            size = 1
            while size > 0:
                size -= 1
                row, col = work[size] // cols, work[size] % cols
                for d in range(4):
                    i, j = row + _STEPS[d, 0], col + _STEPS[d, 1]
                    if 0 <= i < rows and 0 <= j < cols and not walls[i, j] and labels[i, j] == 0:
                        labels[i, j] = regions
                        work[size] = i * cols + j
                        size += 1
