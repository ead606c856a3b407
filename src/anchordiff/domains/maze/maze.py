"""Mazes for people: walls with a world around them.

Positions are (x, y) in cells: x along columns, y along rows, downwards; cell (row i, col j) covers
[j, j + 1) × [i, i + 1). `to_world` and `from_world` go to the units of the world and back; everything else
speaks in cells.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from jaxtyping import Bool, Float

from anchordiff.checks import BOOLS, FLOATS, check_array, check_integer, check_number
from anchordiff.domains.maze.picture import dark_cells
from anchordiff.kernels.grid.distance import signed_distance
from anchordiff.kernels.grid.grid_path import shortest_path
from anchordiff.kernels.grid.maze import cave_mazes, perfect_mazes, random_mazes, room_mazes
from anchordiff.kernels.grid.polyline import points_in_wall, polyline_is_free, smooth_path

Position = Sequence[float] | Float[np.ndarray, "2"]

_WALL, _FREE = "#", "."


@dataclass(frozen=True, eq=False, repr=False)
class Maze:
    r"""A grid of walls, and where it lies in the world.

    World position = `origin` + `cell_size` · (x, y), with -y instead of y where `flip_y` is set.

    Attributes:
        walls: True where blocked; what lies outside is wall too. A copy of what was given; not to be written to.
        cell_size: side of a cell, in world units.
        origin: world position of the grid's upper left corner.
        flip_y: whether y points up in the world.

    Example:
        >>> maze = Maze.from_text("#####\n#...#\n###.#\n#####")
        >>> maze.shortest_path((1.5, 1.5), (3.5, 2.5), clearance=0.25).tolist()
        [[1.5, 1.5], [3.25, 1.75], [3.5, 2.5]]
        >>> maze.collides(np.array([[1.5, 1.5], [3.5, 2.5]]))
        True
    """

    walls: Bool[np.ndarray, "rows cols"]
    cell_size: float = 1.0
    origin: tuple[float, float] = (0.0, 0.0)
    flip_y: bool = False

    def __post_init__(self) -> None:
        walls = check_array("walls", self.walls, BOOLS, ("rows", "cols")).copy()
        if walls.size == 0:
            raise ValueError(f"walls must hold at least one cell, found the shape {walls.shape}")
        cell_size = check_number("cell_size", self.cell_size, above=0.0)
        if not (isinstance(self.origin, Sequence | np.ndarray) and len(self.origin) == 2):
            raise ValueError(f"origin must be a position (x, y), found {self.origin!r}")
        if not isinstance(self.flip_y, bool | np.bool_):
            raise ValueError(f"flip_y must be True or False, found {self.flip_y!r}")
        x, y = (check_number(f"origin[{i}]", number) for i, number in enumerate(self.origin))
        checked = {"walls": walls, "cell_size": cell_size, "origin": (x, y), "flip_y": bool(self.flip_y)}
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_text(cls, text: str) -> "Maze":
        """Read a maze as `str` writes it: a line for each row, # for a wall and . for a free cell."""
        if not isinstance(text, str):
            raise ValueError(f"text must be a string, found {type(text).__name__}")
        lines = rows_of(text)
        for number, line in enumerate(lines):
            strange = set(line) - {_WALL, _FREE}
            if strange:
                raise ValueError(f"text must hold # and . only, found {min(strange)!r} in row {number}")
            if len(line) != len(lines[0]):
                raise ValueError(
                    f"text must have rows of equal length, found {len(lines[0])} cells in row 0 and "
                    f"{len(line)} in row {number}"
                )
        if not lines:
            raise ValueError("text must hold at least one row, found none")
        return cls(np.array([[cell == _WALL for cell in line] for line in lines]))

    @classmethod
    def from_image(
        cls,
        image: str | Path | npt.NDArray[np.uint8],
        *,
        pixels: int = 1,
        threshold: float = 0.5,
    ) -> "Maze":
        """Read a maze from a picture: dark is wall.

        Args:
            image: file of any format that Pillow reads, or an array of 0 to 255, (height, width) or with 3 or 4
                channels (red, green, blue, opacity) as the last axis; all of it opaque.
            pixels: width and height of a cell, in pixels.
            threshold: a cell is a wall where its mean brightness (ITU-R BT.601), 0 black and 1 white, is below this.

        Raises:
            ValueError: if the file cannot be read, a pixel is transparent, or cells do not fill the picture.
        """
        return cls(dark_cells(image, pixels=pixels, threshold=threshold))

    @classmethod
    def random(
        cls, rows: int = 21, cols: int = 21, *, density: tuple[float, float] = (0.15, 0.30), seed: int = 0
    ) -> "Maze":
        """Scatter walls; see `anchordiff.kernels.grid.maze.random_mazes`.

        Args:
            rows: of the grid, border included.
            cols: of the grid, border included.
            density: least and largest share of walls inside.
            seed: which maze.
        """
        made = random_mazes(seed, np.zeros(1, int), rows=rows, cols=cols, density=density, min_l1=0)
        return cls(made.walls[0])

    @classmethod
    def perfect(
        cls,
        rows: int = 21,
        cols: int = 21,
        *,
        method: Literal["depth_first", "wilson"] = "depth_first",
        seed: int = 0,
    ) -> "Maze":
        """Make a maze with exactly one path between any two cells; see `anchordiff.kernels.grid.maze.perfect_mazes`.

        Args:
            rows: of the grid, border included; odd.
            cols: of the grid, border included; odd.
            method: `depth_first` makes long winding corridors; `wilson` draws uniformly from all perfect mazes.
            seed: which maze.
        """
        made = perfect_mazes(seed, np.zeros(1, int), rows=rows, cols=cols, method=method, min_l1=0)
        return cls(made.walls[0])

    @classmethod
    def rooms(cls, rows: int = 21, cols: int = 21, *, seed: int = 0) -> "Maze":
        """Make rooms with doors; see `anchordiff.kernels.grid.maze.room_mazes`.

        Args:
            rows: of the grid, border included; odd.
            cols: of the grid, border included; odd.
            seed: which maze.
        """
        return cls(room_mazes(seed, np.zeros(1, int), rows=rows, cols=cols, min_l1=0).walls[0])

    @classmethod
    def caves(cls, rows: int = 21, cols: int = 21, *, seed: int = 0) -> "Maze":
        """Grow caves; see `anchordiff.kernels.grid.maze.cave_mazes`.

        Args:
            rows: of the grid, border included.
            cols: of the grid, border included.
            seed: which maze.
        """
        return cls(cave_mazes(seed, np.zeros(1, int), rows=rows, cols=cols, min_l1=0).walls[0])

    def padded(self, rows: int, cols: int) -> "Maze":
        """The same maze with walls added on the right and below; what was at a position stays there.

        So that mazes of several sizes fit into one batch.

        Args:
            rows: of the result.
            cols: of the result.

        Raises:
            ValueError: if the maze is larger.
        """
        check_integer("rows", rows)
        check_integer("cols", cols)
        missing = rows - self.rows, cols - self.cols
        if min(missing) < 0:
            raise ValueError(
                f"rows and cols must be at least the maze's, found {rows} x {cols} for {self.rows} x {self.cols} cells"
            )
        return replace(
            self, walls=np.pad(self.walls, [(0, missing[0]), (0, missing[1])], constant_values=True)
        )

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.walls)

    @property
    def cols(self) -> int:
        """Number of columns."""
        return len(self.walls[0])

    @cached_property
    def sdf(self) -> Float[np.ndarray, "rows cols"]:
        """Signed distance from each cell to the nearest of the other kind, in cells; negative in walls."""
        return signed_distance(self.walls)

    def shortest_path(
        self,
        start: Position,
        goal: Position,
        *,
        connectivity: Literal[4, 8] = 8,
        clearance: float | None = 0.2,
    ) -> Float[np.ndarray, "n 2"] | None:
        """Return a short free polyline from `start` to `goal`, or None where walls part them or touch one.

        Args:
            start: position (x, y) within the grid, in cells.
            goal: position (x, y) within the grid, in cells.
            connectivity: 4, or 8 for diagonal steps that cut no corner, of the path of cells underneath.
            clearance: pull that path taut, as near to walls as this, in cells, in (0, 0.5); None follows the centres
                of its cells.

        Raises:
            ValueError: if a position lies outside the grid.
        """
        ends = np.stack([_position("start", start), _position("goal", goal)])
        first, last = self._cell("start", ends[0]), self._cell("goal", ends[1])
        cells = shortest_path(self.walls, first, last, connectivity=connectivity)
        if cells is None or not self.is_free(ends).all():
            return None
        if clearance is None:
            return np.concatenate([ends[:1], cells[1:-1, ::-1] + 0.5, ends[1:]])
        return smooth_path(self.walls, cells, *ends, clearance=clearance)

    def is_free(self, points: Float[np.ndarray, "*n 2"], *, radius: float = 0.0) -> Bool[np.ndarray, "*n"]:
        """Say of each point whether a disc there touches neither a wall nor the outside.

        Args:
            points: positions (x, y), in cells.
            radius: of the disc, in cells; with 0, not even the boundary of a wall is free.
        """
        points = _positions("points", points)
        flat = np.reshape(points, (1, -1, 2))
        if flat.shape[1] == 0:
            return np.zeros(points.shape[:-1], bool)
        free = ~points_in_wall(self.walls[None], flat, radius=radius)
        return free.reshape(points.shape[:-1])

    def check_free(self, name: str, position: Position, *, in_world: bool = False) -> None:
        """Refuse a position that does not lie in a free cell.

        Args:
            name: what the message calls it.
            position: (x, y), in cells.
            in_world: whether it is told in the units of the world instead.

        Raises:
            ValueError: if it lies outside the grid, in a wall or on its edge.
        """
        point = _position(name, position)
        x, y = (self.from_world(point) if in_world else point).tolist()
        told = f"({point[0]:g}, {point[1]:g})"
        if not (0.0 <= x < self.cols and 0.0 <= y < self.rows):
            corners = np.array([[0.0, 0.0], [self.cols, self.rows]])
            corners = self.to_world(corners) if in_world else corners
            (left, lower), (right, upper) = corners.min(axis=0), corners.max(axis=0)
            raise ValueError(
                f"{name} must lie inside the maze, x in {left:g} ... {right:g} and y in {lower:g} ... {upper:g}, "
                f"found {told}"
            )
        if not self.is_free(np.array([[x, y]]))[0]:
            raise ValueError(f"{name} must be in a free cell, not in a wall or on its edge, found {told}")

    def collides(self, polyline: Float[np.ndarray, "n 2"], *, radius: float = 0.0) -> bool:
        """Say whether a disc that moves along a polyline touches a wall or the outside, anywhere on its way.

        Args:
            polyline: positions (x, y), in cells.
            radius: of the disc, in cells.
        """
        return not polyline_is_free(self.walls, _positions("polyline", polyline), radius=radius)

    def to_world(self, points: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
        """Turn positions in cells into positions in the world."""
        points = _positions("points", points)
        return np.asarray(points * self._scale + np.asarray(self.origin), points.dtype)

    def from_world(self, points: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n 2"]:
        """Turn positions in the world into positions in cells."""
        points = _positions("points", points)
        return np.asarray((points - np.asarray(self.origin)) / self._scale, points.dtype)

    @property
    def _scale(self) -> Float[np.ndarray, "2"]:
        return np.array([self.cell_size, -self.cell_size if self.flip_y else self.cell_size])

    def _cell(self, name: str, position: Float[np.ndarray, "2"]) -> tuple[int, int]:
        x, y = position.tolist()
        if not (0.0 <= x < self.cols and 0.0 <= y < self.rows):
            raise ValueError(
                f"{name} must lie within the {self.rows} x {self.cols} cells, found ({x:.2f}, {y:.2f})"
            )
        return int(y), int(x)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Maze):
            return NotImplemented
        return self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[object, ...]:
        return self.walls.shape, self.walls.tobytes(), self.cell_size, tuple(self.origin), self.flip_y

    def __str__(self) -> str:
        return "\n".join("".join(_WALL if wall else _FREE for wall in row) for row in self.walls)

    def __repr__(self) -> str:
        return (
            f"Maze({self.rows} x {self.cols}, cell_size={self.cell_size}, origin={self.origin}, "
            f"flip_y={self.flip_y})"
        )


def rows_of(text: str) -> list[str]:
    """The rows of a maze's text: its lines, without blank ones before and behind and without margins."""
    return [line.strip() for line in text.strip().splitlines()]


def _positions(name: str, points: object) -> Float[np.ndarray, "*n 2"]:
    """Positions as a floating-point array: what NumPy can read, tensors and integers too."""
    try:
        array = np.asarray(points)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be positions (x, y), found {points!r}") from None
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{name} must be positions (x, y), found an array of {array.dtype}")
    if array.dtype not in FLOATS:
        array = array.astype(np.float64)
    if array.ndim == 0 or array.shape[-1] != 2:
        raise ValueError(
            f"{name} must be positions (x, y) along the last axis, found the shape {array.shape}"
        )
    return array


def _position(name: str, position: Position) -> Float[np.ndarray, "2"]:
    point = _positions(name, position).astype(np.float64)
    if point.shape != (2,):
        raise ValueError(f"{name} must be one position (x, y), found the shape {point.shape}")
    return point
