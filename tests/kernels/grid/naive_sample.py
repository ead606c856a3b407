"""A particle-maze sample in plain Python: the twin that the sample kernel must agree with, and be faster than.

It draws the same walls, start and goal from the same random numbers. Among equally short paths of cells it may
choose another one than the kernel. Loaded by its path, from the tests and from the benchmark.
"""

import heapq
import itertools
import math
from collections.abc import Callable

import numpy as np

STEP, ALL = 0x9E3779B97F4A7C15, 0xFFFFFFFFFFFFFFFF
MIX_1, MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
SLACK, INSIDE = 1e-5, 1e-6

Grid = list[list[bool]]
Cell = tuple[int, int]
Point = tuple[float, float]


def mix(value: int) -> int:
    value = ((value ^ (value >> 30)) * MIX_1) & ALL
    value = ((value ^ (value >> 27)) * MIX_2) & ALL
    return value ^ (value >> 31)


class Stream:
    """Random numbers named by (seed, index, stream)."""

    def __init__(self, seed: int, index: int, stream: int) -> None:
        key = mix((seed + STEP) & ALL)
        key = mix(key ^ ((index * STEP + MIX_2) & ALL))
        self.state = mix(key ^ ((stream * MIX_1 + STEP) & ALL))

    def draw(self) -> int:
        self.state = (self.state + STEP) & ALL
        return mix(self.state)

    def uniform(self) -> float:
        return (self.draw() >> 11) * 2.0**-53


def scatter_walls(stream: Stream, rows: int, cols: int, density: tuple[float, float]) -> Grid:
    threshold = int((density[0] + (density[1] - density[0]) * stream.uniform()) * 65536.0 + 0.5)
    walls = [[True] * cols for _ in range(rows)]
    for row in walls[1:-1]:
        for first in range(1, cols - 1, 4):
            word = stream.draw()
            for j in range(first, min(first + 4, cols - 1)):
                row[j] = (word & 0xFFFF) < threshold
                word >>= 16
    return walls


def draw_pair(walls: Grid, stream: Stream, min_l1: int) -> tuple[Cell, Cell] | None:
    word, found = stream.draw(), []
    for k in range(4):
        size = len(walls) - 2 if k % 2 == 0 else len(walls[0]) - 2
        found.append(1 + (((word & 0xFFFF) * size) >> 16))
        word >>= 16
    start, goal = (found[0], found[1]), (found[2], found[3])
    if walls[start[0]][start[1]] or walls[goal[0]][goal[1]]:
        return None
    far = abs(start[0] - goal[0]) + abs(start[1] - goal[1]) >= min_l1
    return (start, goal) if far else None


def octile_path(walls: Grid, start: Cell, goal: Cell) -> list[Cell] | None:
    """A* with a binary heap; no diagonal step cuts a corner."""
    diagonal = math.sqrt(2.0)

    def estimate(cell: Cell) -> float:
        rows, cols = abs(cell[0] - goal[0]), abs(cell[1] - goal[1])
        return max(rows, cols) + (diagonal - 1.0) * min(rows, cols)

    costs, parents, done = {start: 0.0}, {start: start}, set()
    queue = [(estimate(start), start)]
    while queue:
        _, cell = heapq.heappop(queue)
        if cell == goal:
            path = [goal]
            while path[-1] != start:
                path.append(parents[path[-1]])
            return path[::-1]
        if cell in done:
            continue
        done.add(cell)
        row, col = cell
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                i, j = row + down, col + right
                if walls[i][j] or walls[row][j] or walls[i][col] or (i, j) in done:
                    continue
                cost = costs[cell] + (diagonal if down and right else 1.0)
                if cost < costs.get((i, j), math.inf) - 1e-9:
                    costs[i, j], parents[i, j] = cost, cell
                    heapq.heappush(queue, (cost + estimate((i, j)), (i, j)))
    return None


def jitter(walls: Grid, stream: Stream, cell: Cell, clearance: float) -> Point:
    row, col = cell

    def margin(cells: list[Cell]) -> float:
        return clearance if any(walls[row + i][col + j] for i, j in cells) else 0.0

    x0 = col + margin([(-1, -1), (0, -1), (1, -1)])
    x1 = col + 1.0 - margin([(-1, 1), (0, 1), (1, 1)])
    y0 = row + margin([(-1, -1), (-1, 0), (-1, 1)])
    y1 = row + 1.0 - margin([(1, -1), (1, 0), (1, 1)])
    x = x0 + (x1 - x0) * stream.uniform()
    return float(np.float32(x)), float(np.float32(y0 + (y1 - y0) * stream.uniform()))


def line_is_free(walls: Grid, a: Point, b: Point, grow: float) -> bool:
    """Whether a segment stays out of every wall square grown by `grow`, row by row."""
    (ax, ay), (bx, by) = (a, b) if a[1] <= b[1] else (b, a)
    slope = (bx - ax) / (by - ay) if by - ay > 1e-12 else 0.0
    for row in range(math.floor(ay - 1.0 - grow) + 1, math.ceil(by + grow)):
        x0, x1 = ax, bx
        if slope or by - ay > 1e-12:
            x0 = ax + (max(row - grow, ay) - ay) * slope
            x1 = ax + (min(row + 1.0 + grow, by) - ay) * slope
        if x0 > x1:
            x0, x1 = x1, x0
        if any(walls[row][math.floor(x0 - 1.0 - grow) + 1 : math.ceil(x1 + grow)]):
            return False
    return True


