"""How well a pipeline's samples keep both ways around a wall, by the sampler's number of steps.

    python benchmarks/symmetric_walls.py --json docs/results/symmetric-walls.json

The mazes are those of the suite `symmetric-21`: empty but for one wall across the line from start to goal, so that the
two ways are equally long and equally likely. A sampler of few steps starts from an estimate that is the mean of both
ways, which lies in the wall. The rarer way's share is the smaller of the numbers of samples above and below, over all
samples; for a fair coin and 64 samples it is 0.45. Ways are those that free samples take, 2 at most. All numbers of
steps see the same mazes and noise.
"""

import argparse
import json
from pathlib import Path

import torch

import anchordiff as ad
from anchordiff.domains.maze import is_success, ways
from anchordiff.domains.maze.suites import find_suite
from anchordiff.pipeline.config import make_sampler

SUITE = "symmetric-21"
STEPS = (1, 2, 3, 4, 8, 16)


def measure(
    pipe: ad.TwoStagePipeline, condition: ad.MazeCondition, *, steps: int, samples: int
) -> dict[str, float]:
    """What is said of the samples of one number of steps."""
    sampler = make_sampler(pipe.config.sampler, steps, pipe.config.spacing)
    generator = torch.Generator().manual_seed(0)
    out = pipe.generate(condition, num_samples=samples, sampler=sampler, generator=generator, batch_size=400)
    trajectory = out.trajectory.unflatten(0, (len(condition), samples))
    inner = condition.walls[:, 1:-1, 1:-1].any(dim=1).float()
    wall = inner.argmax(dim=1) + 1.5  # the middle of the one column with a wall
    beside = (trajectory[..., 0] - wall[:, None, None]).abs().argmin(dim=2, keepdim=True)
    above = trajectory[..., 1].gather(2, beside)[..., 0] < condition.start[:, 1:]
    free = is_success(condition, out.trajectory)
    share = above.double().mean(dim=1)
    return {
        "free": float(free.double().mean()),
        "rarer_way": float(torch.minimum(share, 1 - share).mean()),
        "ways": float(ways(condition, trajectory).double().mean()),
    }


def main() -> None:
    """Measure, print a table, and write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pipeline", default="particle-maze")
    parser.add_argument("--mazes", type=int, default=100)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    pipe = ad.TwoStagePipeline.from_pretrained(args.pipeline)
    condition = find_suite(SUITE).load(range(args.mazes)).condition
    rows = {steps: measure(pipe, condition, steps=steps, samples=args.samples) for steps in STEPS}
    print(
        f"{args.pipeline} (default {pipe.config.steps} steps), {args.mazes} mazes, {args.samples} samples each\n"
    )
    print("| steps | free | rarer way | ways |\n|---:|---:|---:|---:|")
    for steps, row in rows.items():
        print(f"| {steps} | {100 * row['free']:.1f} % | {100 * row['rarer_way']:.1f} % | {row['ways']:.2f} |")
    if args.json is not None:
        given = {name: value for name, value in vars(args).items() if name != "json"}
        told = {**given, "default_steps": pipe.config.steps, "rows": rows}
        args.json.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
