"""`anchordiff train keypoints` and `anchordiff train denoiser`."""

from dataclasses import asdict, dataclass, field
from typing import Annotated

import tyro

from anchordiff.cli._fit import RunFlags, check_agreement, run_training
from anchordiff.cli._validate import check_denoiser, check_keypoints
from anchordiff.denoiser import InterpDenoiser, InterpDenoiserConfig
from anchordiff.keypoints import KeypointDiffusion, KeypointDiffusionConfig
from anchordiff.training.objectives import DenoiserObjective, KeypointObjective


@dataclass(frozen=True, kw_only=True)
class TrainKeypoints:
    """Train stage 1, the diffusion over keypoints.

    Attributes:
        flags: what both stages share.
        model: what the network is made of.
        objective: what it is trained for.
    """

    flags: Annotated[RunFlags, tyro.conf.arg(name="")]
    model: KeypointDiffusionConfig = field(default_factory=KeypointDiffusionConfig)
    objective: KeypointObjective = field(default_factory=KeypointObjective)

    def execute(self) -> None:
        """Train, or go on training."""
        check_agreement(self.flags.data, horizon=self.model.horizon, dim=self.model.dim)
        settings = {"model": asdict(self.model), "objective": asdict(self.objective)}
        run_training(
            self.flags,
            lambda: KeypointDiffusion(self.model),
            self.objective,
            check_keypoints,
            settings=settings,
        )


@dataclass(frozen=True, kw_only=True)
class TrainDenoiser:
    """Train stage 2, the pass from a coarse trajectory to a fine one.

    Attributes:
        flags: what both stages share.
        model: what the network is made of.
        objective: what it is trained for.
    """

    flags: Annotated[RunFlags, tyro.conf.arg(name="")]
    model: InterpDenoiserConfig = field(default_factory=InterpDenoiserConfig)
    objective: DenoiserObjective = field(default_factory=DenoiserObjective)

    def execute(self) -> None:
        """Train, or go on training."""
        check_agreement(self.flags.data, horizon=self.model.horizon, dim=self.model.dim)
        settings = {"model": asdict(self.model), "objective": asdict(self.objective)}
        run_training(
            self.flags,
            lambda: InterpDenoiser(self.model),
            self.objective,
            check_denoiser,
            settings=settings,
        )
