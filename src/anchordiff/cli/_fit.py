"""What the training of both stages shares: flags, the first weights, the driver."""

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import torch
import tyro
from torch import nn

from anchordiff import hub
from anchordiff.cli._bootstrap import has_run, take_weights
from anchordiff.cli._datasets import VALIDATION_SEED, DatasetName, TrainingData, particle_data, pointmaze_data
from anchordiff.cli._output import check_out
from anchordiff.cli._stages import TRAINING, pick_device
from anchordiff.data import ParticleBatch, ParticleMazeConfig
from anchordiff.data.pointmaze import PointMazeRecipe
from anchordiff.hub.folders import CONFIG, WEIGHTS
from anchordiff.plots import draw_curves, save_figure
from anchordiff.training import Loss, RunOptions, Slot, TrainConfig, fit, read_log
from anchordiff.training.bootstrap import ScheduledSampling, SteppedBatch

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class TrainCommand(ABC):
    """Base of the two commands that train: the flags that they share.

    Attributes:
        out: folder of the run. The trained model lies in it; config, log, its curves and checkpoints in `training/`.
        dataset: what to train on: random mazes made on the fly, or recorded PointMaze data.
        data: of the random mazes; no sample is seen twice.
        pointmaze: of the recorded data, which Minari finds in `MINARI_DATASETS_PATH`.
        train: the optimiser and its schedule.
        run: how the run is watched and kept.
        resume: go on with the run in `out`; where there is none yet, a new one starts.
        device: cpu, cuda, cuda:1, ...; by default a GPU where there is one.
        init: folder of a trained model of the same kind, whose weights a new run starts from.
        threads: threads on the CPU; results repeat bit by bit for one and the same number.
        validate: held-out samples of an evaluation during training; 0 for none.
    """

    out: Path
    dataset: DatasetName = "particle"
    data: ParticleMazeConfig = field(default_factory=ParticleMazeConfig)
    pointmaze: PointMazeRecipe = field(default_factory=PointMazeRecipe)
    train: TrainConfig = field(default_factory=TrainConfig)
    run: RunOptions = field(default_factory=RunOptions)
    resume: tyro.conf.FlagCreatePairsOff[bool] = False
    device: str | None = None
    init: Path | None = None
    threads: int | None = None
    validate: int = 256

    def __post_init__(self) -> None:
        if self.data.split != "train":
            raise ValueError(f'--data.split must be "train", found "{self.data.split}": it is for evaluation')
        if self.dataset == "pointmaze" and self.data != ParticleMazeConfig():
            raise ValueError("--data.* must be left out with --dataset pointmaze, which has --pointmaze.*")
        if self.dataset == "particle" and self.pointmaze != PointMazeRecipe():
            raise ValueError("--pointmaze.* must be left out without --dataset pointmaze")
        if self.validate < 0:
            raise ValueError(f"--validate must not be negative, found {self.validate}")
        if self.validate == 0 and self.run.best != RunOptions.best:
            raise ValueError(f"--run.best must be left out with --validate 0, found {self.run.best!r}")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"--threads must be at least 1, found {self.threads}")

    def execute(self) -> None:
        """Train, or go on training."""
        self._check_out()
        self.fit_stage()

    @abstractmethod
    def fit_stage(self) -> None:
        """Open the data, make the model and train it, in a folder that was found fit."""

    def open_data(self, *, horizon: int, dim: Literal[2, 4]) -> TrainingData:
        """The data for a model of that horizon and dim.

        Raises:
            ValueError: if the random mazes have other ones, or recorded data leave no window.
            FileNotFoundError: if a recorded data set is not there.
            MissingExtraError: if what reads recorded data is not installed.
        """
        if self.dataset == "pointmaze":
            return pointmaze_data(self.pointmaze, horizon=horizon, dim=dim)
        for name, of_model, of_data in (
            ("horizon", horizon, self.data.horizon),
            ("dim", dim, self.data.dim),
        ):
            if of_model != of_data:
                raise ValueError(f"--model.{name} must equal --data.{name}, found {of_model} and {of_data}")
        return particle_data(self.data)

    def _check_out(self) -> None:
        """Let a run go on in its folder, and a new one start where there is neither a run nor a model."""
        if not self.resume and (self.out / TRAINING / CONFIG).exists():
            raise ValueError(f"--out must be a new folder without --resume, found a run in {self.out}")
        goes_on = self.resume and has_run(self.out)
        check_out(self.out, own=(TRAINING, CONFIG, WEIGHTS) if goes_on else (TRAINING,))