def cross(o: Point, a: Point, b: Point) -> float:
    return (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])


def find_corners(walls: Grid, clearance: float) -> dict[Cell, tuple[Point, Point]]:
    """Each grown corner, by its grid vertex, and a point just inside its wall."""
    corners = {}
    for i in range(1, len(walls)):
        for j in range(1, len(walls[0])):
            around = [(x, y) for y in (-1, 1) for x in (-1, 1) if walls[i + (y - 1) // 2][j + (x - 1) // 2]]
            if len(around) == 1:
                x, y = around[0]
                p = (j - x * clearance, i - y * clearance)
                corners[i, j] = p, (p[0] + x * INSIDE, p[1] + y * INSIDE)
    return corners


def bend(
    corners: dict[Cell, tuple[Point, Point]], a: Point, b: Point, c: Point, clearance: float
) -> list[Point]:
    """What replaces b: the hull of the corners in the triangle a, b, c."""
    sign = math.copysign(1.0, cross(a, b, c))
    inside = []
    xs, ys = (a[0], b[0], c[0]), (a[1], b[1], c[1])
    for i in range(math.ceil(min(ys) - clearance), math.floor(max(ys) + clearance) + 1):
        for j in range(math.ceil(min(xs) - clearance), math.floor(max(xs) + clearance) + 1):
            if (i, j) in corners:
                p, q = corners[i, j]
                if cross(a, b, q) * sign > 0 and cross(b, c, q) * sign > 0 and cross(c, a, q) * sign > 0:
                    inside.append(p)
    chain, here = [], a
    while True:
        best = c
        for p in inside:
            turn = cross(here, best, p) * sign
            if math.dist(p, here) > 1e-5 and (
                turn < -1e-10 or (turn <= 1e-10 and math.dist(here, p) > math.dist(here, best) + 1e-10)
            ):
                best = p
        if math.dist(best, c) < 1e-5:
            return chain
        chain.append(best)
        here = best


def pull(walls: Grid, path: list[Point], clearance: float) -> list[Point]:
    """The taut path: lines of sight and bends around grown corners until neither helps."""
    corners = find_corners(walls, clearance)
    points = [path[0]]
    for b, c in itertools.pairwise(path[1:]):
        if not line_is_free(walls, points[-1], c, clearance - SLACK):
            points.append(b)
    points.append(path[-1])
    changed = True
    while changed:
        i = 1
        while i < len(points) - 1:
            a, b, c = points[i - 1 : i + 2]
            chain = bend(corners, a, b, c, clearance) if abs(cross(a, b, c)) > 1e-10 else []
            if len(chain) == 1 and math.dist(chain[0], b) < 1e-5:
                i += 1
            else:
                points[i : i + 1] = chain
                i = max(i - 1, 1)
        changed = False
        for i in range(len(points)):
            for j in range(len(points) - 1, i + 1, -1):
                if line_is_free(walls, points[i], points[j], clearance - SLACK):
                    points[i + 1 : j] = []
                    changed = True
                    break
    return points


def resample(points: list[Point], horizon: int) -> list[Point]:
    lengths = [0.0]
    for a, b in itertools.pairwise(points):
        lengths.append(lengths[-1] + math.dist(a, b))
    out, k = [], 0
    for n in range(horizon - 1):
        at = n * lengths[-1] / (horizon - 1)
        while lengths[k + 1] < at:
            k += 1
        t = (at - lengths[k]) / (lengths[k + 1] - lengths[k])
        (ax, ay), (bx, by) = points[k], points[k + 1]
        out.append((ax + t * (bx - ax), ay + t * (by - ay)))
    return [*out, points[-1]]


def make_sample(
    seed: int,
    index: int,
    signed_distance: Callable[[np.ndarray], np.ndarray],
    *,
    rows: int = 21,
    cols: int = 21,
    density: tuple[float, float] = (0.15, 0.30),
    min_l1: int = 10,
    horizon: int = 64,
    expert: str = "smooth",
    clearance: float = 0.2,
) -> dict[str, np.ndarray]:
    """One sample of the kind `random`, as a dictionary of arrays."""
    for attempt in range(1000):
        stream = Stream(seed, index, attempt)
        walls = scatter_walls(stream, rows, cols, density)
        for _ in range(64):
            pair = draw_pair(walls, stream, min_l1)
            cells = octile_path(walls, *pair) if pair is not None else None
            if cells is None:
                continue
            start = jitter(walls, stream, cells[0], clearance)
            goal = jitter(walls, stream, cells[-1], clearance)
            points = [start, *((j + 0.5, i + 0.5) for i, j in cells[1:-1]), goal]
            if expert == "smooth":
                points = pull(walls, points, clearance)
            trajectory = resample(points, horizon)
            if all(line_is_free(walls, a, b, 1e-6) for a, b in itertools.pairwise(trajectory)):
                grid = np.array(walls)
                return {
                    "walls": grid,
                    "sdf": signed_distance(grid),
                    "start": np.array(start, np.float32),
                    "goal": np.array(goal, np.float32),
                    "trajectory": np.array(trajectory, np.float32),
                }
    raise RuntimeError("no sample was found")
