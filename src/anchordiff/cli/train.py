"""`anchordiff train keypoints`, `train denoiser` and `train pipeline`."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

import torch
import tyro

from anchordiff import plots, stages, training
from anchordiff.cli._domains import open_domain, with_domain
from anchordiff.cli._output import check_out
from anchordiff.data.source import Source, TrainingData
from anchordiff.domains.domain import Domain, StageConfig
from anchordiff.errors import CorruptFileError
from anchordiff.hub.layout import CONFIG, WEIGHTS, read_json
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.training.bootstrap import Bootstrap
from anchordiff.training.config import RunOptions, TrainConfig
from anchordiff.training.layout import COMMAND, TRAINING, has_run
from anchordiff.training.objectives import DenoiserObjective, KeypointObjective, training_masks
from anchordiff.training.process import is_first, pick_device, say

_MAX_SECONDS: Final = "--run.max-seconds"


@dataclass(frozen=True, kw_only=True)
class TrainFlags(ABC):
    """Base of the commands that train: the flags that they share.

    Attributes:
        out: folder of the run. The trained model lies in it; config, log, its curves and checkpoints in `training/`.
        train: the optimiser and its schedule.
        run: how the run is watched and kept.
        resume: go on with the run in `out`; where there is none yet, a new one starts. No other flag is needed, and
            none that changes the run is taken.
        device: cpu, cuda, cuda:1, ...; by default a GPU where there is one.
        threads: threads on the CPU; results repeat bit by bit for one and the same number.
        validate: held-out samples of an evaluation during training; 0 for none.
        even_share: share of trajectories learned from at even anchors; those of the others are random.
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
    even_share: float = 0.75

    def __post_init__(self) -> None:
        if self.validate < 0:
            raise ValueError(f"--validate must not be negative, found {self.validate}")
        if self.validate == 0 and self.run.best != RunOptions.best:
            raise ValueError(f"--run.best must be left out with --validate 0, found {self.run.best!r}")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"--threads must be at least 1, found {self.threads}")
        if not 0 <= self.even_share <= 1:
            raise ValueError(f"--even-share must lie in [0, 1], found {self.even_share}")

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
        self.fit(open_domain(self.domain))

    @abstractmethod
    def fit(self, domain: Domain) -> None:
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


def open_data(
    domain: Domain, config: StageConfig, source: Source, *, trained: StageConfig | None = None
) -> tuple[StageConfig, TrainingData]:
    """A stage's config with the sizes of the data, and the data.

    Args:
        domain: whose data these are.
        config: what flags say.
        source: of the data.
        trained: config of first weights, which is taken but for what flags and data change.
    """
    config = domain.configure(config, source)
    if trained is not None:
        usual = domain.keypoints if isinstance(config, KeypointDiffusionConfig) else domain.denoiser
        given = {f.name: getattr(config, f.name) for f in fields(config)}
        changed = {name: value for name, value in given.items() if value != getattr(usual, name)}
        config = replace(trained, **changed)
    return config, source.open(states=config.states, horizon=config.horizon)


@dataclass(frozen=True, kw_only=True)
class TrainKeypoints(TrainFlags):
    """Train stage 1, the diffusion over keypoints.

    Attributes:
        data: what it is trained on.
        model: what the network is made of; with --init, what that one is made of but for the flags that are given.
        objective: what it is trained for.
        init: trained model of the same kind, whose weights a new run starts from: folder of a run, a model or a
            pipeline, bundled name or "org/repo" on the Hub.
    """

    init: str | None = None

    @classmethod
    def for_domain(cls, name: str | None) -> type["TrainKeypoints"]:
        """The command with the flags of a domain."""
        domain = open_domain(name)
        fields = {
            "data": (domain.source, None),
            "model": (KeypointDiffusionConfig, lambda: domain.keypoints),
            "objective": (KeypointObjective, lambda: KeypointObjective(terms=domain.keypoint_terms)),
        }
        return with_domain(cls, name, fields)

    def fit(self, domain: Domain) -> None:
        """Train, or go on training."""
        flags: Any = self
        check_stage_folder(self.out, resume=self.resume)
        first = (
            None
            if self.init is None
            else training.load_stage(self.init, stages.KeypointDiffusion, name="--init").config
        )
        model, data = open_data(domain, flags.model, flags.data, trained=first)
        masks = training_masks(model.num_keypoints, even_share=self.even_share)
        result = training.fit_keypoints(
            model,
            data,
            self.out,
            objective=replace(flags.objective, masks=masks),
            options=self.options(init=self.init),
            measure=domain.measure,
        )
        report(result, self.out)


@dataclass(frozen=True, kw_only=True)
class BootstrapFlags:
    """Scheduled sampling with a frozen stage 1; without `keypoints` there is none.

    Attributes:
        keypoints: trained stage 1 (as for --init). A copy of its weights is kept with the run.
        schedule: how often and which keypoints are replaced.
    """

    keypoints: str | None = None
    schedule: Annotated[Bootstrap, tyro.conf.arg(name="")] = field(default_factory=Bootstrap)


