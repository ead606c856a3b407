"""The methods that an evaluation compares: each makes one trajectory a condition."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from anchordiff.anchors import AnchorSet, step_times
from anchordiff.checks import check_integer
from anchordiff.data.batch import TrajectoryBatch
from anchordiff.judge import Judge
from anchordiff.masks import Even
from anchordiff.pipeline import Generation, TwoStagePipeline
from anchordiff.samplers import Sampler
from anchordiff.stages.guidance import Guidance
from anchordiff.stages.keypoints import KeypointDiffusion


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What a method made for a batch of conditions.

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

    def __call__(self, batch: TrajectoryBatch, generator: torch.Generator) -> Attempt:
        """Make a trajectory for each condition; only methods that say so look at `batch.trajectory`."""


@runtime_checkable
class Generative(Protocol):
    """A method that draws: what is measured of many samples is measured of it, too."""

    def samples(
        self, batch: TrajectoryBatch, count: int, generator: torch.Generator
    ) -> Float[Tensor, "batch candidates horizon dim"]:
        """Draw several trajectories for each condition."""


@dataclass(frozen=True, kw_only=True)
class StraightLine:
    """What is known of a trajectory, joined by straight lines, as if there were nothing in the way.

    Attributes:
        pipeline: whose encoder tells what is known; no network of it runs beside.
        name: what tables call it.
    """

    pipeline: TwoStagePipeline
    name: str = "straight line"

    @torch.inference_mode()
    def __call__(self, batch: TrajectoryBatch, generator: torch.Generator) -> Attempt:
        """Draw the lines."""
        horizon = self.pipeline.config.horizon
        times = step_times(len(batch), horizon, device=batch.device)
        frame = self.pipeline.keypoints.encode(batch.condition).frame(times, horizon=horizon)
        return Attempt(trajectory=frame.pin(frame.states.wrap(frame.origin)))


@dataclass(frozen=True, kw_only=True)
class Coarse:
    """Stage 1 and interpolation, without stage 2; the same generator gives the keypoints of `OneSample`."""

    pipeline: TwoStagePipeline
    name: str = "coarse (stage 1 + interpolation)"
    guidance: Sequence[Guidance] = ()

    def __call__(self, batch: TrajectoryBatch, generator: torch.Generator) -> Attempt:
        """Generate, and take what stage 2 started from."""
        out = self.pipeline.generate(batch.condition, generator=generator, guidance=self.guidance)
        return Attempt(trajectory=out.coarse, keypoints=out.keypoints, coarse=out.coarse)

    def samples(
        self, batch: TrajectoryBatch, count: int, generator: torch.Generator
    ) -> Float[Tensor, "batch candidates horizon dim"]:
        """Generate several; see `Generative`."""
        out = self.pipeline.generate(
            batch.condition, num_samples=count, generator=generator, guidance=self.guidance
        )
        return rearrange(out.coarse, "(b n) h d -> b n h d", n=count)


@dataclass(frozen=True, kw_only=True)
class OneSample:
    """The pipeline's first sample, unchecked."""

    pipeline: TwoStagePipeline
    name: str = "pipeline, one sample"
    guidance: Sequence[Guidance] = ()

    def __call__(self, batch: TrajectoryBatch, generator: torch.Generator) -> Attempt:
        """Generate."""
        out = self.pipeline.generate(batch.condition, generator=generator, guidance=self.guidance)
        return Attempt(trajectory=out.trajectory, keypoints=out.keypoints, coarse=out.coarse)

    def samples(
        self, batch: TrajectoryBatch, count: int, generator: torch.Generator
    ) -> Float[Tensor, "batch candidates horizon dim"]:
        """Generate several; see `Generative`."""
        out = self.pipeline.generate(
            batch.condition, num_samples=count, generator=generator, guidance=self.guidance
        )
        return rearrange(out.trajectory, "(b n) h d -> b n h d", n=count)


