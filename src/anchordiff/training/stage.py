"""The training of a stage in a folder: first weights, a frozen encoder, validation, the best, resume."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar, final

import torch
from torch import Tensor, nn

from anchordiff import hub
from anchordiff.checks import check_integer
from anchordiff.configs import config_to_json, differences, exact
from anchordiff.data.batch import TrajectoryBatch
from anchordiff.data.source import TrainingData
from anchordiff.hub.layout import CONFIG
from anchordiff.nn.modes import evaluating
from anchordiff.stages.config import FREE, InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.training.bootstrap import Bootstrap, ScheduledSampling
from anchordiff.training.config import RunOptions, TrainConfig
from anchordiff.training.draw import Draw
from anchordiff.training.layout import TRAINING, has_run
from anchordiff.training.load import load_stage, recorded_config, write_command
from anchordiff.training.loop import Loss
from anchordiff.training.objectives import DenoiserObjective, KeypointObjective
from anchordiff.training.process import is_first, pick_device, say
from anchordiff.training.run import fit
from anchordiff.training.validation import Measure, check_denoiser, check_keypoints, measure_nothing

Model = TypeVar("Model", bound=nn.Module)

VALIDATION_SEED: Final = 0

_FROZEN: Final = "keypoints"


@final
@dataclass(frozen=True, kw_only=True)
@exact
class StageRun:
    """How a stage is trained: what the commands `anchordiff train …` have as flags.

    Attributes:
        train: the optimiser and its schedule.
        run: how the run is watched and kept.
        resume: go on with the run in the folder; where there is none yet, a new one starts.
        command: words that the run is started with; kept in the stage's folder, in command.json.
        init: a trained model of the same kind, whose weights a new run starts from: a folder of a run, of a model or
            of a pipeline, a bundled name or "org/repo" on the Hub.
        validate: held-out samples of an evaluation during training; 0 for none.
        device: cpu, cuda, cuda:1, ...; by default a GPU where there is one (under torchrun each process its own).

    Raises:
        ValueError: if `validate` is negative, or `run.best` needs an evaluation that there is not.
    """

    train: TrainConfig = field(default_factory=TrainConfig)
    run: RunOptions = field(default_factory=RunOptions)
    resume: bool = False
    command: tuple[str, ...] = ()
    init: str | Path | None = None
    validate: int = 256
    device: str | None = None

    def __post_init__(self) -> None:
        check_integer("validate", self.validate, least=0)
        if self.validate == 0 and self.run.best != RunOptions.best:
            raise ValueError(f"run.best must be left out with validate=0, found {self.run.best!r}")


@final
@dataclass(frozen=True, kw_only=True)
class StageResult:
    """How a call ended.

    Attributes:
        step: finished steps.
        finished: whether that is all of them; then the trained model lies in the folder.
    """

    step: int
    finished: bool


def fit_keypoints(
    config: KeypointDiffusionConfig,
    data: TrainingData,
    out: str | Path,
    *,
    objective: KeypointObjective | None = None,
    options: StageRun | None = None,
    measure: Measure = measure_nothing,
) -> StageResult:
    """Train stage 1 in a folder, or go on training it.

    The folder gets the trained model (`load_stage(out, KeypointDiffusion)`), and in `training/` the run: its record,
    log, curves' data and checkpoints.

    Args:
        config: what the network is made of.
        data: what it is trained on.
        out: the stage's folder.
        objective: what it is trained for.
        options: how.
        measure: what the domain says of trajectories, for validation.

    Raises:
        ValueError: if `out` holds a run and `resume` is not set or it was another run, the first weights do not fit,
            or an option is wrong.
        TrainingError: as for `train`.
        KeyboardInterrupt: after Ctrl-C, when the run is saved.
    """
    return fit_network(
        lambda: KeypointDiffusion(config),
        data,
        Path(out),
        objective or KeypointObjective(),
        options or StageRun(),
        check=partial(_check_keypoints, measure),
        settings={"model": config_to_json(config), "objective": _told(objective or KeypointObjective())},
    )


def fit_denoiser(
    config: InterpDenoiserConfig,
    data: TrainingData,
    out: str | Path,
    *,
    objective: DenoiserObjective | None = None,
    options: StageRun | None = None,
    measure: Measure = measure_nothing,
    encoder: str | Path | None = None,
    keypoints: str | Path | None = None,
    bootstrap: Bootstrap | None = None,
) -> StageResult:
    """Train stage 2 in a folder, or go on training it; see `fit_keypoints`.

    Args:
        config: what the network is made of.
        data: what it is trained on.
        out: the stage's folder.
        objective: what it is trained for.
        options: how.
        measure: what the domain says of trajectories, for validation.
        encoder: a trained stage 1 (see `load_stage`) whose encoder this stage takes over, instead of `config.encoder`,
            and leaves as it is, so that a pipeline of both encodes a condition once.
        keypoints: a trained stage 1 whose keypoints are learned from too (scheduled sampling). A copy of its
            weights is kept with the run, so that a resumed one stays exact though the stage was trained on.
        bootstrap: how often and which keypoints are replaced.

    Raises:
        ValueError: as `fit_keypoints`; also if `bootstrap` is given without `keypoints`, or the states of `keypoints`
            are others.
        FileNotFoundError: if a folder holds no trained stage.
    """
    out, options, objective = Path(out), options or StageRun(), objective or DenoiserObjective()
    if bootstrap is not None and keypoints is None:
        raise ValueError("bootstrap must be left out without keypoints, the stage 1 that it draws from")
    settings: dict[str, Any] = {}
    weights: Mapping[str, Tensor] | None = None
    if encoder is not None:
        config, weights = _take_encoder(config, encoder, out, resume=options.resume)
        # What is not trained needs no loss of its own.
        terms = {name: term for name, term in objective.terms.items() if not term.of_encoder}
        objective = replace(objective, terms=terms)
        settings["encoder"] = str(encoder)
    objective.check(config)
    settings |= {"model": config_to_json(config), "objective": _told(objective)}
    loss: DenoiserObjective | ScheduledSampling = objective
    if keypoints is not None:
        stage = _take_stage(keypoints, out, resume=options.resume)
        if stage.config.states.dim != config.states.dim:
            raise ValueError(
                f"keypoints must hold a stage 1 of the same states, with dim {config.states.dim}, "
                f"found dim {stage.config.states.dim}"
            )
        loss = ScheduledSampling(objective, stage, bootstrap)
        settings["bootstrap"] = {"keypoints": str(keypoints), **asdict(loss.bootstrap)}
    check = partial(_check_denoiser, measure, loss.stage if isinstance(loss, ScheduledSampling) else None)
    return fit_network(
        partial(_with_encoder, config, weights, frozen=encoder is not None),
        data,
        out,
        objective,
        options,
        check=check,
        settings=settings,
        trained_by=loss,
    )


def fit_network(
    build: Callable[[], Model],
    data: TrainingData,
    out: Path,
    objective: Loss[Model, Any],
    options: StageRun,
    *,
    check: Callable[[Model, Any], Mapping[str, float]],
    settings: Mapping[str, Any],
    trained_by: Loss[Model, Any] | None = None,
) -> StageResult:
    """Train a stage in its folder and leave the trained model there.

    Args:
        build: makes the model with its first weights.
        data: what the stage is trained on.
        out: the stage's folder.
        objective: what held-out samples are measured by.
        options: how it is trained.
        check: what else than the loss is measured on held-out samples.
        settings: what else decides the run; compared at a resume.
        trained_by: the loss of training where that is not `objective`.
    """
    if not options.resume and (out / TRAINING / CONFIG).exists():
        raise ValueError(f"out must be a new folder unless resume is set, found a run in {out}")
    device = pick_device(options.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.train.seed)
        model = build().to(device)
    if options.init is not None:
        settings = {**settings, "init": str(options.init)}
        if not (options.resume and has_run(out)):
            take_weights(model, options.init)
    loss: Loss[Model, Any] = trained_by or objective
    if isinstance(loss, ScheduledSampling):
        loss.stage.to(device)
    evaluate = None
    if options.validate:
        batch = data.held_out(options.validate).to(device)
        evaluate = partial(_measure, objective, check, batch)
        if options.run.best != RunOptions.best:  # the loss is always there
            _check_best(options.run.best, model, partial(_measure, objective, check, batch[:1]))
    size = sum(p.numel() for p in model.parameters())
    write_command(out, options.command)
    say(f"training {size / 1e6:.2f} M parameters on {device} in {out}\n")
    result = fit(
        model,
        data.at,
        loss,
        options.train,
        out / TRAINING,
        resume=options.resume,
        settings={**settings, "data": dict(data.settings)},
        evaluate=evaluate,
        options=options.run,
    )
    if result.finished and is_first():
        hub.save_pretrained(model, out)
    return StageResult(step=result.step, finished=result.finished)


def take_weights(model: nn.Module, source: str | Path) -> None:
    """Give `model` the weights of a trained model of its kind; see `load_stage`.

    Raises:
        ValueError: if the configs differ in more than horizon, anchors, levels, causality and memory use.
        FileNotFoundError: if the folder holds no model.
    """
    trained = load_stage(source, type(model), name="init")
    changed = differences(config_to_json(trained.config), config_to_json(model.config))
    changed = [change for change in changed if not change.startswith(tuple(f"{name}=" for name in FREE))]
    if changed:
        raise ValueError(
            f"init {source} must hold a model like the one to train, found " + "; ".join(changed)
        )
    model.load_state_dict(trained.state_dict())


def _told(objective: KeypointObjective | DenoiserObjective) -> dict[str, Any]:
    """An objective as a run's record tells it; mask samplers and terms by what they print."""
    told = {name: value for name, value in vars(objective).items() if name not in ("masks", "terms")}
    terms = {name: {"class": type(term).__name__, **vars(term)} for name, term in objective.terms.items()}
    return {**told, "masks": None if objective.masks is None else repr(objective.masks), "terms": terms}


