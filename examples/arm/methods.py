"""The methods that the arm's evaluation compares, beside the library's own: OMPL, and plans with guidance."""

from dataclasses import dataclass
from typing import Final, final

import numpy as np
import torch
from einops import rearrange
from judge import ArmJudge
from kinematics import panda
from measures import depths
from planner import plan_once
from tasks import ArmTask
from torch import Tensor

from anchordiff import CostGuidance, TwoStagePipeline
from anchordiff.anchors import AnchorSet
from anchordiff.data.batch import TrajectoryBatch
from anchordiff.domains.vector import VectorCondition
from anchordiff.evaluation import Attempt
from anchordiff.samplers import Sampler
from anchordiff.stages import KeypointDiffusion

_STATES: Final = 1024  # room for the planner's way points; the last is repeated
_DEPTH: Final = 0.05  # metres of depth that count as one
_BEYOND: Final = 0.05  # radians beyond a limit that count as one
_MOST: Final = 0.5  # largest move of an angle in one sampler step, in units of the prior


@final
@dataclass(frozen=True, kw_only=True)
class Planner:
    """One run of RRT-Connect and OMPL's path simplifier; the straight line where it finds nothing.

    Attributes:
        judge: whose world it plans in.
        name: what tables call it.
    """

    judge: ArmJudge
    name: str = "OMPL: RRT-Connect + simplifier"

    def __call__(self, batch: TrajectoryBatch, generator: torch.Generator) -> Attempt:
        """Plan for one condition after another."""
        condition = batch.condition
        assert isinstance(condition, VectorCondition)
        paths = [self._plan(condition[row : row + 1], generator) for row in range(len(condition))]
        return Attempt(trajectory=torch.stack(paths))

    def _plan(self, condition: VectorCondition, generator: torch.Generator) -> Tensor:
        start, goal, tokens = condition.start, condition.goal, condition.tokens
        if start is None or goal is None or tokens is None:
            raise ValueError("condition must have start, goal and tokens")
        spheres = tokens[0][condition.seen[0]].numpy()
        task = ArmTask(
            centres=spheres[:, :3], radii=spheres[:, 3], start=start[0].numpy(), goal=goal[0].numpy()
        )
        seed = int(torch.randint(1, 2**31 - 1, (), generator=generator))
        found = plan_once(self.judge.place(condition), task, seed=seed).waypoints
        path = np.stack([task.start, task.goal]) if found is None else found.astype(np.float32)
        if len(path) > _STATES:
            raise ValueError(f"paths must have at most {_STATES} way points, found {len(path)}")
        # The planner's ends are clipped to the limits, which float32 may round past.
        path[0], path[-1] = task.start, task.goal
        return torch.from_numpy(np.concatenate([path, np.repeat(path[-1:], _STATES - len(path), axis=0)]))


@final
@dataclass(frozen=True, kw_only=True)
class Guided:
    """Samples that a cost keeps off the spheres; with a judge, the one of several that it chooses.

    Attributes:
        pipeline: draws them.
        weight: of the cost.
        candidates: samples of a condition.
        judge: what chooses; the first is taken if left out.
    """

    pipeline: TwoStagePipeline
    weight: float = 1.0
    candidates: int = 1
    judge: ArmJudge | None = None

    @property
    def name(self) -> str:
        """What tables call it."""
        return (
            "pipeline, one sample" if self.candidates == 1 else f"plan, {self.candidates} candidates"
        ) + ", guided"

    def __call__(self, batch: TrajectoryBatch, generator: torch.Generator) -> Attempt:
        """Generate, and choose."""
        condition = batch.condition
        assert isinstance(condition, VectorCondition)
        guide = CostGuidance(ArmCost(condition=condition), weight=self.weight, most=_MOST)
        out = self.pipeline.generate(
            condition, num_samples=self.candidates, generator=generator, guidance=[guide]
        )
        index = torch.zeros(len(condition), dtype=torch.long)
        if self.judge is not None:
            index = self.judge.choose(condition, out.trajectory).index
        candidates = rearrange(out.trajectory, "(b n) h d -> b n h d", n=self.candidates)
        return Attempt(trajectory=candidates[torch.arange(len(condition)), index])


@final
@dataclass(frozen=True, kw_only=True)
class GuidedFull:
    """`Guided` for the full-sequence diffusion.

    Attributes:
        model: with a keypoint at every step.
        sampler: what draws from it.
        weight: of the cost.
        candidates: samples of a condition.
        judge: what chooses; the first is taken if left out.
    """

    model: KeypointDiffusion
    sampler: Sampler
    weight: float = 1.0
    candidates: int = 1
    judge: ArmJudge | None = None

    @property
    def name(self) -> str:
        """What tables call it."""
        several = f", {self.candidates} samples" if self.candidates > 1 else ""
        return f"full-sequence diffusion, {self.sampler.steps} steps{several}, guided"

    @torch.inference_mode()
    def __call__(self, batch: TrajectoryBatch, generator: torch.Generator) -> Attempt:
        """Draw, and choose."""
        condition = batch.condition
        assert isinstance(condition, VectorCondition)
        count, horizon = len(condition) * self.candidates, self.model.config.horizon
        every = AnchorSet.from_mask(torch.ones(count, horizon, dtype=torch.bool))
        guide = CostGuidance(ArmCost(condition=condition), weight=self.weight, most=_MOST)
        drawn = self.model.sample(
            condition, every, sampler=self.sampler, guidance=[guide], generator=generator
        )
        index = torch.zeros(len(condition), dtype=torch.long)
        if self.judge is not None:
            index = self.judge.choose(condition, drawn).index
        candidates = rearrange(drawn, "(b n) h d -> b n h d", n=self.candidates)
        return Attempt(trajectory=candidates[torch.arange(len(condition)), index])


@final
@dataclass(frozen=True, kw_only=True)
class ArmCost:
    """How deep the arm is in the spheres of its own condition, in itself and beyond its limits, for `CostGuidance`.

    Attributes:
        condition: what is generated for; the batch of trajectories is a multiple of it.
        margin: distance to spheres from which on depth counts; metres.
        fold: the same for the arm itself, whose covering spheres stick out; metres.
        limit: distance to the limits from which on it counts; radians.
        stride: every so manyth state counts.
    """

    condition: VectorCondition
    margin: float = 0.015
    fold: float = -0.005
    limit: float = 0.02
    stride: int = 1

    def __call__(self, trajectory: Tensor) -> Tensor:
        """Depth, summed over the arm's spheres and averaged over states."""
        tokens = self.condition.tokens
        if tokens is None:
            raise ValueError("condition must have tokens")
        arm, states = panda(), trajectory[:, :: self.stride]
        beyond = (arm.lower + self.limit - states).relu() + (states - arm.upper + self.limit).relu()
        found = depths(
            states,
            tokens,
            self.condition.seen,
            margin=self.margin,
            fold=self.fold,
            unit=_DEPTH,
        )
        return (found + (beyond / _BEYOND).square().sum(dim=-1)).mean(dim=1)
