"""`anchordiff train keypoints`, `train denoiser` and `train pipeline`."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, ClassVar

import tyro

from anchordiff import stages, training
from anchordiff.cli._domains import open_domain, with_domain
from anchordiff.cli._runs import RunFlags, check_stage_folder, report
from anchordiff.data.source import Source, TrainingData
from anchordiff.domains.domain import Domain, StageConfig
from anchordiff.masks.base import MaskSampler
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.training.bootstrap import Bootstrap
from anchordiff.training.objectives import DenoiserObjective, KeypointObjective, training_masks
from anchordiff.training.process import is_first, say


@dataclass(frozen=True, kw_only=True)
class TrainFlags(RunFlags):
    """Base of the commands that train stages.

    Attributes:
        even_share: share of trajectories learned from at even anchors; those of the others are random (with
            --model.spacing, moved a little).
    """

    even_share: float = 0.75

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.even_share <= 1:
            raise ValueError(f"--even-share must lie in [0, 1], found {self.even_share}")

    def fit(self) -> None:
        """Train, or go on training."""
        self.fit_in(open_domain(self.domain))

    def masks(self, model: StageConfig) -> MaskSampler:
        """The anchors that a stage is trained on."""
        return training_masks(model.num_keypoints, even_share=self.even_share, spacing=model.spacing)

    @abstractmethod
    def fit_in(self, domain: Domain) -> None:
        """Open a domain's data, make the model and train it."""


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

    def fit_in(self, domain: Domain) -> None:
        """Train, or go on training."""
        flags: Any = self
        check_stage_folder(self.out, resume=self.resume)
        first = (
            None
            if self.init is None
            else training.load_stage(self.init, stages.KeypointDiffusion, name="--init").config
        )
        model, data = open_data(domain, flags.model, flags.data, trained=first)
        masks = self.masks(model)
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

    def fit_in(self, domain: Domain) -> None:
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
        masks = self.masks(model)
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

    def fit_in(self, domain: Domain) -> None:
        """Train both stages, or go on training."""
        flags: Any = self
        for name in ("keypoints", "denoiser"):
            check_stage_folder(self.out / name, resume=self.resume)
        keypoints, data = open_data(domain, flags.keypoints, flags.data)
        masks = self.masks(keypoints)
        denoiser = replace(
            flags.denoiser,
            states=keypoints.states,
            horizon=keypoints.horizon,
            num_keypoints=keypoints.num_keypoints,
            spacing=keypoints.spacing,
        )
        run = training.PipelineRun(
            keypoints=replace(flags.keypoint_objective, masks=masks),
            denoiser=replace(flags.denoiser_objective, masks=masks),
            options=self.options(),
            measure=domain.measure,
        )
        if training.fit_pipeline(keypoints, denoiser, data, self.out, run=run, after=report) is not None:
            if is_first():
                domain.complete(self.out, flags.data)
            say(f"the pipeline is in {self.out}\n")