def _take_encoder(
    config: InterpDenoiserConfig, source: str | Path, out: Path, *, resume: bool
) -> tuple[InterpDenoiserConfig, Mapping[str, Tensor] | None]:
    """The config with a trained stage's encoder, and its weights; none where a run goes on, whose checkpoint has them.

    A resumed one stays exact though the folder may be gone, or its stage trained on.
    """
    if resume and has_run(out):
        return replace(config, encoder=recorded_config(out, InterpDenoiser).encoder), None
    stage = load_stage(source, KeypointDiffusion, name="encoder")
    return replace(config, encoder=stage.config.encoder), stage.encoder.state_dict()


def _take_stage(source: str | Path, out: Path, *, resume: bool) -> KeypointDiffusion:
    """The stage 1 that the run in `out` started with; a new run keeps a copy."""
    kept = out / TRAINING / _FROZEN
    if resume and has_run(out):
        if not kept.exists():
            raise ValueError(f"resume needs the stage 1 that the run started with, found none in {kept}")
        return hub.from_pretrained(kept, KeypointDiffusion)
    stage = load_stage(source, KeypointDiffusion, name="keypoints")
    if not has_run(out):
        hub.save_pretrained(stage, kept)
    return stage


def _with_encoder(
    config: InterpDenoiserConfig, weights: Mapping[str, Tensor] | None, *, frozen: bool
) -> InterpDenoiser:
    """A stage 2, with a trained encoder that its own training leaves as it is where there is one."""
    model = InterpDenoiser(config)
    if weights is not None:
        model.encoder.load_state_dict(weights)
    model.encoder.requires_grad_(requires_grad=not frozen)
    return model


