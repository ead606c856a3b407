"""The walls that the ball really meets: boxes in metres, from MuJoCo's model where there is one.

A wall is told by what it does, not by its name: a box that is welded to the world and collides with something that
moves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from anchordiff.domains.maze.maze import Maze
from anchordiff.domains.pointmaze.world.numbers import check_numbers

_TIE = 1e-9


@dataclass(frozen=True, eq=False)
class WallBoxes:
    """Walls as rectangles with sides along the axes, in metres.

    Attributes:
        low: lesser corner (x, y) of each.
        high: greater corner (x, y) of each.

    Example:
        >>> walls = WallBoxes(np.array([[0.0, 0.0]]), np.array([[1.0, 1.0]]))
        >>> points = np.array([[1.06, 0.5], [0.9, 0.5], [3.0, 1.0]])
        >>> walls.contains(points).tolist(), walls.overlap(points, radius=0.1).round(2).tolist()
        ([False, True, False], [0.04, 0.2, 0.0])
    """

    low: Float[np.ndarray, "boxes 2"]
    high: Float[np.ndarray, "boxes 2"]

    def __post_init__(self) -> None:
        if len(self.low) == 0:
            raise ValueError("low must hold at least one box, found none")
        check_numbers("high", self.high, check_numbers("low", self.low, (None, 2)).shape)
        if not (self.low < self.high).all():
            raise ValueError("low must lie below high in every box")

    def __len__(self) -> int:
        return len(self.low)

    def distance(self, points: Float[np.ndarray, "*n 2"]) -> Float[np.ndarray, "*n"]:
        """Distance from each point to the nearest wall, in metres.

        In a wall it is negative: minus the way to the nearest side of that box.

        Args:
            points: positions (x, y), in metres.

        Raises:
            ValueError: if `points` are not finite or have other than 2 columns.
        """
        points = np.asarray(points)
        if points.shape[-1:] != (2,) or not np.isfinite(points).all():
            raise ValueError(
                f"points must be finite, with 2 columns, found shape {points.shape}"
                + ("" if np.isfinite(points).all() else " with numbers that are not finite")
            )
        points = points[..., None, :]
        outside = np.maximum(self.low - points, points - self.high)
        away = np.linalg.norm(np.maximum(outside, 0.0), axis=-1)
        nearest: np.ndarray = (away + np.minimum(outside.max(axis=-1), 0.0)).min(axis=-1)
        return nearest

    def contains(self, points: Float[np.ndarray, "*n 2"]) -> Bool[np.ndarray, "*n"]:
        """Whether each point lies inside a wall (hard collision); a wall's boundary is outside.

        Args:
            points: positions (x, y), in metres.
        """
        inside: np.ndarray = self.distance(points) < 0.0
        return inside

    def overlap(self, points: Float[np.ndarray, "*n 2"], *, radius: float) -> Float[np.ndarray, "*n"]:
        """How far a disc around each point reaches into a wall, in metres (soft collision).

        Args:
            points: middles (x, y) of the discs, in metres.
            radius: of the discs, in metres.
        """
        return np.maximum(radius - self.distance(points), 0.0)

    def sorted(self) -> "WallBoxes":
        """The same boxes from low x to high x, then from low y to high y."""
        order = np.lexsort((self.low[:, 1], self.low[:, 0]))
        return WallBoxes(self.low[order], self.high[order])


def walls_from_mujoco(model: Any) -> WallBoxes:  # noqa: ANN401
    """Find the walls in a MuJoCo model: boxes welded to the world that something which moves collides with.

    Args:
        model: a `mujoco.MjModel`.

    Raises:
        ValueError: if there are none, or one is turned against the axes.
    """
    import mujoco

    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    fixed = model.body_weldid[model.geom_bodyid] == 0
    moving = np.flatnonzero(~fixed).tolist()
    boxes = np.flatnonzero(fixed & (model.geom_type == mujoco.mjtGeom.mjGEOM_BOX))
    found = [box for box in boxes.tolist() if any(_collide(model, box, other) for other in moving)]
    walls = np.array(found, np.int64)
    # A turn by a quarter swaps sides; |rotation| · size gives a box's reach along the axes of the world.
    turns = np.abs(data.geom_xmat[walls].reshape(len(walls), 3, 3))
    if not ((turns < _TIE) | (turns > 1.0 - _TIE)).all():
        raise ValueError("model must have walls with sides along the axes, found one that is turned")
    middle = data.geom_xpos[walls][:, :2]
    reach = np.einsum("bij,bj->bi", turns, model.geom_size[walls])[:, :2]
    return WallBoxes(middle - reach, middle + reach).sorted()


def walls_from_map(maze_map: Sequence[Sequence[int | str]], *, cell_size: float = 1.0) -> WallBoxes:
    """Find the walls in a `maze_map` of gymnasium-robotics: cells that hold 1.

    Args:
        maze_map: its rows, from high y to low y; 1 for a wall.
        cell_size: side of a cell, in metres (`maze_size_scaling`).
    """
    walls = np.array([[cell == 1 for cell in row] for row in maze_map])
    rows, cols = walls.shape
    origin = (-cols / 2 * cell_size, rows / 2 * cell_size)
    return walls_from_maze(Maze(walls, cell_size=cell_size, origin=origin, flip_y=True))


def walls_from_maze(maze: Maze) -> WallBoxes:
    """Turn the walls of a grid into boxes in its world's units.

    Args:
        maze: the grid, with its map to the world.
    """
    corner = np.argwhere(maze.walls)[:, ::-1].astype(np.float64)
    ends = np.stack([maze.to_world(corner), maze.to_world(corner + 1.0)])
    return WallBoxes(ends.min(axis=0), ends.max(axis=0)).sorted()


def find_walls(source: Any) -> WallBoxes:  # noqa: ANN401
    """Find the walls of an environment or maze, from the best source that it has.

    Args:
        source: with a MuJoCo `model`; else with a `maze_map` and `maze_size_scaling`, or a `maze` that has them; else
            a `Maze`, or something with a `maze` that is one. Gymnasium's wrappers are taken off.

    Raises:
        TypeError: if it has none of them.
    """
    source = getattr(source, "unwrapped", source)
    if hasattr(source, "model"):
        return walls_from_mujoco(source.model)
    inner = getattr(source, "maze", source)
    if hasattr(inner, "maze_map"):
        return walls_from_map(inner.maze_map, cell_size=float(inner.maze_size_scaling))
    if isinstance(inner, Maze):
        return walls_from_maze(inner)
    raise TypeError(f"source must have a MuJoCo model, a maze_map or a Maze, found {type(source).__name__}")


def _collide(model: Any, first: int, second: int) -> bool:  # noqa: ANN401
    """Whether MuJoCo's contact types let two geoms collide."""
    types, affinities = model.geom_contype, model.geom_conaffinity
    return bool((types[first] & affinities[second]) or (types[second] & affinities[first]))
