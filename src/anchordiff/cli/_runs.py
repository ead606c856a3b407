"""What all commands that train share: flags of a run, its folder, and what is said at its end."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import ClassVar, Final

import torch
import tyro

from anchordiff import plots, training
from anchordiff.cli._output import check_out
from anchordiff.errors import CorruptFileError
from anchordiff.hub.layout import CONFIG, WEIGHTS, read_json
from anchordiff.training.config import RunOptions, TrainConfig
from anchordiff.training.layout import COMMAND, TRAINING, has_run
from anchordiff.training.process import is_first, pick_device, say

_MAX_SECONDS: Final = "--run.max-seconds"


@dataclass(frozen=True, kw_only=True)
class RunFlags(ABC):
    """Base of the commands that train: the flags that all share.

    Attributes:
        out: folder of the run. The trained model lies in it; config, log, its curves and checkpoints in `training/`.
        train: the optimiser and its schedule.
        run: how the run is watched and kept.
        resume: go on with the run in `out`; where there is none yet, a new one starts. No other flag is needed, and
            none that changes the run is taken.
        device: cpu, cuda, cuda:1, ...; by default a GPU where there is one.
        threads: threads on the CPU; results repeat bit by bit for one and the same number.
        validate: held-out samples of an evaluation during training; 0 for none.
    """

    domain: ClassVar[str | None] = None
    words: ClassVar[tuple[str, ...]] = ()
    """What the command was called with."""

    out: Path
    train: TrainConfig = field(default_factory=TrainConfig)
    run: RunOptions = field(default_factory=RunOptions)
    resume: tyro.conf.FlagCreatePairsOff[bool] = False
    device: str | None = None
    threads: int | None = None
    validate: int = 256

    def __post_init__(self) -> None:
        if self.validate < 0:
            raise ValueError(f"--validate must not be negative, found {self.validate}")
        if self.validate == 0 and self.run.best != RunOptions.best:
            raise ValueError(f"--run.best must be left out with --validate 0, found {self.run.best!r}")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"--threads must be at least 1, found {self.threads}")

    @classmethod
    def recall(cls, words: Sequence[str]) -> list[str]:
        """The words of the run that is gone on with, and then those that are given now."""
        out = next((value for flag, value in pairwise(words) if flag == "--out"), None)
        out = next((word.removeprefix("--out=") for word in words if word.startswith("--out=")), out)
        if "--resume" not in words or out is None or not (Path(out) / COMMAND).is_file():
            return list(words)
        saved = read_json(Path(out) / COMMAND).get("words")
        if not (isinstance(saved, list) and all(isinstance(word, str) for word in saved)):
            raise CorruptFileError(f"{Path(out) / COMMAND} must hold words, found {saved!r}")
        return [*_without_domain(saved, words), *words]

    def execute(self) -> None:
        """Train, or go on training."""
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        pick_device(self.device)
        self.fit()

    @abstractmethod
    def fit(self) -> None:
        """Open the data, make the model and train it."""

    def options(self, *, init: str | None = None) -> "training.StageRun":
        """The flags as the library takes them."""
        return training.StageRun(
            train=self.train,
            run=self.run,
            resume=self.resume,
            command=_lasting(self.words),
            init=init,
            validate=self.validate,
            device=self.device,
        )


def _lasting(words: Sequence[str]) -> tuple[str, ...]:
    """The words that hold for a run as long as it lasts."""
    kept: list[str] = []
    for word, before in zip(words, ("", *words), strict=False):
        once = word.split("=", 1)[0] in ("--resume", _MAX_SECONDS)
        if not once and before != _MAX_SECONDS:
            kept.append(word)
    return tuple(kept)


def _without_domain(saved: list[str], words: Sequence[str]) -> list[str]:
    """The saved words, without their domain where it is given again."""
    if saved[:1] == ["--domain"] and any(word.split("=", 1)[0] == "--domain" for word in words):
        return saved[2:]
    return saved


def check_stage_folder(out: Path, *, resume: bool) -> None:
    """Let a run go on in its folder, and a new one start where there is neither a run nor a model."""
    if not resume and (out / TRAINING / CONFIG).exists():
        raise ValueError(f"--out must be a new folder without --resume, found a run in {out}")
    goes_on = resume and has_run(out)
    check_out(out, own=(TRAINING, CONFIG, WEIGHTS) if goes_on else (TRAINING,))


def report(result: "training.StageResult", out: Path) -> None:
    """Draw the curves, and say how a run ended."""
    if is_first():
        log = training.read_log(out / TRAINING / "log.jsonl")
        plots.save_figure(plots.draw_curves(log, title=str(out)), out / TRAINING / "curves.png", dpi=100)
    if result.finished:
        say(f"finished after step {result.step}; the model is in {out}\n")
    else:
        say(f"stopped after step {result.step}; --out {out} --resume goes on\n")
