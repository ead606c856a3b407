"""Make the arm's data: shards of planned paths to train on, held-out tasks, and one file of all shards.

python examples/arm/make_data.py heldout --out data/heldout.npz
python examples/arm/make_data.py train --out data --count 20000
python examples/arm/make_data.py join --folder data --out data/train.npz
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import tyro
from numpy.typing import NDArray
from planner import HORIZON, path_length, plan_best, plan_once, resample
from tasks import ArmTask, draw_task
from world import ArmWorld

from anchordiff.files import replacing
from anchordiff.progress import progress_bar

SHARD_TASKS: Final = 500
_RUNS: Final = 6
_MOST_SEEDS: Final = 2**31 - 1

Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, kw_only=True)
class Train:
    """Plan for random tasks and write the paths to shards.

    Each shard is whole or not there; a call that was stopped goes on where it was. A shard holds the paths of 500
    tasks, less those that the planner did not solve.

    Attributes:
        out: folder of the shards.
        count: number of tasks.
        seed: which tasks.
        part: which part of the shards this process makes, from 0.
        parts: number of processes that share the work.
    """

    out: Path
    count: int = 20_000
    seed: int = 0
    part: int = 0
    parts: int = 1

    def execute(self) -> None:
        """Make the shards that are not there."""
        if self.count < 1:
            raise ValueError(f"--count must be at least 1, found {self.count}")
        if not 0 <= self.part < self.parts:
            raise ValueError(f"--part must be from 0 to --parts - 1 = {self.parts - 1}, found {self.part}")
        shards = -(-self.count // SHARD_TASKS)
        for shard in range(self.part, shards, self.parts):
            path = self.out / f"seed{self.seed}-{shard:05d}.npz"
            if path.exists():
                continue
            began = time.perf_counter()
            arrays = _shard(self.seed, shard)
            _save(path, arrays)
            episodes, seconds = len(arrays["states"]), time.perf_counter() - began
            sys.stdout.write(f"{path}: {episodes} paths, {seconds / max(episodes, 1) * 1e3:.0f} ms a path\n")
            sys.stdout.flush()


@dataclass(frozen=True, kw_only=True)
class Heldout:
    """Write tasks of another seed, with what one plain run of the planner makes of each.

    Attributes:
        out: file to write.
        count: number of tasks.
        seed: which tasks; not the one of training.
    """

    out: Path
    count: int = 512
    seed: int = 1

    def execute(self) -> None:
        """Make the file."""
        indices = progress_bar("held out", "task", shown=None, total=self.count, over=range(self.count))
        with ArmWorld() as world:
            rows = [_heldout(world, self.seed, index) for index in indices]
        _save(self.out, {key: np.stack([np.asarray(row[key]) for row in rows]) for key in rows[0]})
        solved = [row for row in rows if row["planner_success"]]
        sys.stdout.write(
            f"{self.out}: {self.count} tasks, straight line free in {_mean(rows, 'straight_free'):.3f}; planner: "
            f"success {_mean(rows, 'planner_success'):.3f}, length {_mean(solved, 'planner_length'):.3f} rad, "
            f"{_mean(solved, 'planner_ms'):.1f} ms where it succeeds\n"
        )


@dataclass(frozen=True, kw_only=True)
class Join:
    """Join the shards that are there into one file.

    Attributes:
        folder: folder of the shards.
        out: file to write.
        seed: of the shards.
    """

    folder: Path
    out: Path
    seed: int = 0

    def execute(self) -> None:
        """Write the file."""
        paths = sorted(self.folder.glob(f"seed{self.seed}-*.npz"))
        if not paths:
            raise ValueError(f"--folder must hold shards of seed {self.seed}, found none in {self.folder}")
        shards = [dict(np.load(path)) for path in paths]
        arrays: Arrays = {key: np.concatenate([shard[key] for shard in shards]) for key in shards[0]}
        _save(self.out, arrays)
        sys.stdout.write(f"{self.out}: {len(arrays['states'])} paths of {len(paths)} shards\n")


def _shard(seed: int, shard: int) -> Arrays:
    """The paths of one shard's tasks."""
    solved: list[tuple[NDArray[np.float32], ArmTask]] = []
    first = shard * SHARD_TASKS
    # PyBullet keeps the shapes of old spheres until its client ends, so each shard has a new one.
    with ArmWorld() as world:
        for index in progress_bar(
            f"shard {shard}", "task", shown=None, total=SHARD_TASKS, over=range(first, first + SHARD_TASKS)
        ):
            task = draw_task(world, seed, index)
            states = _planned(world, task, seed, index)
            if states is not None:
                solved.append((states, task))
    return {
        "states": np.array([states for states, _ in solved], dtype=np.float32).reshape(-1, HORIZON, 7),
        "tokens": np.array([task.tokens() for _, task in solved], dtype=np.float32).reshape(-1, 8, 4),
        "token_mask": np.array([task.token_mask() for _, task in solved], dtype=bool).reshape(-1, 8),
    }


def _planned(world: ArmWorld, task: ArmTask, seed: int, index: int) -> NDArray[np.float32] | None:
    """A short path in `HORIZON` steps that is free all along, or None."""
    seeds = list(_run_seeds(seed, index))
    waypoints = plan_best(world, task, seeds=seeds)
    if waypoints is None:
        return None
    states = resample(waypoints)
    return states if world.path_is_free(states) else None


def _heldout(world: ArmWorld, seed: int, index: int) -> dict[str, object]:
    """One held-out task: its path as in training, and one plain run of the planner."""
    task = draw_task(world, seed, index)
    line = np.stack([task.start, task.goal]).astype(np.float64)
    run = plan_once(world, task, seed=next(_run_seeds(seed, index)))
    success = run.waypoints is not None and world.path_is_free(run.waypoints)
    states = _planned(world, task, seed, index)
    if states is None:
        states = resample(line)
    return {
        "states": states,
        "tokens": task.tokens(),
        "token_mask": task.token_mask(),
        "planner_success": success,
        "planner_length": np.float32(run.length if success else path_length(line)),
        "planner_ms": np.float32(run.milliseconds),
        "straight_free": world.path_is_free(line),
        "states_free": world.path_is_free(states),
    }


def _run_seeds(seed: int, index: int) -> Iterator[int]:
    """Seeds of the planner's runs for one task."""
    generator = np.random.default_rng([seed, index, 1])
    for _ in range(_RUNS):
        yield int(generator.integers(1, _MOST_SEEDS))


def _mean(rows: list[dict[str, object]], key: str) -> float:
    return float(np.mean([np.asarray(row[key], dtype=np.float64) for row in rows]))


def _save(path: Path, arrays: Arrays) -> None:
    with replacing(path) as file:
        np.savez(file, allow_pickle=False, **arrays)


def main() -> None:
    """Run the command that the words after the file's name ask for."""
    command = tyro.cli(Train | Heldout | Join, description=__doc__)
    command.execute()


if __name__ == "__main__":
    main()