def _measure(
    objective: Loss[Model, Any],
    check: Callable[[Model, Any], Mapping[str, float]],
    batch: Any,  # noqa: ANN401
    model: Model,
    step: int,
) -> Mapping[str, float]:
    """An evaluation during training; the same samples and noise at each step."""
    generator = torch.Generator(batch.device).manual_seed(VALIDATION_SEED)
    terms = objective(model, batch, Draw(step=0, generator=generator))
    values = {"loss": terms} if isinstance(terms, Tensor) else terms
    return {name: float(value) for name, value in values.items()} | dict(check(model, batch))


def _check_best(best: str, model: Model, evaluate: Callable[[Model, int], Mapping[str, float]]) -> None:
    """Refuse a name that evaluations do not give, by what one of few samples gives."""
    with torch.no_grad(), evaluating(model):
        names = sorted(evaluate(model, 0))
    if best not in names:
        raise ValueError(f"run.best must be one of {', '.join(names)}, found {best!r}")


def _check_keypoints(
    measure: Measure, model: KeypointDiffusion, batch: TrajectoryBatch
) -> Mapping[str, float]:
    return check_keypoints(model, batch, measure)


def _check_denoiser(
    measure: Measure, stage: KeypointDiffusion | None, model: InterpDenoiser, batch: TrajectoryBatch
) -> Mapping[str, float]:
    return check_denoiser(model, batch, measure, stage=stage)
