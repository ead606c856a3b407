"""The methods that an evaluation compares: each makes one trajectory a condition."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from anchordiff.anchors import AnchorSet
from anchordiff.checks import check_integer
from anchordiff.data import ParticleBatch
from anchordiff.keypoints import KeypointDiffusion
from anchordiff.masks import Even
from anchordiff.pipeline import TwoStagePipeline
from anchordiff.pipeline.refine import clamp_states, fill_in, refine
from anchordiff.samplers import Sampler


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What a method made for a batch of conditions; positions in cells.

    Attributes:
        trajectory: what is judged.
        keypoints: what it was made from, where it was.
        coarse: `keypoints`, interpolated.
        candidates: what it was chosen from, where it was chosen.
    """

    trajectory: Float[Tensor, "batch horizon dim"]
    keypoints: Float[Tensor, "batch K dim"] | None = None
    coarse: Float[Tensor, "batch horizon dim"] | None = None
    candidates: Float[Tensor, "batch candidates horizon dim"] | None = None


@runtime_checkable
class Method(Protocol):
    """A way to make trajectories for a batch."""

    @property
    def name(self) -> str:
        """What tables call it."""

    def __call__(self, batch: ParticleBatch, generator: torch.Generator) -> Attempt:
        """Make a trajectory for each condition; only methods that say so look at `batch.trajectory`."""


@dataclass(frozen=True, kw_only=True)
class StraightLine:
    """From start to goal as if there were no walls."""

    horizon: int
    name: str = "straight line"

    def __call__(self, batch: ParticleBatch, generator: torch.Generator) -> Attempt:
        """Draw the lines."""
        start, goal = batch.condition.start, batch.condition.goal
        times = torch.linspace(0.0, 1.0, self.horizon, device=start.device)[:, None]
        return Attempt(trajectory=torch.lerp(start[:, None], goal[:, None], times))


@dataclass(frozen=True, kw_only=True)
class Coarse:
    """Stage 1 and interpolation, without stage 2; the same generator gives the keypoints of `OneSample`."""

    pipeline: TwoStagePipeline
    name: str = "coarse (stage 1 + interpolation)"

    def __call__(self, batch: ParticleBatch, generator: torch.Generator) -> Attempt:
        """Generate, and take what stage 2 started from."""
        out = self.pipeline.generate(batch.condition, generator=generator)
        return Attempt(trajectory=out.coarse, keypoints=out.keypoints, coarse=out.coarse)


@dataclass(frozen=True, kw_only=True)
class OneSample:
    """The pipeline's first sample, unchecked."""

    pipeline: TwoStagePipeline
    name: str = "pipeline, one sample"

    def __call__(self, batch: ParticleBatch, generator: torch.Generator) -> Attempt:
        """Generate."""
        out = self.pipeline.generate(batch.condition, generator=generator)
        return Attempt(trajectory=out.trajectory, keypoints=out.keypoints, coarse=out.coarse)


@dataclass(frozen=True, kw_only=True)
class BestOf:
    """The pipeline's plan: the shortest candidate that is free of collisions."""

    pipeline: TwoStagePipeline
    candidates: int = 16

    def __post_init__(self) -> None:
        check_integer("candidates", self.candidates)

    @property
    def name(self) -> str:
        """With the number of candidates."""
        return f"plan, {self.candidates} candidates"

    def __call__(self, batch: ParticleBatch, generator: torch.Generator) -> Attempt:
        """Plan."""
        plan = self.pipeline.plan(batch.condition, candidates=self.candidates, generator=generator)
        chosen = plan.chosen
        return Attempt(
            trajectory=plan.trajectory,
            keypoints=chosen.keypoints,
            coarse=chosen.coarse,
            candidates=rearrange(plan.generation.trajectory, "(b n) h d -> b n h d", n=self.candidates),
        )


@dataclass(frozen=True, kw_only=True)
class TrueKeypoints:
    """Stage 2 on the expert's own keypoints: what stage 2 does where stage 1 is perfect."""

    pipeline: TwoStagePipeline
    name: str = "true keypoints + stage 2"

    @torch.inference_mode()
    def __call__(self, batch: ParticleBatch, generator: torch.Generator) -> Attempt:
        """Restore the expert's trajectories from their anchors."""
        config, denoiser = self.pipeline.config, self.pipeline.denoiser
        truth = batch.trajectory
        mask = Even(config.num_anchors).sample(len(truth), truth.shape[1])
        anchors = AnchorSet.from_mask(mask.to(truth.device))
        keypoints = anchors.gather(truth)
        coarse = fill_in(keypoints, anchors)
        level = denoiser.config.num_levels
        encoding = denoiser.encode(batch.condition)
        trajectory = refine(denoiser, coarse, anchors, encoding, level=level, walk=False)
        trajectory = clamp_states(trajectory, keypoints, anchors, clamp=config.clamp, dims=config.clamp_dims)
        return Attempt(trajectory=trajectory, keypoints=keypoints, coarse=coarse)


@dataclass(frozen=True, kw_only=True)
class FullSequence:
    """Diffusion over all steps at once: a `KeypointDiffusion` with an anchor at every step.

    Attributes:
        model: trained with `num_keypoints` equal to its `horizon`.
        sampler: what draws from it.
    """

    model: KeypointDiffusion
    sampler: Sampler

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"full-sequence diffusion, {self.sampler.steps} steps"

    def __post_init__(self) -> None:
        config = self.model.config
        if config.num_keypoints != config.horizon:
            raise ValueError(
                f"model must have an anchor at each of its {config.horizon} steps, "
                f"found {config.num_keypoints}"
            )

    @torch.inference_mode()
    def __call__(self, batch: ParticleBatch, generator: torch.Generator) -> Attempt:
        """Sample."""
        horizon = self.model.config.horizon
        index = torch.arange(horizon, device=batch.device).expand(len(batch), -1)
        anchors = AnchorSet(index, horizon)
        trajectory = self.model.sample(batch.condition, anchors, sampler=self.sampler, generator=generator)
        return Attempt(trajectory=trajectory)
