"""Measure Maze2D's reference rows: python benchmarks/maze2d_references.py [--episodes 100] [--mazes umaze medium].

Writes a JSON file and a table for each maze and task to docs/results/maze2d.
"""

from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import get_args

import tyro

from anchordiff.domains.pointmaze.benchmark import (
    Planned,
    evaluate_maze2d,
    reference_agents,
    shortest_planner,
)
from anchordiff.domains.pointmaze.benchmark.references import PACE
from anchordiff.domains.pointmaze.world import (
    POINT_MAZES,
    PathTracker,
    PointMaze,
    Task,
    find_point_maze,
    find_walls,
)
from anchordiff.files import write_json, write_whole

OUT = Path(__file__).parent.parent / "docs" / "results" / "maze2d"


def agents(maze: PointMaze) -> list[object]:
    """The reference rows, and the shortest path under the tracker as planners are run with it."""
    planner = shortest_planner(maze, horizon=PACE[maze.name])
    rows = [
        Planned(name="shortest path, tracker", planner=planner, follow=PathTracker),
        Planned(
            name="shortest path, tracker that sees walls",
            planner=planner,
            follow=partial(PathTracker, walls=find_walls(maze)),
        ),
    ]
    *first, last = reference_agents(maze)
    return [*first, *rows, last]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Measure Maze2D's reference rows.

    Attributes:
        episodes: of each maze and task.
        mazes: which.
    """

    episodes: int = 100
    mazes: tuple[str, ...] = tuple(POINT_MAZES)


def main(options: Options) -> None:
    """Measure and write."""
    for name, task in product(options.mazes, get_args(Task)):
        evaluation = evaluate_maze2d(
            agents(find_point_maze(name)), maze=name, task=task, episodes=options.episodes
        )
        write_json(OUT / f"references-{name}-{task}.json", evaluation.to_json())
        table = evaluation.table()
        write_whole(OUT / f"references-{name}-{task}.md", f"{table}\n".encode())
        print(f"{name}, {task}\n\n{table}\n", flush=True)


if __name__ == "__main__":
    main(tyro.cli(Options))
