"""The three mazes of D4RL's Maze2D benchmark (Fu et al. 2020, https://arxiv.org/abs/2004.07219).

World units are metres, with the origin at the maze's centre and y up, as in gymnasium-robotics; a cell is (row, col),
counted from the upper left corner. Layouts, goals, steps and reference scores are those of D4RL's
`d4rl/pointmaze/maze_model.py` and `d4rl/infos.py`.

D4RL places ball and goal 0.2 m off the middle of a cell along both of its axes: its model puts the ball at (1.2, 1.2),
its walls at whole numbers. `PointMaze.place` gives that position.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Final

import numpy as np
from jaxtyping import Float

from anchordiff.checks import check_integer, check_number
from anchordiff.domains.maze.maze import Maze

PLACE_OFFSET: Final = (0.2, -0.2)
"""Where D4RL places ball and goal, seen from the middle of their cell, in metres."""


@dataclass(frozen=True, kw_only=True)
class PointMaze:
    """A maze of the benchmark.

    Attributes:
        name: what people call it.
        text: a line for each row, # for a wall and . for a free cell.
        steps: of an episode, at 100 Hz.
        target_cell: (row, col) of the single task's goal.
        reference_returns: returns that score 0 (random) and 100 (D4RL's own controller), in rewarded steps.
        environment_id: of gymnasium-robotics.
        dataset_id: of Minari.

    Example:
        >>> POINT_MAZES["umaze"].place((1, 1)).tolist()
        [-0.8, 0.8]
        >>> round(POINT_MAZES["large"].score(273.99), 6)
        100.0
    """

    name: str
    text: str
    steps: int
    target_cell: tuple[int, int]
    reference_returns: tuple[float, float]
    environment_id: str
    dataset_id: str

    @cached_property
    def maze(self) -> Maze:
        """The walls, with the map from cells to metres."""
        walls = Maze.from_text(self.text).walls
        rows, cols = walls.shape
        return Maze(walls, cell_size=1.0, origin=(-cols / 2, rows / 2), flip_y=True)

    @cached_property
    def cells(self) -> tuple[tuple[int, int], ...]:
        """The free cells (row, col), in D4RL's order: row by row, the goal's last."""
        free = [(int(row), int(col)) for row, col in np.argwhere(~self.maze.walls)]
        return (*(cell for cell in free if cell != self.target_cell), self.target_cell)

    @property
    def target(self) -> Float[np.ndarray, "2"]:
        """The single task's goal (x, y), in metres."""
        return self.place(self.target_cell)

    def centre(self, cell: tuple[int, int]) -> Float[np.ndarray, "2"]:
        """The middle (x, y) of a cell (row, col), in metres.

        Raises:
            ValueError: if the maze has no such cell.
        """
        if not (isinstance(cell, Sequence | np.ndarray) and len(cell) == 2):
            raise ValueError(f"cell must be a pair (row, col), found {cell!r}")
        row, col = cell
        for name, place, count in (("row", row, self.maze.rows), ("column", col, self.maze.cols)):
            check_integer(f"the {name} of cell", place, least=0, most=count - 1, most_is="the last one")
        return self.maze.to_world(np.array([col + 0.5, row + 0.5]))

    def place(self, cell: tuple[int, int]) -> Float[np.ndarray, "2"]:
        """Where D4RL places ball or goal in a cell (row, col), before noise: a position (x, y) in metres.

        Raises:
            ValueError: if the maze has no such cell.
        """
        place: np.ndarray = self.centre(cell) + np.array(PLACE_OFFSET)
        return place

    def score(self, rewarded: int | float) -> float:
        """D4RL's normalised score of a return.

        Args:
            rewarded: number of steps, of an episode of `steps`, within 0.5 m of the goal.

        Raises:
            ValueError: if it is no finite number.
        """
        rewarded = check_number("rewarded", rewarded)
        least, most = self.reference_returns
        return 100.0 * (rewarded - least) / (most - least)


_UMAZE = """\
#####
#...#
###.#
#...#
#####"""

_MEDIUM = """\
########
#..##..#
#..#...#
##...###
#..#...#
#.#..#.#
#...#..#
########"""

_LARGE = """\
############
#....#.....#
#.##.#.#.#.#
#......#...#
#.####.###.#
#..#.#.....#
##.#.#.#.###
#..#...#...#
############"""

POINT_MAZES: Final[Mapping[str, PointMaze]] = MappingProxyType(
    {
        maze.name: maze
        for maze in (
            PointMaze(
                name="umaze",
                text=_UMAZE,
                steps=300,
                target_cell=(1, 1),
                reference_returns=(23.85, 161.86),
                environment_id="PointMaze_UMaze-v3",
                dataset_id="D4RL/pointmaze/umaze-v2",
            ),
            PointMaze(
                name="medium",
                text=_MEDIUM,
                steps=600,
                target_cell=(6, 6),
                reference_returns=(13.13, 277.39),
                environment_id="PointMaze_Medium-v3",
                dataset_id="D4RL/pointmaze/medium-v2",
            ),
            PointMaze(
                name="large",
                text=_LARGE,
                steps=800,
                target_cell=(7, 9),
                reference_returns=(6.7, 273.99),
                environment_id="PointMaze_Large-v3",
                dataset_id="D4RL/pointmaze/large-v2",
            ),
        )
    }
)
"""The benchmark's mazes by name: umaze, medium, large."""

GRID: Final = (
    max(maze.maze.rows for maze in POINT_MAZES.values()),
    max(maze.maze.cols for maze in POINT_MAZES.values()),
)
"""(rows, cols) that hold each of them: what planners for all three see, padded with walls."""


def find_point_maze(name: str) -> PointMaze:
    """The maze of that name.

    Raises:
        ValueError: if there is none.
    """
    if not isinstance(name, str) or name not in POINT_MAZES:
        raise ValueError(f"maze must be one of {', '.join(POINT_MAZES)}, found {name!r}")
    return POINT_MAZES[name]
