"""Starts: the stored episodes that every method is measured on.

They are drawn as D4RL draws them, but stratified: of each run of as many episodes as there are free cells, every cell
is the start of exactly one, and, in the multi task, the goal of exactly one. Both tasks share positions and velocities.
`benchmarks/maze2d_starts.py` writes the file again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from anchordiff.checks import check_integer
from anchordiff.domains.pointmaze.world import PointMaze, Task, draw_episode, find_point_maze
from anchordiff.domains.pointmaze.world.numbers import check_numbers

STORED: Final = 200
"""Episodes a maze in the file."""

SEED: Final = 0

_FILE = "starts.json"
_DECIMALS = 6


@dataclass(frozen=True, kw_only=True, eq=False)
class Starts:
    """Where episodes begin.

    Attributes:
        maze: which.
        task: where the goals are.
        position: of the ball (x, y), in metres.
        velocity: of the ball, in m/s.
        target: the goals (x, y), in metres.

    Raises:
        ValueError: if the arrays do not fit each other, or are not finite.

    Example:
        >>> starts = load_starts("large", task="single", episodes=100)
        >>> len(starts), starts.target[0].tolist()
        (100, [3.7, -3.2])
    """

    maze: PointMaze
    task: Task
    position: Float[np.ndarray, "episodes 2"]
    velocity: Float[np.ndarray, "episodes 2"]
    target: Float[np.ndarray, "episodes 2"]

    def __post_init__(self) -> None:
        check_numbers("position", self.position, (None, 2))
        for name, values in (("velocity", self.velocity), ("target", self.target)):
            check_numbers(name, values, (len(self.position), 2))

    def __len__(self) -> int:
        return len(self.position)


def load_starts(maze: str, *, task: Task, episodes: int = 100) -> Starts:
    """Load the first stored episodes of a maze.

    Args:
        maze: its name.
        task: "single" for the maze's own goal, "multi" for a goal of each episode's own.
        episodes: how many, at most 200.

    Raises:
        ValueError: if there is no such maze or task, or there are not so many episodes.
    """
    found = find_point_maze(maze)
    if task not in ("single", "multi"):
        raise ValueError(f'task must be "single" or "multi", found {task!r}')
    check_integer("episodes", episodes, most=STORED, most_is="the number of stored ones")
    stored = json.loads(files(__package__).joinpath(_FILE).read_text("utf-8"))["mazes"][maze]
    position, velocity, target = np.array(stored[:episodes], np.float64).reshape(-1, 3, 2).swapaxes(0, 1)
    if task == "single":
        target = np.tile(found.target, (episodes, 1))
    return Starts(maze=found, task=task, position=position, velocity=velocity, target=target)


def draw_starts(maze: PointMaze, *, episodes: int = STORED, seed: int = SEED) -> Starts:
    """Draw stratified episodes of the multi task.

    Args:
        maze: which.
        episodes: how many.
        seed: of the draws.

    Raises:
        ValueError: if `episodes` is no integer of at least 1, or `seed` none of at least 0.
    """
    check_integer("episodes", episodes)
    check_integer("seed", seed, least=0)
    generator = np.random.default_rng([seed, len(maze.cells)])
    starts, goals = (_cells(maze, episodes, generator) for _ in range(2))
    drawn = []
    for start, goal in zip(starts, goals, strict=True):
        position, velocity, _ = draw_episode(maze, generator, task="single", cell=start)
        target, _, _ = draw_episode(maze, generator, task="single", cell=goal)  # noise as the start's
        drawn.append((position, velocity, target))
    position, velocity, target = np.round(np.array(drawn), _DECIMALS).swapaxes(0, 1)
    return Starts(maze=maze, task="multi", position=position, velocity=velocity, target=target)


def starts_to_json(drawn: Mapping[str, Starts]) -> dict[str, Any]:
    """What the file holds: for each maze a row (x, y, v_x, v_y, goal's x, goal's y) an episode."""
    mazes = {
        name: np.concatenate([starts.position, starts.velocity, starts.target], axis=1).tolist()
        for name, starts in drawn.items()
    }
    return {"columns": ["x", "y", "v_x", "v_y", "target_x", "target_y"], "seed": SEED, "mazes": mazes}


def _cells(maze: PointMaze, episodes: int, generator: np.random.Generator) -> list[tuple[int, int]]:
    count = len(maze.cells)
    rounds = -(-episodes // count)
    order = np.concatenate([generator.permutation(count) for _ in range(rounds)])[:episodes]
    return [maze.cells[number] for number in order]
