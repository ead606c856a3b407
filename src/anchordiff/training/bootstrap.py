"""Scheduled sampling: stage 2 meets the keypoints that stage 1 makes, and not the expert's alone.

Notation: p(n) is the probability, after n optimiser steps, that a trajectory's true keypoints z are replaced
by keypoints ẑ that a frozen stage 1 draws for the same condition and anchors. What stage 2 is to estimate stays
the true x_0.

That target is biased, a known property of scheduled sampling (Bengio et al. 2015; Huszár 2015): ẑ is a draw
of its own and x_0 was not made from it. As p grows, the best estimate under a squared error drifts from "the
trajectory through these keypoints" to "the mean trajectory of this condition", so p is capped. The bias is worst
where ẑ goes around an obstacle on the other side: the mean of both ways runs through it. Such draws are
refused, see `Bootstrap.tolerance`.
"""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Final, Literal, final, get_args

import torch
from jaxtyping import Bool, Float

from anchordiff import stages
from anchordiff.anchors import AnchorSet
from anchordiff.checks import check_choice
from anchordiff.conditions import Condition
from anchordiff.configs import exact
from anchordiff.data.batch import TrajectoryBatch
from anchordiff.samplers import ElementNoise, FlowSampler, Spacing
from anchordiff.training.draw import Draw
from anchordiff.training.objectives import DenoiserObjective

_SEED_RANGE: Final = 2**62


@dataclass(frozen=True, kw_only=True)
@exact
class Bootstrap:
    """How often, and which, generated keypoints replace true ones.

    The probability climbs linearly from `start` to `end` over `warmup_steps` and never passes `cap`.

    Attributes:
        start: probability at step 0.
        end: probability from step `warmup_steps` on.
        warmup_steps: optimiser steps of the climb.
        cap: the highest probability.
        tolerance: largest distance of a generated keypoint to the true one, in units of the states. A trajectory with a
            keypoint farther off keeps its true keypoints, since its target would be another way.
        unit: whether the probability is of each trajectory ("example") or of all of a batch together.
        sampler_steps: Euler steps of stage 1.
        sampler_spacing: how their times lie between noise and data.

    Raises:
        ValueError: if a value is out of its range.

    Example:
        >>> bootstrap = Bootstrap(end=0.8, warmup_steps=100)
        >>> [bootstrap.probability(step) for step in (0, 25, 50, 1000)]
        [0.0, 0.2, 0.4, 0.5]
    """

    start: float = 0.0
    end: float = 0.5
    warmup_steps: int = 2000
    cap: float = 0.5
    tolerance: float = 1.0
    unit: Literal["example", "batch"] = "example"
    sampler_steps: int = 4
    sampler_spacing: Spacing = "linear"

    def __post_init__(self) -> None:
        for name in ("start", "end", "cap"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name} must lie in [0, 1], found {value}")
        if self.start > self.end:
            raise ValueError(f"start must not exceed end = {self.end}, found {self.start}")
        if self.warmup_steps < 0:
            raise ValueError(f"warmup_steps must not be negative, found {self.warmup_steps}")
        if not self.tolerance > 0:
            raise ValueError(f"tolerance must be positive, found {self.tolerance}")
        if self.sampler_steps < 1:
            raise ValueError(f"sampler_steps must be at least 1, found {self.sampler_steps}")
        check_choice("unit", self.unit, ("example", "batch"))
        check_choice("sampler_spacing", self.sampler_spacing, get_args(Spacing))

    def probability(self, step: int) -> float:
        """The probability for the optimiser step that follows `step` finished ones."""
        progress = 1.0 if step >= self.warmup_steps else step / self.warmup_steps
        return min(self.cap, math.fsum([(1 - progress) * self.start, progress * self.end]))


@final
class ScheduledSampling:
    """Loss of stage 2 with scheduled sampling: an objective for `anchordiff.training.train`.

    All it draws comes from the draw's generator, and the probability from its step, so a resumed run stays exact.

    Args:
        objective: the loss of stage 2.
        stage: stage 1. A frozen copy is used: the one given changes neither mode nor weights, gets no
            gradients, and may go on training.
        bootstrap: how often and which keypoints are replaced; only at the sparsest level, the one of
            inference.

    Raises:
        ValueError: if `stage` holds weights that are not finite.
    """

    def __init__(
        self,
        objective: DenoiserObjective,
        stage: stages.KeypointDiffusion,
        bootstrap: Bootstrap | None = None,
    ) -> None:
        for name, value in stage.named_parameters():
            if not bool(torch.isfinite(value).all()):
                raise ValueError(f"stage must hold finite weights, found NaN or infinity in {name}")
        self.objective = objective
        self.bootstrap = bootstrap or Bootstrap()
        self.stage = deepcopy(stage).eval().requires_grad_(requires_grad=False)

    def __call__(
        self, model: stages.InterpDenoiser, batch: TrajectoryBatch, draw: Draw
    ) -> dict[str, torch.Tensor]:
        """Loss of one batch and its terms: those of the objective, and `generated`.

        `generated` is the share of trajectories whose keypoints were replaced.
        """
        corrupted = self.objective.corrupt(model, batch, draw)
        chosen = torch.zeros(len(batch), dtype=torch.bool, device=batch.trajectory.device)
        if corrupted.level == model.config.num_levels:
            chosen, drawn = self._draw(batch.condition, corrupted.truth, corrupted.anchors, draw)
            keypoints = torch.where(chosen[:, None, None], drawn, corrupted.keypoints)
            corrupted = replace(corrupted, keypoints=keypoints)
        terms = self.objective.score(model, batch, corrupted)
        return terms | {"generated": chosen.float().mean()}

    def _draw(
        self, condition: Condition, truth: torch.Tensor, anchors: AnchorSet, draw: Draw
    ) -> tuple[Bool[torch.Tensor, " batch"], Float[torch.Tensor, "batch K dim"]]:
        """Which trajectories get generated keypoints, and these (the true ones elsewhere)."""
        states, generator, device = self.stage.config.states, draw.generator, truth.device
        if states.dim != truth.shape[2]:
            raise ValueError(f"stage must have the trajectories' dim {truth.shape[2]}, found {states.dim}")
        rolls = len(truth) if self.bootstrap.unit == "example" else 1
        wanted = torch.rand(rolls, generator=generator, dtype=torch.float32, device=device)
        wanted = (wanted < self.bootstrap.probability(draw.step)).expand(len(truth))
        seeds = torch.randint(_SEED_RANGE, (len(truth),), generator=generator, device=device)
        rows = wanted.nonzero()[:, 0]
        if not len(rows):
            return wanted, truth
        # In full precision, as in a pipeline: stage 2 is to meet what it will meet.
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            generated = self.stage.sample(
                condition[rows],
                anchors[rows],
                sampler=FlowSampler(self.bootstrap.sampler_steps, spacing=self.bootstrap.sampler_spacing),
                noise=ElementNoise(seeds[rows]),
            )
        away = states.difference(generated, truth[rows]) / states.units(truth)
        distance = away[..., : states.positions].norm(dim=-1).amax(dim=1)
        kept = distance <= self.bootstrap.tolerance  # false for NaN
        chosen = torch.zeros_like(wanted).index_put((rows,), kept)
        drawn = truth.index_put((rows,), torch.where(kept[:, None, None], generated, truth[rows]))
        return chosen, drawn
