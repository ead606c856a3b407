"""What the commands need to know of a world: a `Domain`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, TypeVar, cast

import torch
from jaxtyping import Float

import anchordiff as ad
from anchordiff import plugins
from anchordiff.checks import check_integer
from anchordiff.configs import exact
from anchordiff.data.batch import TrajectoryBatch
from anchordiff.data.source import Source
from anchordiff.pipeline.config import SamplerName
from anchordiff.pipeline.records import Plan
from anchordiff.pipeline.request import StageOptions
from anchordiff.stages.config import Clamp, ClampDims, InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.stages.loss import Term

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from anchordiff.domains.steps import Step

FULL_SEQUENCE: Final = "full_sequence"
"""Folder of the full-sequence baseline within that of a pipeline."""

FilmFormat = Literal["mp4", "gif"]

StageConfig = TypeVar("StageConfig", KeypointDiffusionConfig, InterpDenoiserConfig)


@dataclass(frozen=True, kw_only=True)
@exact
class PlanSettings:
    """What every `generate` has beside what its domain asks for.

    Attributes:
        source: where the pipeline is from.
        horizon: steps of a trajectory; none leaves it to the domain.
        num_samples: candidates.
        seed: of the noise, and of whatever the domain draws.
        film: format of the films that are asked for, if any are.
        fps: their frames a second.
    """

    source: str
    horizon: int | None
    num_samples: int
    seed: int
    film: FilmFormat | None = None
    fps: float = 8.0


@dataclass(frozen=True, kw_only=True)
@exact
class PlanOptions:
    """How a pipeline is called; what is left out is as its config has it.

    Attributes:
        sampler: of stage 1: "flow" (Euler), "heun", "ddim" or "ddpm".
        steps: steps of the sampler.
        anchors: how many anchors, evenly spaced.
        clamp: what stage 2 may not move: "endpoints", "all_anchors" or "none".
        clamp_dims: whether the clamp holds the "position" or "all" of a state.
        walk: let stage 2 go down the levels one by one.

    Raises:
        ValueError: if a value is out of its range.
    """

    sampler: SamplerName | None = None
    steps: int | None = None
    anchors: int | None = None
    clamp: Clamp | None = None
    clamp_dims: ClampDims | None = None
    walk: bool = False

    def __post_init__(self) -> None:
        for name, least in (("steps", 1), ("anchors", 2)):
            if getattr(self, name) is not None:
                check_integer(name, getattr(self, name), least=least)

    def given(self) -> StageOptions:
        """What differs from the pipeline's config, as its methods take it."""
        chosen = {f.name: getattr(self, f.name) for f in fields(self)}
        return cast(
            StageOptions, {name: value for name, value in chosen.items() if value not in (None, False)}
        )


class PlanJob(ABC):
    """A pipeline with something to plan, and what is said and shown of the plan."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What pictures and tables call it."""

    @property
    @abstractmethod
    def rule(self) -> str:
        """What a valid plan does: "is free of collisions"."""

    makes_films: ClassVar[bool] = False
    """Whether what is planned are films themselves, which `files` writes."""

    @abstractmethod
    def plan(self, options: PlanOptions, *, return_trace: bool = False) -> Plan:
        """Plan, always from the same seed.

        Args:
            options: how the pipeline is called.
            return_trace: keep each sampler step, to be drawn by `draw_step`.
        """

    @abstractmethod
    def measure(self, plan: Plan) -> dict[str, Any]:
        """What is said of the plan and of all candidates, in JSON's terms."""

    @abstractmethod
    def rows(self, metrics: Mapping[str, Any]) -> dict[str, str]:
        """The rows of the table that is printed."""

    @abstractmethod
    def pictures(self, plan: Plan) -> "Mapping[str, Figure]":
        """Pictures by the names of their files, without an ending."""

    @abstractmethod
    def draw_step(self, plan: Plan, step: Step) -> Figure:
        """A picture of a candidate at a step on its way, at one size for all steps.

        Args:
            plan: with its trace.
            step: of a candidate.
        """

    def files(self, plan: Plan, out: Path) -> list[str]:
        """Write files of the domain's own, as films, to the folder `out`, and give their names."""
        return []

    @abstractmethod
    def arrays(self, plan: Plan) -> Mapping[str, torch.Tensor]:
        """All that a notebook needs to draw it again."""


class PlanRequest(ABC):
    """Base of what one can ask `generate` for: a frozen dataclass whose fields are flags."""

    pipeline: ClassVar[str | None] = None
    """The bundled pipeline that is taken where none is named."""

    @abstractmethod
    def open(self, pipeline: ad.TwoStagePipeline, settings: PlanSettings) -> PlanJob:
        """Set the pipeline the task.

        Raises:
            ValueError: if what is asked for cannot be planned.
        """


