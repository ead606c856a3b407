"""Quick looks at a stage during its training, on held-out samples."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from anchordiff.anchors import AnchorSet
from anchordiff.data.batch import TrajectoryBatch
from anchordiff.masks import Even, Spaced
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.stages.restoration import restore
from anchordiff.states import StateSpace

Measure = Callable[[Any, Tensor], Mapping[str, Tensor]]
"""`measure(batch, trajectory)` gives named numbers of each trajectory, made for the conditions of a batch: what a
domain says of them (success, collisions, violated limits)."""


def measure_nothing(batch: TrajectoryBatch, trajectory: Tensor) -> Mapping[str, Tensor]:
    """A measure of domains that have none."""
    return {}


@torch.no_grad()
def check_keypoints(
    model: KeypointDiffusion, batch: TrajectoryBatch, measure: Measure = measure_nothing
) -> dict[str, float]:
    """Sample at even anchors.

    Returns:
        `keypoint_error`, the mean distance of positions to the true keypoints' in units of the states, and as
        `coarse_…` what is measured of the interpolated samples.
    """
    states = model.config.states
    anchors = _even(model.config, batch)
    generator = torch.Generator().manual_seed(0)
    keypoints = model.sample(batch.condition, anchors, generator=generator)
    error = _error(states, keypoints, anchors.gather(batch.trajectory))
    coarse = measure(batch, states.fill_in(keypoints, anchors))
    return {"keypoint_error": error, **_means("coarse", coarse)}


@torch.no_grad()
def check_denoiser(
    model: InterpDenoiser,
    batch: TrajectoryBatch,
    measure: Measure = measure_nothing,
    *,
    stage: KeypointDiffusion | None = None,
) -> dict[str, float]:
    """Restore from true keypoints at even anchors; from a stage's keypoints too, if given.

    Returns:
        `position_error`, the mean distance of positions to the truth in units of the states, and what is measured of
        trajectories: as `coarse_…` before stage 2, without a prefix after it; with a stage `generated_coarse_…` and
        `generated_…`, the same from its keypoints.
    """
    anchors = _even(model.config, batch)
    restored = restore(model, anchors.gather(batch.trajectory), anchors, batch.condition)
    values = {
        "position_error": _error(model.config.states, restored.trajectory, batch.trajectory),
        **_means("coarse", measure(batch, restored.coarse)),
        **_means("", measure(batch, restored.trajectory)),
    }
    if stage is not None:
        generated = stage.sample(batch.condition, anchors, generator=torch.Generator().manual_seed(0))
        restored = restore(model, generated, anchors, batch.condition)
        values |= _means("generated_coarse", measure(batch, restored.coarse))
        values |= _means("generated", measure(batch, restored.trajectory))
    return values


def _even(config: KeypointDiffusionConfig | InterpDenoiserConfig, batch: TrajectoryBatch) -> AnchorSet:
    size, horizon = batch.trajectory.shape[:2]
    even = Even(config.num_keypoints) if config.spacing is None else Spaced(config.spacing)
    anchors = AnchorSet.from_mask(even.sample(size, horizon)).to(batch.trajectory.device)
    steps = batch.condition.known_steps(horizon)
    return anchors if steps is None else anchors.through(steps)


def _error(states: StateSpace, x: Tensor, truth: Tensor) -> float:
    away = states.difference(x, truth) / states.units(truth)
    return float(away[..., : states.positions].norm(dim=-1).mean())


def _means(prefix: str, values: Mapping[str, Tensor]) -> dict[str, float]:
    return {
        f"{prefix}_{name}" if prefix else name: float(value.float().mean()) for name, value in values.items()
    }