def run_training(
    flags: TrainCommand,
    data: TrainingData,
    build: Callable[[], Model],
    objective: Loss[Model, ParticleBatch],
    check: Callable[[Model, ParticleBatch], Mapping[str, float]],
    *,
    settings: Mapping[str, Any],
    scheduled: ScheduledSampling | None = None,
) -> None:
    """Train a stage in the folder `flags.out` and leave the trained model there.

    Args:
        flags: what both stages share.
        data: what the stage is trained on.
        build: makes the model with its first weights.
        objective: its loss.
        check: what else than the loss is measured on held-out samples.
        settings: what else decides the run; compared at a resume.
        scheduled: the loss of training where that is not `objective`, which held-out samples are measured by.
    """
    if flags.threads is not None:
        torch.set_num_threads(flags.threads)
    device = _device(flags.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(flags.train.seed)
        model = build().to(device)
    if flags.init is not None:
        settings = {**settings, "init": str(flags.init)}
        if not (flags.resume and has_run(flags.out)):
            take_weights(model, flags.init)
    batches: Callable[[Slot], Any] = data.at
    loss: Loss[Model, Any] = objective
    if scheduled is not None:
        scheduled.stage.to(device)
        batches, loss = partial(_stepped, data.at), cast("Loss[Model, Any]", scheduled)
    evaluate = None
    if flags.validate:
        batch = data.held_out(flags.validate).to(device)
        evaluate = partial(_measure, objective, check, batch)
        if flags.run.best != RunOptions.best:  # the loss is always there
            _check_best(flags.run.best, model, partial(_measure, objective, check, batch[:1]))
    size = sum(p.numel() for p in model.parameters())
    _say(f"training {size / 1e6:.2f} M parameters on {device} in {flags.out}\n")
    result = fit(
        model,
        batches,
        loss,
        flags.train,
        flags.out / TRAINING,
        resume=flags.resume,
        settings={**settings, "data": dict(data.settings)},
        evaluate=evaluate,
        options=flags.run,
    )
    if _is_first():
        log = read_log(flags.out / TRAINING / "log.jsonl")
        save_figure(draw_curves(log, title=str(flags.out)), flags.out / TRAINING / "curves.png", dpi=100)
    if not result.finished:
        _say(f"stopped after step {result.step}; go on with the same command and --resume\n")
        return
    if _is_first():
        hub.save_pretrained(model, flags.out)
    _say(f"finished after step {result.step}; the model is in {flags.out}\n")


def _measure(
    objective: Loss[Model, ParticleBatch],
    check: Callable[[Model, ParticleBatch], Mapping[str, float]],
    batch: ParticleBatch,
    model: Model,
    step: int,
) -> Mapping[str, float]:
    """An evaluation during training; the same samples and noise at each step."""
    generator = torch.Generator(batch.device).manual_seed(VALIDATION_SEED)
    terms = objective(model, batch, generator)
    values = {"loss": terms} if isinstance(terms, torch.Tensor) else terms
    return {name: float(value) for name, value in values.items()} | dict(check(model, batch))


def _check_best(best: str, model: Model, evaluate: Callable[[Model, int], Mapping[str, float]]) -> None:
    """Refuse a name that evaluations do not give, by what one of few samples gives."""
    model.eval()
    with torch.no_grad():
        names = sorted(evaluate(model, 0))
    model.train()
    if best not in names:
        raise ValueError(f"--run.best must be one of {', '.join(names)}, found {best!r}")


def _is_first() -> bool:
    """Whether this is process 0 of a `torchrun`, or the only one: it writes and speaks."""
    return os.environ.get("RANK", "0") == "0"


def _say(text: str) -> None:
    if _is_first():
        sys.stdout.write(text)


def _stepped(at: Callable[[Slot], ParticleBatch], slot: Slot) -> SteppedBatch:
    return SteppedBatch(slot.step, at(slot))


def _device(name: str | None) -> torch.device:
    """The named device; by default and for "cuda" this process's GPU among those of a `torchrun`, or the CPU."""
    if name == "cuda" or (name is None and torch.cuda.is_available()):
        name = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
    return pick_device(name)
