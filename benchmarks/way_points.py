"""How well plans go through way points that lie off the shortest way.

    python benchmarks/way_points.py --json docs/results/way-points.json

The mazes, starts and goals are those of the suite `particle-21`. Way points are centres of free cells, drawn one after
another among those that can be reached and that make the way from the point before to the goal at least four cells
longer than the shortest (where a maze has none, it is left out). A way is divided at its way points and each leg
generated on its own; success means that the whole way is free and that it meets start, way points and goal. The expert
beside it is the shortest way through the same points.
"""

import argparse
from pathlib import Path

import numpy as np
import torch

import anchordiff as ad
from anchordiff.domains.maze import is_success, path_length
from anchordiff.domains.maze.suites import find_suite
from anchordiff.files import write_json
from anchordiff.kernels.grid.geodesic import distance_fields

SUITE = "particle-21"
COUNTS = (0, 1, 2, 4)
DETOUR = 4.0


def draw_points(
    condition: ad.MazeCondition, count: int, random: np.random.Generator
) -> tuple[torch.Tensor, np.ndarray, np.ndarray]:
    """Way points, the shortest way through them along the grid in cells, and which mazes have such points."""
    walls = condition.walls.numpy()
    here = condition.start.numpy()[:, ::-1].astype(np.int64)
    goal = condition.goal.numpy()[:, ::-1].astype(np.int64)
    to_goal = distance_fields(walls, goal)
    every, shortest, good = [], np.zeros(len(walls)), np.ones(len(walls), bool)
    rows = np.arange(len(walls))
    for _ in range(count):
        from_here = distance_fields(walls, here)
        with np.errstate(invalid="ignore"):
            detour = from_here + to_goal - to_goal[rows, here[:, 0], here[:, 1]][:, None, None]
        chances = (np.isfinite(detour) & (detour >= DETOUR)).reshape(len(walls), -1)
        good &= chances.any(axis=1)
        chances[:, 0] |= ~chances.any(axis=1)
        flat = np.array([random.choice(np.flatnonzero(row)) for row in chances])
        here = np.stack(np.divmod(flat, walls.shape[2]), axis=1)
        shortest += from_here[rows, here[:, 0], here[:, 1]]
        every.append(here[:, ::-1] + 0.5)
    shortest += to_goal[rows, here[:, 0], here[:, 1]]
    points = np.stack(every, axis=1) if every else np.zeros((len(walls), 0, 2))
    return torch.from_numpy(points.astype(np.float32)), shortest, good


def measure(pipe: ad.TwoStagePipeline, count: int, *, size: int, candidates: int) -> dict[str, float]:
    """What is said of plans through so many way points."""
    condition = find_suite(SUITE).load(range(size)).condition
    points, shortest, good = draw_points(condition, count, np.random.default_rng(count))
    rows = torch.from_numpy(np.flatnonzero(good))
    condition, points = condition[rows], points[rows]
    asked = condition.through(points) if count else condition
    generator = torch.Generator().manual_seed(0)
    plan = pipe.plan(asked, candidates=candidates, generator=generator, batch_size=1600)
    one = plan.generation[torch.arange(len(rows)) * candidates]
    steps = torch.arange(1, count + 1) * (pipe.config.horizon - 1)
    met = (one.trajectory[:, steps] - points).abs() if count else torch.zeros(1)
    lengths = path_length(plan.trajectory)[plan.valid].numpy() / shortest[good][plan.valid.numpy()]
    return {
        "mazes": len(rows),
        "one_sample": float(is_success(condition, one.trajectory).double().mean()),
        "plan": float(plan.valid.double().mean()),
        "farthest_from_a_way_point": float(met.max()),
        "length_over_grid_shortest": float(np.median(lengths)),
    }


def main() -> None:
    """Measure, print a table, and write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pipeline", default="particle-maze")
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--candidates", type=int, default=16)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    pipe = ad.TwoStagePipeline.from_pretrained(args.pipeline)
    rows = {n: measure(pipe, n, size=args.size, candidates=args.candidates) for n in COUNTS}
    print(f"{args.pipeline} on {SUITE}, {args.candidates} candidates a plan\n")
    print("| way points | mazes | one sample | plan | farthest from a way point, cells | length / shortest |")
    print("|---|---|---|---|---|---|")
    for count, row in rows.items():
        print(
            f"| {count} | {row['mazes']} | {100 * row['one_sample']:.1f} % | {100 * row['plan']:.1f} % "
            f"| {row['farthest_from_a_way_point']:g} | {row['length_over_grid_shortest']:.3f} |"
        )
    if args.json is not None:
        settings = {"pipeline": args.pipeline, "suite": SUITE, "candidates": args.candidates}
        write_json(args.json, {**settings, "rows": {str(count): row for count, row in rows.items()}})


if __name__ == "__main__":
    main()
