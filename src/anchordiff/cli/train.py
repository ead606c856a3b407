"""`anchordiff train keypoints` and `anchordiff train denoiser`."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, final

from torch import Tensor

from anchordiff.cli._bootstrap import BootstrapFlags, has_run, recorded_encoder
from anchordiff.cli._fit import TrainCommand, run_training
from anchordiff.cli._stages import load_stage
from anchordiff.cli._validate import check_denoiser, check_keypoints
from anchordiff.data import ParticleBatch
from anchordiff.denoiser import InterpDenoiser, InterpDenoiserConfig
from anchordiff.keypoints import KeypointDiffusion, KeypointDiffusionConfig
from anchordiff.nn import MazeEncoderConfig
from anchordiff.training.objectives import DenoiserObjective, KeypointObjective


@final
@dataclass(frozen=True, kw_only=True)
class TrainKeypoints(TrainCommand):
    """Train stage 1, the diffusion over keypoints.

    Attributes:
        model: what the network is made of.
        objective: what it is trained for.
    """

    model: KeypointDiffusionConfig = field(default_factory=KeypointDiffusionConfig)
    objective: KeypointObjective = field(default_factory=KeypointObjective)

    def fit_stage(self) -> None:
        """Train, or go on training."""
        data = self.open_data(horizon=self.model.horizon, dim=self.model.dim)
        settings = {"model": asdict(self.model), "objective": asdict(self.objective)}
        run_training(
            self,
            data,
            lambda: KeypointDiffusion(self.model),
            self.objective,
            check_keypoints,
            settings=settings,
        )


@final
@dataclass(frozen=True, kw_only=True)
class TrainDenoiser(TrainCommand):
    """Train stage 2, the pass from a coarse trajectory to a fine one.

    Attributes:
        model: what the network is made of.
        objective: what it is trained for.
        bootstrap: whether it also learns from the keypoints of a trained stage 1.
        encoder: folder of a trained stage 1 whose maze encoder this stage takes over and leaves as it is, so that a
            pipeline of both encodes a condition once.
    """

    model: InterpDenoiserConfig = field(default_factory=InterpDenoiserConfig)
    objective: DenoiserObjective = field(default_factory=DenoiserObjective)
    bootstrap: BootstrapFlags = field(default_factory=BootstrapFlags)
    encoder: Path | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.encoder is not None and self.model.encoder != InterpDenoiserConfig().encoder:
            raise ValueError("--model.encoder must be left out where --encoder gives the whole encoder")

    def fit_stage(self) -> None:
        """Train, or go on training."""
        data = self.open_data(horizon=self.model.horizon, dim=self.model.dim)
        model, objective, build = self.model, self.objective, partial(InterpDenoiser, self.model)
        settings: dict[str, Any] = {}
        if self.encoder is not None:
            config, weights = self._take_encoder(self.encoder)
            model = replace(model, encoder=config)
            # What is not trained needs no loss of its own.
            objective = replace(objective, distance_weight=0.0)
            build = partial(_with_encoder, model, weights)
            settings["encoder"] = str(self.encoder)
        settings |= {"model": asdict(model), "objective": asdict(objective)}
        scheduled = self.bootstrap.load(objective, self.out, resume=self.resume)
        check: Callable[[InterpDenoiser, ParticleBatch], Mapping[str, float]] = check_denoiser
        if scheduled is not None:
            if scheduled.stage.config.dim != model.dim:
                raise ValueError(
                    f"--bootstrap.keypoints must hold a stage 1 of --model.dim = {model.dim}, "
                    f"found dim {scheduled.stage.config.dim}"
                )
            check = partial(check_denoiser, stage=scheduled.stage)
        run_training(
            self,
            data,
            build,
            objective,
            check,
            settings=settings | self.bootstrap.settings(),
            scheduled=scheduled,
        )

    def _take_encoder(self, folder: Path) -> tuple[MazeEncoderConfig, Mapping[str, Tensor] | None]:
        """The encoder's config and weights; no weights where a run goes on, whose checkpoint holds them.

        A resumed one stays exact though the folder may be gone, or its stage trained on.
        """
        if self.resume and has_run(self.out):
            return recorded_encoder(self.out), None
        encoder = load_stage(folder, KeypointDiffusion, flag="--encoder").encoder
        return encoder.config, encoder.state_dict()


def _with_encoder(config: InterpDenoiserConfig, weights: Mapping[str, Tensor] | None) -> InterpDenoiser:
    """A stage 2 with a trained encoder that its own training leaves as it is."""
    model = InterpDenoiser(config)
    if weights is not None:
        model.encoder.load_state_dict(weights)
    model.encoder.requires_grad_(requires_grad=False)
    return model
