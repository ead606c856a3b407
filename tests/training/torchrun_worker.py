"""Run under torchrun: `torchrun_worker.py FOLDER`. Two processes train as one, stop and go on."""

import json
import os
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from anchordiff.data import Slot
from anchordiff.training import Draw, RunOptions, TrainConfig, fit, joined, train

CONFIG = TrainConfig(steps=25, batch_size=8, accumulate=2, learning_rate=1e-2, warmup_steps=5, clip_norm=0.5)


class Branches(nn.Module):
    """Two branches, each of which only half of the samples use, and one that none uses."""

    def __init__(self, *, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.even, self.odd, self.idle = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)

    def error(self, index: Tensor, x: Tensor) -> Tensor:
        total = x.new_zeros(())
        for parity, branch in enumerate((self.even, self.odd)):
            if (index % 2 == parity).any():
                part = x[index % 2 == parity]
                total = total + (branch(part) - 0.5 * part).square().sum() / 4
        return total / len(x)


def batches(slot: Slot) -> tuple[Tensor, Tensor]:
    # Even samples first: with two processes and two parts, no process uses both branches in one part.
    indices = torch.from_numpy(slot.indices)
    parity = (indices % CONFIG.batch_size) // (CONFIG.batch_size // 2)
    samples = [torch.randn(4, generator=torch.Generator().manual_seed(int(i))) for i in indices]
    return 2 * indices + parity, torch.stack(samples)


def loss(model: Branches, batch: tuple[Tensor, Tensor], draw: Draw) -> dict[str, Tensor]:
    error = model.error(*batch)
    return {"loss": error, "double": 2 * error}


def main() -> None:
    folder, rank = Path(sys.argv[1]), int(os.environ["RANK"])
    quiet = RunOptions(log_every=5, save_every=10, progress=False, tensorboard=False)
    hasty = RunOptions(log_every=5, save_every=10, progress=False, tensorboard=False, max_seconds=0.0)
    with joined(torch.device("cpu")) as ranks:
        assert (ranks.rank, ranks.world) == (rank, 2)
        # The processes start from different weights on purpose: those of process 0 count.
        model = Branches(seed=rank)
        fit(model, batches, loss, CONFIG, folder / "whole", options=quiet)
        first = fit(Branches(seed=rank), batches, loss, CONFIG, folder / "parts", options=hasty)
        assert (first.step, first.finished) == (1, False)
        parts = Branches(seed=7 + rank)
        fit(parts, batches, loss, CONFIG, folder / "parts", resume=True, options=quiet)
        assert all(torch.equal(a, b) for a, b in zip(model.parameters(), parts.parameters(), strict=True))
        steps = [step.loss for step in train(Branches(seed=rank), batches, loss, CONFIG)]
        torch.save({"model": model.state_dict(), "losses": steps}, folder / f"rank{rank}.pt")
    threads = [path.read_text("utf-8").strip() for path in Path("/proc/self/task").glob("*/comm")]
    (folder / f"threads{rank}.json").write_text(json.dumps(threads), "utf-8")


if __name__ == "__main__":
    main()
