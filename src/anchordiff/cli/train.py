"""`anchordiff train keypoints` and `anchordiff train denoiser`."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import final

from anchordiff.cli._bootstrap import BootstrapFlags
from anchordiff.cli._fit import TrainCommand, check_agreement, run_training
from anchordiff.cli._validate import check_denoiser, check_keypoints
from anchordiff.data import ParticleBatch
from anchordiff.denoiser import InterpDenoiser, InterpDenoiserConfig
from anchordiff.keypoints import KeypointDiffusion, KeypointDiffusionConfig
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

    def execute(self) -> None:
        """Train, or go on training."""
        check_agreement(self.data, horizon=self.model.horizon, dim=self.model.dim)
        settings = {"model": asdict(self.model), "objective": asdict(self.objective)}
        run_training(
            self,
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
    """

    model: InterpDenoiserConfig = field(default_factory=InterpDenoiserConfig)
    objective: DenoiserObjective = field(default_factory=DenoiserObjective)
    bootstrap: BootstrapFlags = field(default_factory=BootstrapFlags)

    def execute(self) -> None:
        """Train, or go on training."""
        check_agreement(self.data, horizon=self.model.horizon, dim=self.model.dim)
        settings = {"model": asdict(self.model), "objective": asdict(self.objective)}
        scheduled = self.bootstrap.load(self.objective, self.out, resume=self.resume)
        check: Callable[[InterpDenoiser, ParticleBatch], Mapping[str, float]] = check_denoiser
        if scheduled is not None:
            check_agreement(self.data, horizon=self.model.horizon, dim=scheduled.stage.config.dim)
            check = partial(check_denoiser, stage=scheduled.stage)
        run_training(
            self,
            lambda: InterpDenoiser(self.model),
            self.objective,
            check,
            settings=settings | self.bootstrap.settings(),
            scheduled=scheduled,
        )
