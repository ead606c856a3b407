"""Run as a script: `killed_worker.py FOLDER PRECISION`. Trains one run to its end and one through many kills.

Each part of the killed run is a forked process that really gets SIGKILL: by its own hand at a chosen
moment inside a system call's surroundings, or by its parent after a while.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from anchordiff.data import Slot
from anchordiff.training import Draw, RunOptions, TrainConfig, fit

STEPS = 60
RANDOM_KILLS = 6


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    wait_for_the_parent()


def wait_for_the_parent() -> None:
    time.sleep(60)


def before_the_weights(act: Callable[[], None]) -> None:
    """Act in place of writing the averaged weights, the last file of all."""
    run = sys.modules["anchordiff.training.run"]
    run.save = lambda *args, **options: act()


def train(folder: Path, precision: str, *, pause: float = 0.0) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers = [nn.Linear(4, 32), nn.GELU(), nn.Dropout(0.1), nn.BatchNorm1d(32), nn.Linear(32, 4)]
    model = nn.Sequential(*layers)

    def batches(slot: Slot) -> Tensor:
        generator = torch.Generator().manual_seed(slot.seed(5))
        return torch.randn(slot.size, 4, generator=generator)

    def loss(model: nn.Module, x: Tensor, draw: Draw) -> Tensor:
        time.sleep(pause)
        noise = torch.randn(x.shape, generator=draw.generator)
        return (model(x + 0.1 * noise) - 0.5 * x).square().mean()

    def evaluate(model: nn.Module, step: int) -> dict[str, float]:
        return {"loss": model(torch.ones(2, 4)).abs().mean().item()}

    config = TrainConfig(
        steps=STEPS, batch_size=8, accumulate=2, learning_rate=1e-2, warmup_steps=10, precision=precision
    )
    options = RunOptions(
        log_every=2, save_every=5, keep_every=20, evaluate_every=15, tensorboard=False, progress=False
    )
    fit(model, batches, loss, config, folder, resume=True, evaluate=evaluate, options=options)


def nth_call(owner: object, name: str, count: int, before: Callable[..., None] | None = None) -> None:
    """Let the process kill itself in the count-th call of a function, after doing `before` in its place."""
    original, calls = getattr(owner, name), []

    def replaced(*args: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == count:
            if before is not None:
                before(original, *args)
            die()
        return original(*args, **options)

    setattr(owner, name, replaced)


def half_a_line(write: Callable[[int, bytes], int], file: int, data: bytes) -> None:
    write(file, data[: len(data) // 2])


def half_a_file(save: Callable[..., None], content: object, file: object) -> None:
    save(content, file)
    os.truncate(file.fileno(), file.tell() // 2)


def after_it(original: Callable[..., object], *args: object) -> None:
    original(*args)


MOMENTS: dict[str, Callable[[], None]] = {
    "before the first checkpoint": lambda: nth_call(torch, "save", 1),
    "between config and first checkpoint": lambda: nth_call(Path, "replace", 2),
    "in the middle of a line of the log": lambda: nth_call(os, "write", 2, half_a_line),
    "in the middle of a checkpoint": lambda: nth_call(torch, "save", 2, half_a_file),
    "before a checkpoint is on the disk": lambda: nth_call(os, "fsync", 5),
    "before a checkpoint gets its name": lambda: nth_call(Path, "replace", 1),
    "just after a checkpoint got its name": lambda: nth_call(Path, "replace", 2, after_it),
    "while the log is flushed": lambda: nth_call(os, "fsync", 1),
    "in the backward pass": lambda: nth_call(torch.autograd, "backward", 9),
    "in the optimiser": lambda: nth_call(torch.optim.AdamW, "step", 7),
    "in the optimiser, after it": lambda: nth_call(torch.optim.AdamW, "step", 8, after_it),
    "while the average is updated": lambda: nth_call(torch, "_foreach_lerp_", 7),
}


def forked(work: Callable[[], None], *, kill_after: float | None = None) -> int:
    """Signal that ended a child process which did `work`; 0 if it came to its end."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit("a part of the run failed")
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def main() -> None:
    folder, precision = Path(sys.argv[1]), sys.argv[2]
    killed = folder / "killed"
    torch.optim.AdamW([torch.zeros(1)])  # its first call imports for two seconds, which the forks now share
    forked(lambda: train(folder / "whole", precision))

    for moment, arm in MOMENTS.items():

        def part(arm: Callable[[], None] = arm) -> None:
            arm()
            train(killed, precision)

        if forked(part) != signal.SIGKILL:
            sys.exit(f"not killed {moment}")

    def never_ending() -> None:
        before_the_weights(wait_for_the_parent)
        train(killed, precision, pause=0.01)

    rng = random.Random(0)
    for _ in range(RANDOM_KILLS):
        if forked(never_ending, kill_after=rng.uniform(0.05, 0.25)) != signal.SIGKILL:
            sys.exit("not killed at a random time")

    def last_part() -> None:
        before_the_weights(die)
        train(killed, precision)

    if forked(last_part) != signal.SIGKILL:
        sys.exit("not killed while the final weights are written")
    if forked(lambda: train(killed, precision)) != 0:
        sys.exit("the last part was killed")
    sys.stdout.write(f"{len(MOMENTS) + 1} chosen and {RANDOM_KILLS} random kills\n")


if __name__ == "__main__":
    main()
