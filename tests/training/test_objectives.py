"""What the stages are trained on: terms, targets, and that the generator alone decides the noise."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from anchordiff.data import ParticleMazeConfig, ParticleMazeDataset
from anchordiff.denoiser import InterpDenoiser, InterpDenoiserConfig
from anchordiff.keypoints import KeypointDiffusion, KeypointDiffusionConfig
from anchordiff.nn.maze_encoder import MazeEncoderConfig
from anchordiff.nn.transformer import TransformerConfig
from anchordiff.training.objectives import DenoiserObjective, KeypointObjective, distance_loss, resample

BODY = TransformerConfig(width=16, depth=1, heads=2)
PLANNING = MazeEncoderConfig(map_channels=4, convolution_blocks=1, cell_channels=8, attention_channels=8)
PLAIN = replace(PLANNING, value_iteration=False)
DATA = ParticleMazeDataset(ParticleMazeConfig(rows=9, cols=9, min_l1=4, horizon=16), geodesic=True)


def stage_1(encoder: MazeEncoderConfig = PLANNING) -> KeypointDiffusion:
    torch.manual_seed(0)
    return KeypointDiffusion(
        KeypointDiffusionConfig(horizon=16, num_keypoints=4, transformer=BODY, encoder=encoder)
    )


def stage_2(encoder: MazeEncoderConfig = PLAIN, **options) -> InterpDenoiser:
    torch.manual_seed(0)
    defaults = {"horizon": 16, "num_anchors": 4, "num_levels": 2}
    return InterpDenoiser(InterpDenoiserConfig(**defaults | options, transformer=BODY, encoder=encoder))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def shown(objective: DenoiserObjective, seed: int, **options):
    """What stage 2 is shown: the interpolated trajectories, levels and anchors of a call."""
    model, seen = stage_2(**options), []
    original = model.loss

    def loss(x_0, x_s, level, anchors, *args, **named):
        seen.append((x_s, level, anchors))
        return original(x_0, x_s, level, anchors, *args, **named)

    model.loss = loss
    batch = DATA.batch(range(5))
    terms = objective(model, batch, seeded(seed))
    return (*seen[0], batch.trajectory, terms)


@pytest.mark.parametrize(
    ("objective", "make", "encoder", "names"),
    [
        (KeypointObjective(), stage_1, PLANNING, {"loss", "diffusion", "distance"}),
        (KeypointObjective(distance_weight=0.0), stage_1, PLANNING, {"loss", "diffusion"}),
        (KeypointObjective(), stage_1, PLAIN, {"loss", "diffusion"}),
        (DenoiserObjective(), stage_2, PLAIN, {"loss", "error", "hinge"}),
        (DenoiserObjective(), stage_2, PLANNING, {"loss", "error", "hinge", "distance"}),
    ],
)
def test_terms_follow_from_the_generator(objective, make, encoder, names):
    model, batch = make(encoder), DATA.batch(range(4))
    first, again, other = (objective(model, batch, seeded(seed)) for seed in (0, 0, 1))
    assert first.keys() == names
    assert all(torch.equal(first[name], again[name]) for name in names)
    assert not torch.equal(first["loss"], other["loss"])
    assert first["loss"].requires_grad
    assert not any(first[name].requires_grad for name in names - {"loss"})


def test_the_loss_is_the_weighted_sum_of_its_terms():
    batch = DATA.batch(range(4))
    terms = KeypointObjective(distance_weight=0.5)(stage_1(), batch, seeded())
    torch.testing.assert_close(terms["loss"].detach(), terms["diffusion"] + 0.5 * terms["distance"])
    terms = DenoiserObjective(distance_weight=0.5, hinge=2.0)(stage_2(PLANNING), batch, seeded())
    total = terms["error"] + 2.0 * terms["hinge"] + 0.5 * terms["distance"]
    torch.testing.assert_close(terms["loss"].detach(), total)


def test_the_distance_loss_reaches_the_step_costs_and_leaves_unreachable_cells_out():
    model, batch = stage_1(), DATA.batch(range(3))
    encoding = model.encode(batch.condition)
    reached = batch.geodesic.isfinite()
    assert not bool(reached.all())
    perfect = replace(encoding, distances=torch.where(reached, batch.geodesic, 123.0))
    assert float(distance_loss(perfect, batch)) == 0.0
    off = replace(encoding, distances=torch.where(reached, batch.geodesic + 1.0, 123.0))
    assert float(distance_loss(off, batch)) == pytest.approx(0.75, abs=1e-5)  # |1| - beta / 2
    distance_loss(encoding, batch).backward()
    assert float(model.encoder.value_iteration.linear.weight.grad.abs().sum()) > 0


def test_without_distances_in_the_batch_the_auxiliary_loss_is_refused():
    batch = replace(DATA.batch(range(2)), geodesic=None)
    with pytest.raises(ValueError, match="batch must hold geodesic distances"):
        KeypointObjective()(stage_1(), batch, seeded())
    KeypointObjective(distance_weight=0.0)(stage_1(), batch, seeded())


def test_stage_2_sees_interpolations_of_disturbed_keypoints_whose_ends_are_true():
    calm = DenoiserObjective(keypoint_noise=0.0)
    noisy = DenoiserObjective(keypoint_noise=0.5)
    for seed in range(3):
        x_s, level, anchors, truth, _ = shown(calm, seed)
        torch.testing.assert_close(anchors.gather(x_s), anchors.gather(truth))
        disturbed, same_level, same_anchors, _, _ = shown(noisy, seed)
        assert torch.equal(anchors.index, same_anchors.index)
        assert torch.equal(level, same_level)
        moved = (anchors.gather(disturbed) - anchors.gather(truth)).norm(dim=-1)
        torch.testing.assert_close(moved[:, [0, -1]], torch.zeros(5, 2), atol=1e-5, rtol=0)
        assert float(moved[:, 1:-1].min()) > 0
        assert len(moved.amax(dim=1).unique()) == 5


def test_levels_and_anchors_are_drawn_as_asked():
    for share, allowed in ((1.0, {3}), (0.0, {1, 2})):
        objective = DenoiserObjective(sparsest_share=share, even_share=1.0)
        found = [shown(objective, seed, num_levels=3)[1:3] for seed in range(12)]
        assert {int(level[0]) for level, _ in found} == allowed
        assert all(bool((level == level[0]).all()) for level, _ in found)
    counts = {int(level[0]): anchors.num_anchors for level, anchors in found}
    assert counts[1] > counts[2] > 4
    for share, steps in ((1.0, 1), (0.0, 8)):
        objective = DenoiserObjective(sparsest_share=1.0, even_share=share)
        sets = {tuple(shown(objective, seed)[2].index[0].tolist()) for seed in range(8)}
        assert len(sets) <= steps
        assert (len(sets) > 1) == (steps > 1)
        assert all(len(index) == 4 for index in sets)


def test_with_velocities_stage_2_sees_what_a_pipeline_shows_it():
    data = ParticleMazeDataset(replace(DATA.config, dim=4))
    model, seen = stage_2(dim=4), []
    model.transformer.register_forward_pre_hook(lambda _, args: seen.append(args[1]))
    DenoiserObjective()(model, data.batch(range(3)), seeded())
    positions, velocity = seen[0][..., :2], seen[0][..., 2:]
    torch.testing.assert_close(velocity[:, :-1], positions.diff(dim=1), atol=1e-5, rtol=1e-4)


def test_horizons_are_drawn_for_each_step_and_both_the_target_and_the_anchors_have_them():
    objective = DenoiserObjective(horizons=(8, 24), keypoint_noise=0.0)
    model, seen = stage_2(), set()
    original = model.loss

    def loss(x_0, x_s, level, anchors, *args, **named):
        seen.add(x_0.shape[1])
        assert x_s.shape == x_0.shape
        assert anchors.horizon == x_0.shape[1]
        torch.testing.assert_close(x_0, resample(DATA.batch(range(5)).trajectory, x_0.shape[1]))
        torch.testing.assert_close(anchors.gather(x_s), anchors.gather(x_0))
        return original(x_0, x_s, level, anchors, *args, **named)

    model.loss = loss
    for seed in range(8):
        objective(model, DATA.batch(range(5)), seeded(seed))
    assert seen == {8, 24}


@pytest.mark.parametrize("horizon", [2, 9, 16, 31])
def test_resampling_lies_on_the_way_at_equal_times(horizon):
    way = DATA.batch(range(3)).trajectory
    found = resample(way, horizon)
    for element in range(len(way)):
        for axis in range(2):
            expected = np.interp(
                np.linspace(0, 1, horizon), np.linspace(0, 1, 16), way[element, :, axis].double().numpy()
            )
            np.testing.assert_allclose(found[element, :, axis].numpy(), expected, atol=1e-4)


def test_resampled_velocities_are_those_of_the_resampled_positions():
    way = ParticleMazeDataset(replace(DATA.config, dim=4)).batch(range(3)).trajectory
    found = resample(way, 31)
    torch.testing.assert_close(found[:, :-1, 2:], found[..., :2].diff(dim=1))


@pytest.mark.parametrize("horizons", [(1,), (16, 0)])
def test_a_horizon_of_one_step_is_refused(horizons):
    with pytest.raises(ValueError, match="horizons must hold numbers of at least 2 steps"):
        DenoiserObjective(horizons=horizons)
