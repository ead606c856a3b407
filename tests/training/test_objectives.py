"""What the stages are trained on: terms, targets, and that the generator alone decides the noise."""

from dataclasses import dataclass, replace

import pytest
import torch

from anchordiff.domains.maze import ParticleMazeConfig, ParticleMazeDataset
from anchordiff.domains.maze.terms import Distances, WallHinge
from anchordiff.masks import Even, Spaced
from anchordiff.states import StateSpace
from anchordiff.training.draw import Draw
from anchordiff.training.objectives import DenoiserObjective, KeypointObjective, training_masks

DATA = ParticleMazeDataset(ParticleMazeConfig(rows=9, cols=9, min_l1=4, horizon=16), geodesic=True)
DISTANCE = {"distance": Distances()}
BOTH = {"hinge": WallHinge(), **DISTANCE}


def seeded(seed: int = 0) -> Draw:
    return Draw(step=0, generator=torch.Generator().manual_seed(seed))


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What stage 2 is shown in a call."""

    x_s: torch.Tensor
    level: torch.Tensor
    anchors: object
    truth: torch.Tensor
    terms: dict


@pytest.fixture
def shown(tiny_denoiser):
    """What stage 2 is shown: the interpolated trajectories, levels and anchors of a call."""

    def call(objective: DenoiserObjective, seed: int, **options) -> Shown:
        model, seen = tiny_denoiser(**options), []
        original = model.loss

        def loss(x_0, x_s, level, anchors, *args, **named):
            seen.append({"x_s": x_s, "level": level, "anchors": anchors})
            return original(x_0, x_s, level, anchors, *args, **named)

        model.loss = loss
        batch = DATA.batch(range(5))
        terms = objective(model, batch, seeded(seed))
        return Shown(**seen[0], truth=batch.trajectory, terms=terms)

    return call


@pytest.mark.parametrize(
    ("objective", "planning", "names"),
    [
        (KeypointObjective(terms=DISTANCE), True, {"loss", "diffusion", "distance"}),
        (KeypointObjective(), True, {"loss", "diffusion"}),
        (KeypointObjective(terms={"d": Distances(weight=0.0)}), True, {"loss", "diffusion"}),
        (KeypointObjective(terms=DISTANCE), False, {"loss", "diffusion"}),
        (DenoiserObjective(), False, {"loss", "error"}),
        (DenoiserObjective(terms=BOTH), False, {"loss", "error", "hinge"}),
        (DenoiserObjective(terms=BOTH), True, {"loss", "error", "hinge", "distance"}),
        (DenoiserObjective(terms=BOTH, step_weight=1.0), False, {"loss", "error", "hinge", "steps"}),
    ],
)
def test_terms_follow_from_the_generator(
    tiny_keypoints, tiny_denoiser, tiny_encoder, objective, planning, names
):
    make = tiny_keypoints if isinstance(objective, KeypointObjective) else tiny_denoiser
    model, batch = make(encoder=tiny_encoder(value_iteration=planning)), DATA.batch(range(4))
    first, again, other = (objective(model, batch, seeded(seed)) for seed in (0, 0, 1))
    assert first.keys() == names
    assert all(torch.equal(first[name], again[name]) for name in names)
    assert not torch.equal(first["loss"], other["loss"])
    assert first["loss"].requires_grad
    assert not any(first[name].requires_grad for name in names - {"loss"})


def test_the_loss_is_the_weighted_sum_of_its_terms(tiny_keypoints, tiny_denoiser, tiny_encoder):
    batch, distance = DATA.batch(range(4)), Distances(weight=0.5)
    terms = KeypointObjective(terms={"distance": distance})(tiny_keypoints(), batch, seeded())
    torch.testing.assert_close(terms["loss"].detach(), terms["diffusion"] + 0.5 * terms["distance"])
    objective = DenoiserObjective(
        terms={"hinge": WallHinge(weight=2.0), "distance": distance}, step_weight=3.0
    )
    terms = objective(tiny_denoiser(encoder=tiny_encoder()), batch, seeded())
    total = terms["error"] + 3.0 * terms["steps"] + 2.0 * terms["hinge"] + 0.5 * terms["distance"]
    torch.testing.assert_close(terms["loss"].detach(), total)


def test_stage_2_sees_interpolations_of_disturbed_keypoints_whose_ends_are_true(shown):
    calm = DenoiserObjective(keypoint_noise=0.0)
    noisy = DenoiserObjective(keypoint_noise=0.5)
    for seed in range(3):
        seen = shown(calm, seed)
        torch.testing.assert_close(seen.anchors.gather(seen.x_s), seen.anchors.gather(seen.truth))
        disturbed = shown(noisy, seed)
        assert torch.equal(seen.anchors.index, disturbed.anchors.index)
        assert torch.equal(seen.level, disturbed.level)
        away = seen.anchors.gather(disturbed.x_s) - seen.anchors.gather(seen.truth)
        moved = away.norm(dim=-1)
        torch.testing.assert_close(moved[:, [0, -1]], torch.zeros(5, 2), atol=1e-5, rtol=0)
        assert float(moved[:, 1:-1].min()) > 0
        assert len(moved.amax(dim=1).unique()) == 5


def test_noise_on_keypoints_is_in_units_of_the_states(shown):
    objective = DenoiserObjective(keypoint_noise=0.5, sparsest_share=1.0, masks=Even(4))
    moves = []
    for unit in (1.0, (0.5, 2.0)):
        seen = shown(objective, 0, states=StateSpace(unit=unit))
        moves.append((seen.anchors.gather(seen.x_s) - seen.anchors.gather(seen.truth))[:, 1:-1])
    torch.testing.assert_close(moves[1], moves[0] * torch.tensor([0.5, 2.0]), atol=1e-5, rtol=1e-4)


def test_levels_and_anchors_are_drawn_as_asked(shown):
    for share, allowed in ((1.0, {3}), (0.0, {1, 2})):
        objective = DenoiserObjective(sparsest_share=share, masks=Even(4))
        found = [shown(objective, seed, num_levels=3) for seed in range(12)]
        assert {int(seen.level[0]) for seen in found} == allowed
        assert all(bool((seen.level == seen.level[0]).all()) for seen in found)
    counts = {int(seen.level[0]): seen.anchors.num_keypoints for seen in found}
    assert counts[1] > counts[2] > 4
    for share, steps in ((1.0, 1), (0.0, 8)):
        masks = training_masks(4, even_share=share)
        objective = DenoiserObjective(sparsest_share=1.0, masks=masks)
        sets = {tuple(shown(objective, seed).anchors.index[0].tolist()) for seed in range(8)}
        assert len(sets) <= steps
        assert (len(sets) > 1) == (steps > 1)
        assert all(len(index) == 4 for index in sets)


def test_stage_1_is_shown_the_masks_that_are_asked_for_and_those_of_training_without(tiny_keypoints):
    model, seen = tiny_keypoints(), []
    original = model.loss

    def loss(keypoints, anchors, *args, **named):
        seen.append((keypoints, anchors))
        return original(keypoints, anchors, *args, **named)

    model.loss = loss
    batch = DATA.batch(range(64))
    KeypointObjective(masks=Even(6))(model, batch, seeded())
    KeypointObjective()(model, batch, seeded())
    for keypoints, anchors in seen:
        assert torch.equal(keypoints, anchors.gather(batch.trajectory))
    assert seen[0][1].index.unique(dim=0).tolist() == [[0, 3, 6, 9, 12, 15]]
    own = seen[1][1].index
    assert own.shape == (64, 4)
    # Each trajectory draws for itself; three of four are even.
    assert 0.5 < float((own == torch.tensor([0, 5, 10, 15])).all(dim=1).float().mean()) < 0.95


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_training_masks_are_even_in_a_share_and_random_between_the_ends_in_the_others(share):
    mask = training_masks(5, even_share=share).sample(400, 17, generator=torch.Generator().manual_seed(0))
    assert bool(mask[:, [0, -1]].all())
    assert mask.sum(dim=1).unique().tolist() == [5]
    even = (mask == Even(5).sample(1, 17)).all(dim=1)
    assert float(even.float().mean()) == pytest.approx(share, abs=0.07)


def test_with_a_spacing_the_others_are_moved_a_little():
    masks = training_masks(5, even_share=0.5, spacing=6)
    for horizon in (19, 61):
        mask = masks.sample(400, horizon, generator=torch.Generator().manual_seed(0))
        even = Spaced(6).sample(1, horizon)
        assert 0.4 < float((mask == even).all(dim=1).float().mean()) < 0.65
        index = mask.nonzero()[:, 1].view(400, -1)
        assert int((index - even.nonzero()[:, 1]).abs().max()) == 3
        assert int(index.diff(dim=1).max()) <= 12


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_of_even_masks_is_a_share(share):
    with pytest.raises(
        ValueError, match=r"even_share must be a finite number of at least 0 and at most 1, found"
    ):
        training_masks(4, even_share=share)


def test_with_velocities_stage_2_sees_what_a_pipeline_shows_it(tiny_denoiser):
    data = ParticleMazeDataset(replace(DATA.config, dim=4))
    model, seen = tiny_denoiser(states=StateSpace(velocities=True)), []
    model.transformer.register_forward_pre_hook(lambda _, args: seen.append(args[1]))
    DenoiserObjective()(model, data.batch(range(3)), seeded())
    positions, velocity = seen[0][..., :2], seen[0][..., 2:]
    torch.testing.assert_close(velocity[:, :-1], positions.diff(dim=1), atol=1e-5, rtol=1e-4)


def test_horizons_are_drawn_for_each_step_and_both_the_target_and_the_anchors_have_them(tiny_denoiser):
    objective = DenoiserObjective(horizons=(8, 24), keypoint_noise=0.0)
    model, seen = tiny_denoiser(), set()
    original = model.loss

    def loss(x_0, x_s, level, anchors, *args, **named):
        seen.add(x_0.shape[1])
        assert x_s.shape == x_0.shape
        assert anchors.horizon == x_0.shape[1]
        torch.testing.assert_close(x_0, StateSpace().resample(DATA.batch(range(5)).trajectory, x_0.shape[1]))
        torch.testing.assert_close(anchors.gather(x_s), anchors.gather(x_0))
        return original(x_0, x_s, level, anchors, *args, **named)

    model.loss = loss
    for seed in range(8):
        objective(model, DATA.batch(range(5)), seeded(seed))
    assert seen == {8, 24}


@pytest.mark.parametrize("horizons", [(1,), (16, 0)])
def test_a_horizon_of_one_step_is_refused(horizons):
    with pytest.raises(ValueError, match="horizons must hold numbers of at least 2 steps"):
        DenoiserObjective(horizons=horizons)


def test_padding_teaches_nothing_and_cannot_be_resampled(tiny_keypoints, tiny_denoiser):
    batch = DATA.batch(range(4))
    valid = torch.ones(4, 16, dtype=torch.bool)
    padded = replace(batch, valid=valid)
    for make, objective in ((tiny_keypoints, KeypointObjective()), (tiny_denoiser, DenoiserObjective())):
        whole, same = (objective(make(), each, seeded())["loss"] for each in (batch, padded))
        torch.testing.assert_close(whole, same)
        cut = replace(batch, valid=torch.arange(16).expand(4, 16) < 8)
        assert not torch.equal(objective(make(), cut, seeded())["loss"], whole)
    with pytest.raises(ValueError, match="horizons must be left out for padded trajectories"):
        DenoiserObjective(horizons=(8,))(tiny_denoiser(), padded, seeded())
