"""How long a plan takes, against an older checkout of this library; ratios from interleaved runs.

    python benchmarks/against.py OLD_CHECKOUT --json runs/benchmarks/against.json

Both checkouts are installed, without their dependencies, into folders of their own, and each runs in a process of its
own. Round by round each process makes the same plans, first the one, then the other; a row is the median over rounds of
the new time over the old one. Times are processor time of the one thread that plans, so that other programs on the
machine count less. Weights are the bundled ones of each checkout.

Rows: eager and under `torch.compile`, one condition and 64, `generate` with the pipeline's defaults; where both are
asked for, `plan` with 16 candidates too.
"""

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

Mode = Literal["eager", "compiled"]

# What both versions understand. A line on standard input is a number of plans; the answer is their time in seconds.
WORKER = """
import sys, time, warnings
import numpy as np, torch
import anchordiff as ad

warnings.filterwarnings("ignore")
name, mode, batch, candidates = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(1)
pipe = ad.TwoStagePipeline.from_pretrained(name)
mazes = [ad.Maze.random(seed=seed) for seed in range(batch)]
free = [np.argwhere(~maze.walls) for maze in mazes]
ends = [np.stack([cells[place][::-1] + 0.5 for cells in free]).astype(np.float32) for place in (0, -1)]
condition = ad.MazeCondition.from_arrays(np.stack([maze.walls for maze in mazes]), *ends)
if mode == "compiled":
    for encoder in {pipe.keypoints.encoder, pipe.denoiser.encoder}:
        encoder.forward = torch.compile(encoder.forward, dynamic=False, fullgraph=True)
    if hasattr(pipe, "_batch"):  # version 0.1
        pipe._batch = torch.compile(pipe._batch, dynamic=False, fullgraph=True)
    else:
        pipe.keypoints.sample = torch.compile(pipe.keypoints.sample, dynamic=False, fullgraph=True)
        pipe.denoiser.compile(dynamic=False, fullgraph=True)
generator = torch.Generator().manual_seed(0)

def once():
    if candidates > 1:
        pipe.plan(condition, candidates=candidates, generator=generator)
    else:
        pipe.generate(condition, generator=generator)

for _ in range(3):
    once()
print("ready", ad.__version__, ad.__file__, flush=True)
for line in sys.stdin:
    began = time.thread_time()
    for _ in range(int(line)):
        once()
    print(time.thread_time() - began, flush=True)
"""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Time plans against an older checkout.

    Attributes:
        old: folder of the older checkout.
        pipeline: bundled name.
        modes: as they are, or under torch.compile.
        batches: conditions of a plan.
        candidates: candidates of a row with `plan`; 0 leaves it out.
        rounds: of both versions in turn, a row.
        seconds: how long one measurement lasts, about.
        most: greatest ratio that is good enough.
        json: file to write the rows to.
    """

    old: tyro.conf.Positional[Path]
    pipeline: str = "particle-maze"
    modes: tuple[Mode, ...] = ("eager", "compiled")
    batches: tuple[int, ...] = (1, 64)
    candidates: int = 16
    rounds: int = 40
    seconds: float = 0.5
    most: float = 1.03
    json: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One comparison.

    Attributes:
        work: what is done.
        old: median time of the older checkout, in seconds.
        new: median time of this one.
        ratio: median over rounds of new over old.
        low: its lower quartile.
        high: its upper quartile.
    """

    work: str
    old: float
    new: float
    ratio: float
    low: float
    high: float


class Worker:
    """A process that makes plans with one of the versions."""

    def __init__(self, folder: Path, *args: str) -> None:
        # Nothing but the folder may decide which version is imported.
        threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        environment = {**os.environ, **threads, "PYTHONPATH": str(folder)}
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER, *args],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            cwd=folder,
        )
        ready = self._answer().split()
        if ready[0] != "ready" or not Path(ready[2]).is_relative_to(folder):
            raise RuntimeError(f"the worker must import anchordiff from {folder}, found {ready}")
        self.version = ready[1]

    def time(self, plans: int) -> float:
        """Seconds that so many plans take."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{plans}\n")
        self._process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker ended with exit status {self._process.wait()}")
        return line


@contextmanager
def installed(checkout: Path) -> Iterator[Path]:
    """A folder with the checkout's package, installed without its dependencies."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
        subprocess.run([*pip, str(checkout.resolve())], check=True)
        yield Path(folder)


def compare(old: Path, new: Path, work: str, args: list[str], options: Options) -> Row:
    """One row: both versions in turn."""
    with ExitStack() as stack:
        workers = [Worker(folder, *args) for folder in (old, new)]
        for worker in workers:
            stack.callback(worker.close)
        plans = max(1, math.ceil(options.seconds / workers[0].time(1)))
        times: list[tuple[float, float]] = []
        for number in range(options.rounds):
            # The one that goes first changes, so that neither always follows the other.
            pair = [0.0, 0.0]
            for place in (0, 1) if number % 2 == 0 else (1, 0):
                pair[place] = workers[place].time(plans) / plans
            times.append((pair[0], pair[1]))
    ratios = sorted(later / earlier for earlier, later in times)
    quarter = len(ratios) // 4
    return Row(
        work=work,
        old=statistics.median(earlier for earlier, _ in times),
        new=statistics.median(later for _, later in times),
        ratio=statistics.median(ratios),
        low=ratios[quarter],
        high=ratios[-1 - quarter],
    )


def main(options: Options) -> int:
    """Run all rows, print them, write the file; 1 where a ratio is too high."""
    here = Path(__file__).parents[1]
    rows = []
    with installed(options.old) as old, installed(here) as new:
        for mode in options.modes:
            for batch in options.batches:
                counts = (1, options.candidates) if options.candidates and mode == "eager" else (1,)
                for candidates in counts:
                    call = "generate" if candidates == 1 else f"plan of {candidates}"
                    work = f"{call}, {mode}, batch {batch}"
                    args = [options.pipeline, mode, str(batch), str(candidates)]
                    rows.append(row := compare(old, new, work, args, options))
                    print(
                        f"{row.work:<32} old {1e3 * row.old:8.2f} ms  new {1e3 * row.new:8.2f} ms  "
                        f"new / old {row.ratio:.3f} ({row.low:.3f} to {row.high:.3f})"
                        + ("" if row.ratio <= options.most else f"  above {options.most}"),
                        flush=True,
                    )
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps([vars(row) for row in rows], indent=2) + "\n")
    return int(any(row.ratio > options.most for row in rows))


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Options)))