@dataclass(frozen=True, kw_only=True)
@exact
class BenchmarkSettings:
    """What every `evaluate` has beside what its domain asks for.

    Attributes:
        source: where the pipeline is from.
        size: use only so many of the first samples; none for all.
        candidates: candidates a plan.
        seed: of the noise.
        out: folder for the results.
        progress: show a bar.
    """

    source: str
    size: int | None
    candidates: int
    seed: int
    out: Path
    progress: bool


class Benchmark(ABC):
    """Base of what `evaluate` can run: a frozen dataclass whose fields are flags."""

    pipeline: ClassVar[str | None] = None
    """The bundled pipeline that is taken where none is named."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the folder of its results."""

    def check(self, *, size: int | None, seed: int) -> None:  # noqa: B027 - most need no check
        """Refuse flags that do not fit, before anything is loaded.

        Raises:
            ValueError: names the flag.
        """

    @abstractmethod
    def run(self, pipeline: ad.TwoStagePipeline, settings: BenchmarkSettings) -> str:
        """Evaluate, write the files, and give what is printed.

        What else is needed is loaded first, and the folder `settings.out` made before any work.
        """


class Domain(ABC):
    """A world that the method plans in, as the commands see it.

    Networks, stages and the pipeline know nothing of a world; they know states, scenes, frames and a judge. A domain
    brings these together with data and measures under one name, so that `anchordiff train keypoints --domain NAME`,
    `generate`, `evaluate` and `bundle` work for it. A Python user needs none: stages, data sets and judges are called
    directly.

    What a domain consists of, and who asks for it:

    - **states and encoder**: in `keypoints` and `denoiser`, the configs of the two stages that `train` starts from.
      The encoder's config carries the domain's tag, by which saved weights find their way back.
    - **data**: `source`, a frozen dataclass of settings (`Source`) whose fields are the flags `--data.*`, and
      `configure`, which fits a stage's config to the data where sizes come from them.
    - **terms**: `keypoint_terms` and `denoiser_terms`, losses of the domain's own that the stages' objectives add.
      Their fields are flags (`--objective.terms.NAME.*`).
    - **measures**: `measure` says of trajectories what training watches: success, collisions, violated limits.
    - **judge**: that of the encoder (`Encoder.judge`), by which `plan` chooses.
    - **tasks and pictures**: `request`, what `generate` can be asked for, and how a plan is shown; `benchmark`, what
      `evaluate` runs.

    Help is printed without torch where the module of a domain defines no network: what is asked for says by its fields
    what it takes, and imports what it works with where it works.

    A package of yours adds a domain by subclassing this and naming an instance in an entry point of the group
    "anchordiff.domains"; nothing in this library has to change.

    Example:
        >>> find_domain("maze").name
        'maze'
    """

    name: ClassVar[str]
    """What the flag `--domain` calls it: its entry point's name."""

    summary: ClassVar[str]
    """One line of help."""

    @property
    @abstractmethod
    def keypoints(self) -> KeypointDiffusionConfig:
        """What `train keypoints` makes unless told otherwise."""

    @property
    @abstractmethod
    def denoiser(self) -> InterpDenoiserConfig:
        """What `train denoiser` makes unless told otherwise."""

    @property
    @abstractmethod
    def source(self) -> type[Source]:
        """What stages are trained on."""

    @property
    def keypoint_terms(self) -> Mapping[str, Term]:
        """Losses that stage 1 is trained with beside its own."""
        return {}

    @property
    def denoiser_terms(self) -> Mapping[str, Term]:
        """Losses that stage 2 is trained with beside its own."""
        return {}

    @property
    @abstractmethod
    def request(self) -> type[PlanRequest]:
        """What `generate` can be asked for."""

    @property
    @abstractmethod
    def benchmark(self) -> type[Benchmark]:
        """What `evaluate` runs."""

    def configure(self, config: StageConfig, source: Source) -> StageConfig:
        """A stage's config with the sizes that the data call for.

        Raises:
            ValueError: if the config says otherwise than the data.
        """
        return config

    def complete(self, folder: Path, source: Source) -> None:  # noqa: B027 - most need nothing
        """Put what belongs to a trained pipeline beside its stages: what makes pictures of what it generates."""

    def measure(
        self, batch: TrajectoryBatch, trajectory: Float[torch.Tensor, "batch horizon dim"]
    ) -> Mapping[str, torch.Tensor]:
        """Named numbers of each trajectory, made for the conditions of a batch of the domain's own."""
        return {}


def domain_names() -> tuple[str, ...]:
    """Domains of all installed packages."""
    return plugins.names(plugins.DOMAINS)


def find_domain(name: str) -> Domain:
    """The domain of that name.

    Raises:
        ValueError: if no installed package offers one.
    """
    if name not in domain_names():
        raise ValueError(f"domain must be one of {', '.join(domain_names())}, found {name!r}")
    found = plugins.load(plugins.DOMAINS, name)
    if not isinstance(found, Domain):
        raise ValueError(f"the entry point {name!r} must be a Domain, found {found!r}")
    return found
