"""What the training of both stages shares: flags, the first weights, the driver."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

import torch
import tyro
from torch import nn

from anchordiff import hub
from anchordiff.data import ParticleBatch, ParticleMazeConfig, ParticleMazeDataset
from anchordiff.training import Loss, RunOptions, TrainConfig, fit

Model = TypeVar("Model", bound=nn.Module)

VALIDATION_SEED: Final = 0  # of the held-out stream; evaluation suites use other ones


@dataclass(frozen=True, kw_only=True)
class RunFlags:
    """Flags that the training of both stages shares.

    Attributes:
        out: folder of the run. The trained model lies in it; config, log and checkpoints in its `training/`.
        data: what to train on; samples are made on the fly and none is seen twice.
        train: the optimiser and its schedule.
        run: how the run is watched and kept.
        resume: go on with the run in `out`; where there is none yet, a new one starts.
        device: cpu, cuda, cuda:1, ...; by default a GPU where there is one.
        threads: threads on the CPU; results repeat bit by bit for one and the same number.
        validate: held-out samples of an evaluation during training; 0 for none.
    """

    out: Path
    data: ParticleMazeConfig = field(default_factory=ParticleMazeConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    run: RunOptions = field(default_factory=RunOptions)
    resume: tyro.conf.FlagCreatePairsOff[bool] = False
    device: str | None = None
    threads: int | None = None
    validate: int = 256

    def __post_init__(self) -> None:
        if self.validate < 0:
            raise ValueError(f"validate must not be negative, found {self.validate}")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads must be at least 1, found {self.threads}")


def run_training(
    flags: RunFlags,
    build: Callable[[], Model],
    objective: Loss[Model, ParticleBatch],
    check: Callable[[Model, ParticleBatch], Mapping[str, float]],
    *,
    settings: Mapping[str, Any],
) -> None:
    """Train a stage in the folder `flags.out` and leave the trained model there.

    Args:
        flags: what both stages share.
        build: makes the model with its first weights.
        objective: its loss.
        check: what else than the loss is measured on held-out samples.
        settings: what else decides the run; compared at a resume.
    """
    if flags.threads is not None:
        torch.set_num_threads(flags.threads)
    device = _device(flags.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(flags.train.seed)
        model = build().to(device)
    size = sum(p.numel() for p in model.parameters())
    sys.stdout.write(f"training {size / 1e6:.2f} M parameters on {device} in {flags.out}\n")
    evaluate = None
    if flags.validate:
        held_out = replace(flags.data, split="held_out", seed=VALIDATION_SEED)
        batch = ParticleMazeDataset(held_out, geodesic=True).batch(range(flags.validate)).to(device)

        def evaluate(model: Model, step: int) -> Mapping[str, float]:
            generator = torch.Generator(device).manual_seed(VALIDATION_SEED)
            terms = objective(model, batch, generator)
            values = {"loss": terms} if isinstance(terms, torch.Tensor) else terms
            return {name: float(value) for name, value in values.items()} | dict(check(model, batch))

    result = fit(
        model,
        ParticleMazeDataset(flags.data, geodesic=True).at,
        objective,
        flags.train,
        flags.out / "training",
        resume=flags.resume,
        settings={**settings, "data": asdict(flags.data)},
        evaluate=evaluate,
        options=flags.run,
    )
    if not result.finished:
        sys.stdout.write(f"stopped after step {result.step}; go on with the same command and --resume\n")
        return
    if os.environ.get("RANK", "0") == "0":
        hub.save_pretrained(model, flags.out)
    sys.stdout.write(f"finished after step {result.step}; the model is in {flags.out}\n")


def check_agreement(data: ParticleMazeConfig, *, horizon: int, dim: int) -> None:
    """Refuse a model that does not fit the data.

    Raises:
        ValueError: if horizon or dim differ.
    """
    for name, of_model, of_data in (("horizon", horizon, data.horizon), ("dim", dim, data.dim)):
        if of_model != of_data:
            raise ValueError(f"--model.{name} must equal --data.{name}, found {of_model} and {of_data}")


def _device(name: str | None) -> torch.device:
    if name is not None:
        try:
            return torch.device(name)
        except RuntimeError as error:
            raise ValueError(f"device must be cpu, cuda or cuda:N, found {name!r}") from error
    if not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
