"""Quick looks at a stage during its training, on held-out samples."""

from collections.abc import Mapping

import torch
from torch import Tensor

from anchordiff.anchors import AnchorSet
from anchordiff.data import ParticleBatch
from anchordiff.denoiser import InterpDenoiser
from anchordiff.evaluation import collision_rate, is_success
from anchordiff.keypoints import KeypointDiffusion
from anchordiff.masks import Even
from anchordiff.pipeline.refine import fill_in


def check_keypoints(model: KeypointDiffusion, batch: ParticleBatch) -> Mapping[str, float]:
    """Sample at even anchors.

    Returns:
        `keypoint_error`: mean distance to the expert's keypoints, in cells; `keypoint_collisions`: share of
        keypoints in walls; `coarse_success`: share of interpolated ways that are free.
    """
    truth = batch.trajectory
    size, horizon = truth.shape[:2]
    anchors = AnchorSet.from_mask(Even(model.config.num_keypoints).sample(size, horizon)).to(truth.device)
    generator = torch.Generator().manual_seed(0)
    keypoints = model.sample(batch.condition, anchors, generator=generator)
    distance = (keypoints - anchors.gather(truth))[..., :2].norm(dim=-1)
    coarse = fill_in(keypoints, anchors)
    return {
        "keypoint_error": float(distance.mean()),
        "keypoint_collisions": float(collision_rate(batch.condition, keypoints).mean()),
        "coarse_success": float(is_success(batch.condition, coarse).float().mean()),
    }


def check_denoiser(
    model: InterpDenoiser, batch: ParticleBatch, *, stage: KeypointDiffusion | None = None
) -> Mapping[str, float]:
    """Restore from true keypoints at even anchors, the ends clamped; from a stage's keypoints too, if given.

    Returns:
        `position_error`: mean distance to the expert, in cells; `coarse_success` and `success`: share of ways
        that are free before and after; with a stage `generated_coarse_success` and `generated_success`, the
        same from its keypoints.
    """
    truth, config = batch.trajectory, model.config
    size, horizon = truth.shape[:2]
    anchors = AnchorSet.from_mask(Even(config.num_anchors).sample(size, horizon)).to(truth.device)
    coarse, trajectory = _restored(model, batch, anchors, anchors.gather(truth))
    values = {
        "position_error": float((trajectory - truth)[..., :2].norm(dim=-1).mean()),
        "coarse_success": float(is_success(batch.condition, coarse).float().mean()),
        "success": float(is_success(batch.condition, trajectory).float().mean()),
    }
    if stage is not None:
        generator = torch.Generator().manual_seed(0)
        generated = stage.sample(batch.condition, anchors, generator=generator)
        coarse, trajectory = _restored(model, batch, anchors, generated)
        values |= {
            "generated_coarse_success": float(is_success(batch.condition, coarse).float().mean()),
            "generated_success": float(is_success(batch.condition, trajectory).float().mean()),
        }
    return values


def _restored(
    model: InterpDenoiser, batch: ParticleBatch, anchors: AnchorSet, keypoints: Tensor
) -> tuple[Tensor, Tensor]:
    """Interpolated keypoints, and what the model makes of them."""
    coarse = fill_in(keypoints, anchors)
    level = torch.full((len(batch),), model.config.num_levels, device=coarse.device)
    trajectory = model(coarse, level, anchors, batch.condition)
    trajectory[:, [0, -1], :2] = batch.trajectory[:, [0, -1], :2]
    return coarse, trajectory
