"""Where `generate` and `sample` take their mazes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import torch
from jaxtyping import Float

from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.data.config import ParticleMazeConfig
from anchordiff.domains.maze.data.particle import ParticleMazeDataset
from anchordiff.domains.maze.maze import Maze, rows_of
from anchordiff.kernels.grid.geodesic import distance_field
from anchordiff.kernels.grid.polyline import resample

HELD_OUT_SEED: Final = 7
Position = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One maze with its ends.

    Attributes:
        name: what pictures call it.
        condition: of length 1.
        expert: the expert's trajectory, in cells.
        expert_name: what pictures call it: that of the data, or a shortest way where there are no data.
        clearance: distance to walls that a plan is to keep, in cells.
        world: the maze in its world, where people are told positions in metres; in cells where there is none.
    """

    name: str
    condition: MazeCondition
    expert: Float[torch.Tensor, "horizon 2"]
    expert_name: str = "expert"
    clearance: float = 0.0
    world: Maze | None = None

    def tell(self, states: Float[torch.Tensor, "*n dim"]) -> Float[torch.Tensor, "*n dim"]:
        """States in cells as people are told them; in a world, that is their positions (x, y) in metres."""
        if self.world is None:
            return states
        return torch.from_numpy(self.world.to_world(states[..., :2].numpy()))


def held_out_task(number: int, *, horizon: int) -> Task:
    """A maze that training cannot draw.

    Raises:
        ValueError: if `number` is negative.
    """
    if number < 0:
        raise ValueError(f"--seed must not be negative, found {number}")
    config = ParticleMazeConfig(split="held_out", seed=HELD_OUT_SEED, horizon=horizon)
    batch = ParticleMazeDataset(config).batch([number])
    return Task(name=f"held-out maze {number}", condition=batch.condition, expert=batch.trajectory[0])


def read_task(path: Path, *, start: Position | None, goal: Position | None, horizon: int) -> Task:
    """A maze from a text file.

    Ends are taken from `start` and `goal` (in cells), else from the letters S and G in the text, else they
    are two cells that lie far apart.

    Raises:
        ValueError: if the text is no maze, an end is in a wall or outside, both are the same, or no way leads from
            start to goal.
    """
    text = path.read_text("utf-8")
    maze = Maze.from_text(text.replace("S", ".").replace("G", "."))
    start = start or _letter(text, "S")
    goal = goal or _letter(text, "G")
    for name, end in (("start", start), ("goal", goal)):
        if end is not None:
            maze.check_free(name, end)
    if start is None and goal is None:
        start = _farthest(maze, None)
    if start is None:
        start = _farthest(maze, goal)
    if goal is None:
        goal = _farthest(maze, start)
    ends = np.array([start, goal], np.float32)
    condition = MazeCondition.from_arrays(maze.walls[None].copy(), ends[:1], ends[1:])
    way = maze.shortest_path(start, goal)
    if way is None:
        raise ValueError(f"goal must be reachable from start, found no way from {start} to {goal} in {path}")
    if start == goal:
        raise ValueError(f"goal must not be where the start is, found {goal} for both in {path}")
    expert = torch.from_numpy(resample(np.asarray(way, np.float32), horizon))
    return Task(name=path.name, condition=condition, expert=expert, expert_name="shortest way")


def through(task: Task, points: Sequence[Position]) -> Task:
    """The same task through way points; beside it stands the shortest way through them.

    Raises:
        ValueError: if a point is in a wall or outside, or cannot be reached.
    """
    condition = task.condition.through(np.asarray(points, np.float32))
    maze = Maze(condition.walls[0].numpy())
    first, last = ((float(end[0, 0]), float(end[0, 1])) for end in (condition.start, condition.goal))
    ways = []
    for here, there in pairwise([first, *points, last]):
        way = maze.shortest_path(here, there)
        if way is None:
            raise ValueError(f"--way-points must be reachable in turn, found no way from {here} to {there}")
        ways.append(way)
    whole = np.concatenate([ways[0], *(way[1:] for way in ways[1:])]).astype(np.float32)
    expert = torch.from_numpy(resample(whole, len(task.expert)))
    return replace(task, condition=condition, expert=expert, expert_name="shortest way")


def _letter(text: str, letter: str) -> Position | None:
    places = [
        (col + 0.5, row + 0.5)
        for row, line in enumerate(rows_of(text))
        for col, cell in enumerate(line)
        if cell == letter
    ]
    if len(places) > 1:
        raise ValueError(f"maze must have one {letter} at most, found {len(places)}")
    return places[0] if places else None


def _farthest(maze: Maze, source: Position | None) -> Position:
    """The centre of the cell that is farthest along the grid from `source`, or from the first free cell."""
    free = np.argwhere(~maze.walls)
    if not len(free):
        raise ValueError("maze must have a free cell, found none")
    cell = free[0] if source is None else np.array([int(source[1]), int(source[0])])
    distance = distance_field(maze.walls, (int(cell[0]), int(cell[1])))
    row, col = np.unravel_index(np.where(np.isfinite(distance), distance, -1).argmax(), distance.shape)
    return float(col) + 0.5, float(row) + 0.5
