"""How well a pipeline's samples keep both ways around a wall, by the sampler's number of steps.

    python benchmarks/symmetric_walls.py --json docs/results/symmetric-walls.json

Each maze is empty but for one wall across the line from start to goal, symmetric to that line, so that the two ways
are equally long and equally likely. A sampler of few steps starts from an estimate that is the mean of both ways,
which lies in the wall. The rarer way's share is the smaller of the numbers of samples above and below, over all
samples; for a fair coin and 64 samples it is 0.45. All numbers of steps see the same mazes and noise.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch

import anchordiff as ad
from anchordiff.domains.maze.metrics import is_success
from anchordiff.pipeline.config import make_sampler

SIDE, MIDDLE = 21, 10
STEPS = (1, 2, 3, 4, 8, 16)


def symmetric_mazes(count: int, *, seed: int) -> tuple[ad.MazeCondition, np.ndarray]:
    """Mazes with one wall across the way, and the walls' columns."""
    random = np.random.default_rng(seed)
    walls = np.zeros((count, SIDE, SIDE), bool)
    walls[:, [0, -1]] = walls[:, :, [0, -1]] = True
    columns = random.integers(7, SIDE - 7, count)
    for grid, column, half in zip(walls, columns, random.integers(2, 6, count), strict=True):
        grid[MIDDLE - half : MIDDLE + half + 1, column] = True
    away = random.uniform(3, 5, (2, count))
    middle = np.full(count, MIDDLE + 0.5)
    start = np.stack([columns + 0.5 - away[0], middle], axis=1)
    goal = np.stack([columns + 0.5 + away[1], middle], axis=1)
    return ad.MazeCondition.from_arrays(walls, start, goal), columns + 0.5


def measure(
    pipe: ad.TwoStagePipeline, condition: ad.MazeCondition, wall: np.ndarray, *, steps: int, samples: int
) -> dict[str, float]:
    """Share of free samples, and of the rarer way, with one number of steps."""
    sampler = make_sampler(pipe.config.sampler, steps, pipe.config.spacing)
    generator = torch.Generator().manual_seed(0)
    out = pipe.generate(condition, num_samples=samples, sampler=sampler, generator=generator, batch_size=400)
    trajectory = out.trajectory.unflatten(0, (len(condition), samples))
    beside = (trajectory[..., 0] - torch.from_numpy(wall)[:, None, None]).abs().argmin(dim=2, keepdim=True)
    above = trajectory[..., 1].gather(2, beside)[..., 0] < MIDDLE + 0.5
    free = is_success(condition, out.trajectory).view(len(condition), samples)
    share = above.double().mean(dim=1)
    return {
        "free": float(free.double().mean()),
        "rarer_way": float(torch.minimum(share, 1 - share).mean()),
        "mazes_with_both_ways_free": float(((free & above).any(1) & (free & ~above).any(1)).double().mean()),
    }


def main() -> None:
    """Measure, print a table, and write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pipeline", default="particle-maze")
    parser.add_argument("--mazes", type=int, default=100)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    pipe = ad.TwoStagePipeline.from_pretrained(args.pipeline)
    condition, wall = symmetric_mazes(args.mazes, seed=args.seed)
    rows = {steps: measure(pipe, condition, wall, steps=steps, samples=args.samples) for steps in STEPS}
    print(
        f"{args.pipeline} (default {pipe.config.steps} steps), {args.mazes} mazes, {args.samples} samples each\n"
    )
    print("| steps | free | rarer way | mazes with a free sample on both ways |\n|---:|---:|---:|---:|")
    for steps, row in rows.items():
        print(
            f"| {steps} | {100 * row['free']:.1f} % | {100 * row['rarer_way']:.1f} % | "
            f"{100 * row['mazes_with_both_ways_free']:.0f} % |"
        )
    if args.json is not None:
        given = {name: value for name, value in vars(args).items() if name != "json"}
        told = {**given, "default_steps": pipe.config.steps, "rows": rows}
        args.json.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
