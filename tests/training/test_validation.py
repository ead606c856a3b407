"""Looks at a stage during training: what they measure, always the same for the same weights."""

import pytest
import torch

from anchordiff.anchors import AnchorSet
from anchordiff.domains.maze import ParticleMazeConfig, ParticleMazeDataset
from anchordiff.masks import Even
from anchordiff.states import StateSpace
from anchordiff.training.validation import check_denoiser, check_keypoints

BATCH = ParticleMazeDataset(ParticleMazeConfig(rows=9, cols=9, min_l1=4, horizon=16)).batch(range(6))


def measure(batch, trajectory):
    """The mean squared distance to the expert."""
    return {"miss": (trajectory - batch.trajectory).square().mean(dim=(1, 2))}


def test_a_fresh_stage_2_adds_nothing_to_interpolation(tiny_denoiser):
    values = check_denoiser(tiny_denoiser(), BATCH, measure)
    anchors = AnchorSet.from_mask(Even(4).sample(6, 16))
    coarse = StateSpace().fill_in(anchors.gather(BATCH.trajectory), anchors)
    assert values.keys() == {"position_error", "coarse_miss", "miss"}
    assert values["position_error"] == pytest.approx(
        float((coarse - BATCH.trajectory).norm(dim=-1).mean()), rel=1e-4
    )
    expected = float(measure(BATCH, coarse)["miss"].mean())
    assert values["coarse_miss"] == pytest.approx(expected)
    assert values["miss"] == pytest.approx(expected, rel=1e-4)


def test_stage_1_is_measured_by_what_it_samples_at_even_anchors(tiny_keypoints):
    model = tiny_keypoints()
    values = check_keypoints(model, BATCH, measure)
    assert values == check_keypoints(model, BATCH, measure)
    assert values.keys() == {"keypoint_error", "coarse_miss"}
    anchors = AnchorSet.from_mask(Even(4).sample(6, 16))
    drawn = model.sample(BATCH.condition, anchors, generator=torch.Generator().manual_seed(0)).detach()
    error = (drawn - anchors.gather(BATCH.trajectory)).norm(dim=-1).mean()
    assert values["keypoint_error"] == pytest.approx(float(error), rel=1e-4)
    assert check_keypoints(model, BATCH).keys() == {"keypoint_error"}


def test_errors_are_in_units_of_the_states(tiny_denoiser):
    one, half = (check_denoiser(tiny_denoiser(states=StateSpace(unit=unit)), BATCH) for unit in (1.0, 0.5))
    assert half["position_error"] == pytest.approx(2 * one["position_error"], rel=1e-4)


def test_with_a_stage_1_its_keypoints_are_restored_too(tiny_denoiser, tiny_keypoints):
    values = check_denoiser(tiny_denoiser(), BATCH, measure, stage=tiny_keypoints())
    names = {"position_error", "coarse_miss", "miss", "generated_coarse_miss", "generated_miss"}
    assert values.keys() == names
    assert values["generated_miss"] > values["miss"]
