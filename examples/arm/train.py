"""Train the networks of the arm: both stages, or the full-sequence diffusion that they are compared with.

python examples/arm/train.py --stage keypoints --data data/train.npz --out runs/arm/keypoints
python examples/arm/train.py --stage denoiser --data data/train.npz --out runs/arm/denoiser
python examples/arm/train.py --stage full-sequence --data data/train.npz --out runs/arm/full-sequence

Called again, a command that was stopped goes on where it was. `--init` starts a new run from the weights of another.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import torch
import tyro
from scene import JOINTS, ArmEncoderConfig
from stream import training_data
from terms import FoldHinge, SphereHinge, looks_free

from anchordiff.masks import Even
from anchordiff.nn.config import TransformerConfig
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.states import StateSpace
from anchordiff.training import Bootstrap, DenoiserObjective, KeypointObjective, RunOptions, TrainConfig
from anchordiff.training.stage import StageRun, fit_denoiser, fit_keypoints

HORIZON: Final = 64
STATES: Final = StateSpace(positions=JOINTS, scale=0.5, unit=0.25)
"""Joint angles between limits: none of them wraps."""

_BOOTSTRAP: Final = Bootstrap(end=0.5, warmup_steps=200, sampler_steps=4, tolerance=2.5)


@dataclass(frozen=True, kw_only=True)
class Train:
    """Train one network in a folder.

    Attributes:
        stage: which network.
        data: the paths, from `make_data.py join`.
        out: the network's folder.
        steps: optimiser steps of the run.
        batch_size: paths a step.
        repeats: noised copies of each path; of stage 1 and the full sequence.
        learning_rate: the highest.
        num_keypoints: anchors K of both stages.
        width: channels of the transformer.
        depth: blocks of the transformer.
        hinge: weight of the depth in spheres, the arm itself and limits.
        margin: distance to obstacles from which on it counts; metres.
        keypoint_noise: largest noise on the keypoints that stage 2 learns from; units of 0.25 rad.
        step_weight: weight of the error of steps; of stage 2.
        keypoints: a trained stage 1 whose samples stage 2 learns from too.
        init: a trained network of the same kind to start from.
        threads: that torch may use.
        seed: of weights, noise and data.
        save_every: steps between checkpoints.
        evaluate_every: steps between validations.
        max_seconds: stop after this time, to go on later.
    """

    stage: Literal["keypoints", "denoiser", "full-sequence"]
    data: Path
    out: Path
    steps: int = 20_000
    batch_size: int = 32
    repeats: int = 3
    learning_rate: float = 1e-3
    num_keypoints: int = 12
    width: int = 128
    depth: int = 4
    hinge: float = 0.05
    margin: float = 0.01
    keypoint_noise: float = 0.4
    step_weight: float = 0.05
    keypoints: Path | None = None
    init: Path | None = None
    threads: int = 1
    seed: int = 0
    save_every: int = 300
    evaluate_every: int = 600
    max_seconds: float | None = None
    encoder: ArmEncoderConfig = field(default_factory=ArmEncoderConfig)

    def execute(self) -> None:
        """Train, or go on."""
        torch.set_num_threads(self.threads)
        data = training_data(self.data, STATES, seed=self.seed)
        options = StageRun(
            train=TrainConfig(
                steps=self.steps, batch_size=self.batch_size, learning_rate=self.learning_rate, warmup_steps=200,
                weight_decay=0.01, seed=self.seed,
            ),
            run=RunOptions(
                save_every=self.save_every, evaluate_every=self.evaluate_every, tensorboard=False, progress=False,
                max_seconds=self.max_seconds,
            ),
            resume=True,
            init=self.init,
        )  # fmt: skip
        transformer = TransformerConfig(width=self.width, depth=self.depth)
        if self.stage == "denoiser":
            result = fit_denoiser(
                InterpDenoiserConfig(
                    encoder=self.encoder, states=STATES, horizon=HORIZON, num_keypoints=self.num_keypoints,
                    transformer=transformer,
                ),
                data, self.out, options=options, measure=looks_free,
                objective=DenoiserObjective(
                    keypoint_noise=self.keypoint_noise, step_weight=self.step_weight, terms=self._terms(between=True),
                    sparsest_share=0.85,
                ),
                keypoints=self.keypoints,
                bootstrap=_BOOTSTRAP if self.keypoints else None,
            )  # fmt: skip
        else:
            whole = self.stage == "full-sequence"
            result = fit_keypoints(
                KeypointDiffusionConfig(
                    encoder=self.encoder, states=STATES, horizon=HORIZON,
                    num_keypoints=HORIZON if whole else self.num_keypoints, transformer=transformer,
                ),
                data, self.out, options=options, measure=looks_free,
                objective=KeypointObjective(
                    repeats=self.repeats, masks=Even(HORIZON) if whole else None,
                    terms=self._terms(between=not whole),
                ),
            )  # fmt: skip
        sys.stdout.write(f"{self.out}: {result.step} steps{'' if result.finished else ', not finished'}\n")

    def _terms(self, *, between: bool = False) -> dict[str, SphereHinge | FoldHinge]:
        return {
            "spheres": SphereHinge(weight=self.hinge, margin=self.margin, between=between),
            "folds": FoldHinge(weight=self.hinge, between=between),
        }


def main() -> None:
    """Run the command."""
    tyro.cli(Train, description=__doc__).execute()


if __name__ == "__main__":
    main()
