"""Measure Maze2D's reference rows: python benchmarks/maze2d_references.py [--episodes 100] [--mazes umaze medium].

Writes a JSON file and a table for each maze and task to docs/results/maze2d.
"""

import argparse
import json
from pathlib import Path

from anchordiff.evaluation.maze2d import Planned, evaluate_maze2d, reference_agents, shortest_planner
from anchordiff.evaluation.maze2d.references import PACE
from anchordiff.pointmaze import POINT_MAZES, PathTracker, PointMaze, find_walls

OUT = Path(__file__).parent.parent / "docs" / "results" / "maze2d"


def agents(maze: PointMaze) -> list[object]:
    """The reference rows, and the shortest path under the tracker as planners are run with it."""
    walls = find_walls(maze)
    planner = shortest_planner(maze, horizon=PACE[maze.name])
    rows = [
        Planned(name="shortest path, tracker", planner=planner, follow=PathTracker),
        Planned(
            name="shortest path, tracker that sees walls",
            planner=planner,
            follow=lambda path, state: PathTracker(path, state, walls=walls),
        ),
    ]
    *first, last = reference_agents(maze)
    return [*first, *rows, last]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--mazes", nargs="+", default=list(POINT_MAZES))
    args = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    for name in args.mazes:
        for task in ("single", "multi"):
            evaluation = evaluate_maze2d(
                agents(POINT_MAZES[name]), maze=name, task=task, episodes=args.episodes
            )
            path = OUT / f"references-{name}-{task}"
            path.with_suffix(".json").write_text(json.dumps(evaluation.to_json()) + "\n", "utf-8")
            path.with_suffix(".md").write_text(evaluation.table() + "\n", "utf-8")
            print(f"{name}, {task}\n\n{evaluation.table()}\n", flush=True)


if __name__ == "__main__":
    main()
