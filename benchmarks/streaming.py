"""How soon the first chunk of a stream is there, against a whole plan; ratios from interleaved runs.

    python benchmarks/streaming.py --threads 1 --json docs/results/streaming.json

One work is: encode the maze, all sampler steps of stage 1, then the first chunk of stage 2. Against it: the whole
trajectory in one pass (`generate`); all chunks of the stream; and all chunks without kept keys and values, where a pass
over everything up to its end makes each chunk. All are of one pipeline with a causal stage 2.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import torch

from _timing import Row, compare, format_table, write_json
from anchordiff import AnchorSet, Condition, TwoStagePipeline
from anchordiff.domains.maze import ParticleMazeConfig, ParticleMazeDataset
from anchordiff.stages.restoration import restore


def time_stream(pipe: TwoStagePipeline, condition: Condition, horizon: int, chunk: int) -> Row:
    """One row of the table."""
    options = {"horizon": horizon, "anchors": max(8, round(horizon / 9))}

    def stream() -> object:
        return pipe.stream(condition, chunk=chunk, **options)

    return compare(
        f"first {chunk} of {horizon} steps",
        lambda: next(stream()),
        {
            "whole, one pass": lambda: pipe.generate(condition, **options),
            "whole, in chunks": lambda: list(stream()),
            "whole, in chunks without cache": _without_cache(pipe, condition, chunk, options),
        },
        seconds=0.05,
    )


def _without_cache(
    pipe: TwoStagePipeline, condition: Condition, chunk: int, options: dict[str, int]
) -> Callable[[], object]:
    def run() -> None:
        made = pipe.generate(condition, **options)
        scene = pipe.encode(condition)[1]
        horizon = options["horizon"]
        with torch.inference_mode():
            # `generate` has made the last chunk already; each one before is as long a pass as its end calls for.
            for end in range(chunk, horizon, chunk):
                kept = made.anchors.index[:, made.anchors.index[0] < end - 1]
                index = torch.cat([kept, torch.full_like(kept[:, :1], end - 1)], dim=1)
                anchors = AnchorSet(index, horizon=end)
                restore(pipe.denoiser, anchors.gather(made.coarse[:, :end]), anchors, scene)

    return run


def main() -> None:
    """Measure, print a table, and write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pipeline", default="particle-maze-causal")
    parser.add_argument("--horizons", type=int, nargs="+", default=[64, 128, 384])
    parser.add_argument("--chunk", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    pipe = TwoStagePipeline.from_pretrained(args.pipeline)
    data = ParticleMazeDataset(ParticleMazeConfig(split="held_out", seed=21))
    condition = data.batch([0]).condition
    rows = [time_stream(pipe, condition, horizon, args.chunk) for horizon in args.horizons]
    print(format_table(rows))
    if args.json is not None:
        write_json(rows, args.json, machine={"threads": str(args.threads), "torch": torch.__version__})


if __name__ == "__main__":
    main()
