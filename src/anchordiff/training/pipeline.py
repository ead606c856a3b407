"""Both stages, one after the other: from a data set to a pipeline."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, final, runtime_checkable

from anchordiff.configs import exact
from anchordiff.data.source import TrainingData
from anchordiff.errors import TrainingError
from anchordiff.nn.config import EncoderConfig, TransformerConfig
from anchordiff.pipeline import PipelineConfig, TwoStagePipeline
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.states import StateSpace
from anchordiff.training.load import load_stage, write_command
from anchordiff.training.objectives import DenoiserObjective, KeypointObjective
from anchordiff.training.process import is_first
from anchordiff.training.stage import StageResult, StageRun, fit_denoiser, fit_keypoints
from anchordiff.training.validation import Measure, measure_nothing


@runtime_checkable
class DescribedData(Protocol):
    """A data set that knows what networks for it look like, as `TrajectoryDataset` does."""

    @property
    def states(self) -> StateSpace:
        """What a state holds, with its normaliser."""

    @property
    def horizon(self) -> int:
        """Steps of a sample."""

    def encoder_config(self) -> EncoderConfig:
        """An encoder for its conditions."""

    def training_data(self) -> TrainingData:
        """The training stream and held-out samples."""


@final
@dataclass(frozen=True, kw_only=True)
@exact
class PipelineRun:
    """What both stages are trained for, and how.

    Attributes:
        keypoints: what stage 1 is trained for.
        denoiser: what stage 2 is trained for.
        options: how; the same for both.
        measure: what the domain says of trajectories, for validation.
    """

    keypoints: KeypointObjective = field(default_factory=KeypointObjective)
    denoiser: DenoiserObjective = field(default_factory=DenoiserObjective)
    options: StageRun = field(default_factory=StageRun)
    measure: Measure = measure_nothing


def train_pipeline(
    data: DescribedData,
    out: str | Path,
    *,
    num_keypoints: int = 8,
    transformer: TransformerConfig | None = None,
    run: PipelineRun | None = None,
) -> TwoStagePipeline:
    """Train both stages on a data set and join them.

    The folder gets the pipeline (`TwoStagePipeline.from_pretrained(out)`) and both runs, in keypoints/training and
    denoiser/training, with logs and checkpoints.

    Args:
        data: what to train on; it says what states, conditions and horizon are.
        out: the pipeline's folder.
        num_keypoints: anchors K.
        transformer: sizes of the networks of both stages.
        run: what the stages are trained for, and how: steps, batch size, resume, device.

    Raises:
        ValueError: as `fit_keypoints` and `fit_denoiser`.
        TrainingError: as these; also where `max_seconds` ended a run before its last step: call again with `resume`.

    Example:
        >>> import tempfile
        >>> import torch
        >>> from anchordiff.domains.vector import TrajectoryDataset, VectorCondition
        >>> from anchordiff.training import RunOptions, TrainConfig
        >>> data = TrajectoryDataset.from_arrays(torch.randn(40, 16, 7).cumsum(dim=1))
        >>> options = StageRun(
        ...     train=TrainConfig(steps=2, batch_size=4), run=RunOptions(progress=False, tensorboard=False), validate=2
        ... )
        >>> with tempfile.TemporaryDirectory() as folder:  # doctest: +ELLIPSIS
        ...     pipe = train_pipeline(data, folder, num_keypoints=4, run=PipelineRun(options=options))
        training ...
        >>> pipe.generate(VectorCondition(start=torch.zeros(1, 7), goal=torch.ones(1, 7))).trajectory.shape
        torch.Size([1, 16, 7])
    """
    transformer = transformer or TransformerConfig()
    encoder = data.encoder_config()
    first = KeypointDiffusionConfig(
        encoder=encoder, states=data.states, horizon=data.horizon, num_keypoints=num_keypoints,
        transformer=transformer,
    )  # fmt: skip
    second = InterpDenoiserConfig(
        encoder=encoder, states=data.states, horizon=data.horizon, num_keypoints=num_keypoints,
        transformer=transformer,
    )  # fmt: skip
    pipeline = fit_pipeline(first, second, data.training_data(), out, run=run)
    if pipeline is None:
        raise TrainingError(f"the runs in {out} are not finished; call again with resume=True to go on")
    return pipeline


def fit_pipeline(
    keypoints: KeypointDiffusionConfig,
    denoiser: InterpDenoiserConfig,
    data: TrainingData,
    out: str | Path,
    *,
    run: PipelineRun | None = None,
    after: Callable[[StageResult, Path], None] | None = None,
) -> TwoStagePipeline | None:
    """Train both stages of given sizes: the second on the frozen encoder of the first, and on its keypoints too.

    Args:
        keypoints: what stage 1 is made of.
        denoiser: what stage 2 is made of; its encoder is not used.
        data: what both are trained on.
        out: the pipeline's folder.
        run: what the stages are trained for, and how.
        after: called as `after(result, folder)` when a stage's run ends.

    Returns:
        The pipeline; none where a run ended before its last step, to be resumed later.

    Raises:
        ValueError: as `fit_keypoints` and `fit_denoiser`.
        TrainingError: as these.
    """
    run, first, second = run or PipelineRun(), Path(out) / "keypoints", Path(out) / "denoiser"
    write_command(Path(out), run.options.command)
    result = fit_keypoints(
        keypoints, data, first, objective=run.keypoints, options=_own(run.options, first), measure=run.measure
    )
    if after is not None:
        after(result, first)
    if not result.finished:
        return None
    result = fit_denoiser(
        denoiser,
        data,
        second,
        objective=run.denoiser,
        options=_own(run.options, second),
        measure=run.measure,
        encoder=first,
        keypoints=first,
    )
    if after is not None:
        after(result, second)
    if not result.finished:
        return None
    config = PipelineConfig(
        horizon=keypoints.horizon,
        num_keypoints=keypoints.num_keypoints,
        adaptive=data.adaptive,
        shared_encoder=True,
    )
    pipeline = TwoStagePipeline(
        load_stage(first, KeypointDiffusion), load_stage(second, InterpDenoiser), config
    )
    if is_first():
        pipeline.save_pretrained(out)
    return pipeline


def _own(options: StageRun, folder: Path) -> StageRun:
    """The options of one stage, whose first weights may lie in a folder of a pipeline's that is not joined yet."""
    options = replace(options, command=())
    if options.init is None or not (part := Path(options.init) / folder.name).is_dir():
        return options
    return replace(options, init=part)