@dataclass(frozen=True, kw_only=True)
class TrainDenoiser(TrainFlags):
    """Train stage 2, the pass from a coarse trajectory to a fine one.

    Attributes:
        data: what it is trained on.
        model: what the network is made of; with --init, what that one is made of but for the flags that are given.
        objective: what it is trained for.
        bootstrap: whether it also learns from the keypoints of a trained stage 1.
        encoder: trained stage 1 (as for --init) whose encoder this stage takes over and leaves as it is, so that a
            pipeline of both encodes a condition once.
        init: trained model of the same kind, whose weights a new run starts from: folder of a run, a model or a
            pipeline, bundled name or "org/repo" on the Hub.
    """

    FLAGS: ClassVar[Mapping[str, str]] = {"keypoints": "bootstrap.keypoints"}
    """What messages of the library call otherwise."""

    init: str | None = None
    encoder: str | None = None
    bootstrap: BootstrapFlags = field(default_factory=BootstrapFlags)

    @classmethod
    def for_domain(cls, name: str | None) -> type["TrainDenoiser"]:
        """The command with the flags of a domain."""
        domain = open_domain(name)
        fields = {
            "data": (domain.source, None),
            "model": (InterpDenoiserConfig, lambda: domain.denoiser),
            "objective": (DenoiserObjective, lambda: DenoiserObjective(terms=domain.denoiser_terms)),
        }
        return with_domain(cls, name, fields)

    def fit(self, domain: Domain) -> None:
        """Train, or go on training."""
        flags: Any = self
        if self.encoder is not None and flags.model.encoder != domain.denoiser.encoder:
            raise ValueError("--model.encoder must be left out where --encoder gives the whole encoder")
        check_stage_folder(self.out, resume=self.resume)
        first = (
            None
            if self.init is None
            else training.load_stage(self.init, stages.InterpDenoiser, name="--init").config
        )
        model, data = open_data(domain, flags.model, flags.data, trained=first)
        masks = training_masks(model.num_keypoints, even_share=self.even_share)
        keypoints = self.bootstrap.keypoints
        result = training.fit_denoiser(
            model,
            data,
            self.out,
            objective=replace(flags.objective, masks=masks),
            options=self.options(init=self.init),
            measure=domain.measure,
            encoder=self.encoder,
            keypoints=keypoints,
            bootstrap=None if keypoints is None else self.bootstrap.schedule,
        )
        report(result, self.out)


@dataclass(frozen=True, kw_only=True)
class TrainPipeline(TrainFlags):
    """Train both stages, one after the other, and join them into a pipeline.

    Stage 2 takes over the encoder of stage 1 and learns from its keypoints too. The folder is what `--pipeline` of
    other commands takes; the runs lie in keypoints/training and denoiser/training.

    Attributes:
        out: folder of the pipeline.
        data: what both stages are trained on.
        keypoints: what stage 1 is made of.
        denoiser: what stage 2 is made of; horizon and number of keypoints are those of stage 1.
        keypoint_objective: what stage 1 is trained for.
        denoiser_objective: what stage 2 is trained for.
    """

    FLAGS: ClassVar[Mapping[str, str]] = {"model": "keypoints"}
    """What messages of the library call otherwise."""

    @classmethod
    def for_domain(cls, name: str | None) -> type["TrainPipeline"]:
        """The command with the flags of a domain."""
        domain = open_domain(name)
        fields = {
            "data": (domain.source, None),
            "keypoints": (KeypointDiffusionConfig, lambda: domain.keypoints),
            "denoiser": (InterpDenoiserConfig, lambda: domain.denoiser),
            "keypoint_objective": (KeypointObjective, lambda: KeypointObjective(terms=domain.keypoint_terms)),
            "denoiser_objective": (DenoiserObjective, lambda: DenoiserObjective(terms=domain.denoiser_terms)),
        }
        return with_domain(cls, name, fields)

    def fit(self, domain: Domain) -> None:
        """Train both stages, or go on training."""
        flags: Any = self
        for name in ("keypoints", "denoiser"):
            check_stage_folder(self.out / name, resume=self.resume)
        keypoints, data = open_data(domain, flags.keypoints, flags.data)
        masks = training_masks(keypoints.num_keypoints, even_share=self.even_share)
        denoiser = replace(
            flags.denoiser,
            states=keypoints.states,
            horizon=keypoints.horizon,
            num_keypoints=keypoints.num_keypoints,
        )
        run = training.PipelineRun(
            keypoints=replace(flags.keypoint_objective, masks=masks),
            denoiser=replace(flags.denoiser_objective, masks=masks),
            options=self.options(),
            measure=domain.measure,
        )
        if training.fit_pipeline(keypoints, denoiser, data, self.out, run=run, after=report) is not None:
            say(f"the pipeline is in {self.out}\n")