@dataclass(frozen=True, kw_only=True)
class BestOf:
    """The pipeline's plan: the candidate that a judge chooses.

    Attributes:
        pipeline: draws the candidates.
        candidates: how many.
        judge: that of the pipeline if left out.
    """

    pipeline: TwoStagePipeline
    candidates: int = 16
    judge: Judge | None = None

    def __post_init__(self) -> None:
        check_integer("candidates", self.candidates)

    @property
    def name(self) -> str:
        """With the number of candidates."""
        return f"plan, {self.candidates} candidates"

    def __call__(self, batch: TrajectoryBatch, generator: torch.Generator) -> Attempt:
        """Plan."""
        plan = self.pipeline.plan(
            batch.condition, candidates=self.candidates, judge=self.judge, generator=generator
        )
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

    def __call__(self, batch: TrajectoryBatch, generator: torch.Generator) -> Attempt:
        """Restore the expert's trajectories from their anchors."""
        adaptive, config = self.pipeline.config.adaptive, self.pipeline.config
        if adaptive is None:
            filled = self._fill(batch, batch.trajectory, Even(config.num_keypoints))
            return Attempt(trajectory=filled.trajectory, keypoints=filled.keypoints, coarse=filled.coarse)
        states = self.pipeline.keypoints.config.states
        parts, numbers = [], []
        for count, own in adaptive.groups(self._lengths(batch)):
            truth = states.resample(batch.trajectory[own], adaptive.horizon(count))
            parts.append(self._fill(batch[own], truth, Even(count)))
            numbers.append(own)
        filled = Generation.joined(parts, numbers, positions=states.positions)
        return Attempt(trajectory=filled.trajectory, keypoints=filled.keypoints, coarse=filled.coarse)

    def _fill(
        self, batch: TrajectoryBatch, truth: Float[Tensor, "batch horizon dim"], even: Even
    ) -> Generation:
        config = self.pipeline.config
        anchors = AnchorSet.from_mask(even.sample(len(truth), truth.shape[1]).to(truth.device))
        return self.pipeline.fill(
            anchors.gather(truth), anchors, batch.condition, clamp=config.clamp, clamp_dims=config.clamp_dims
        )

    @torch.inference_mode()
    def _lengths(self, batch: TrajectoryBatch) -> Float[Tensor, " batch"]:
        lengths = self.pipeline.encode(batch.condition)[0].length()
        assert lengths is not None
        return lengths


@dataclass(frozen=True, kw_only=True)
class FullSequence:
    """Diffusion over all steps at once: a `KeypointDiffusion` with an anchor at every step.

    Attributes:
        model: trained with `num_keypoints` equal to its `horizon`.
        sampler: what draws from it.
        candidates: samples a condition; with several a judge chooses, or the first is taken.
        judge: what chooses.
        guidance: what steers the samples.
    """

    model: KeypointDiffusion
    sampler: Sampler
    candidates: int = 1
    judge: Judge | None = None
    guidance: Sequence[Guidance] = ()

    @property
    def name(self) -> str:
        """What tables call it."""
        several = f", {self.candidates} samples" if self.candidates > 1 else ""
        guided = ", guided" if self.guidance else ""
        steps = "1 step" if self.sampler.steps == 1 else f"{self.sampler.steps} steps"
        return f"full-sequence diffusion, {steps}{guided}{several}"

    def __post_init__(self) -> None:
        config = self.model.config
        if config.num_keypoints != config.horizon:
            raise ValueError(
                f"model must have an anchor at each of its {config.horizon} steps, "
                f"found {config.num_keypoints}"
            )
        check_integer("candidates", self.candidates)

    @torch.inference_mode()
    def __call__(self, batch: TrajectoryBatch, generator: torch.Generator) -> Attempt:
        """Draw all steps."""
        candidates = self.samples(batch, self.candidates, generator)
        if self.candidates == 1:
            return Attempt(trajectory=candidates[:, 0])
        if self.judge is None:
            return Attempt(trajectory=candidates[:, 0], candidates=candidates)
        index = self.judge.choose(batch.condition, candidates.flatten(0, 1)).index
        rows = torch.arange(len(batch), device=index.device)
        return Attempt(trajectory=candidates[rows, index], candidates=candidates)

    @torch.inference_mode()
    def samples(
        self, batch: TrajectoryBatch, count: int, generator: torch.Generator
    ) -> Float[Tensor, "batch candidates horizon dim"]:
        """Draw several; see `Generative`."""
        rows, horizon = len(batch) * count, self.model.config.horizon
        every = AnchorSet.from_mask(torch.ones(rows, horizon, dtype=torch.bool, device=batch.device))
        drawn = self.model.sample(
            batch.condition, every, sampler=self.sampler, guidance=self.guidance, generator=generator
        )
        return rearrange(drawn, "(b n) h d -> b n h d", n=count)
