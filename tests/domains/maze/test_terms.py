"""A maze's own losses: where the hinge acts, and what the distances are measured against."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from anchordiff.anchors import AnchorSet
from anchordiff.domains.maze import ParticleMazeConfig, ParticleMazeDataset
from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.data.batch import ParticleBatch
from anchordiff.domains.maze.terms import Distances, WallHinge
from anchordiff.stages.loss import StageLoss, add_terms

DATA = ParticleMazeDataset(ParticleMazeConfig(rows=9, cols=9, min_l1=4, horizon=16), geodesic=True)


def made_of(estimate: torch.Tensor, scene) -> StageLoss:
    zero = estimate.new_zeros(())
    return StageLoss(loss=zero, terms={}, estimate=estimate, scene=scene)


def test_the_hinge_acts_on_steps_and_half_way_between_them(tiny_denoiser):
    walls = np.zeros((1, 9, 9), dtype=bool)
    walls[0, 4, 4] = True
    condition = MazeCondition.from_arrays(walls, np.array([[3.5, 4.5]]), np.array([[5.5, 4.5]]))
    model = tiny_denoiser()
    across = torch.tensor([[[3.5, 4.5], [5.5, 4.5]]])  # only half way inside the wall, 0.5 deep
    around = torch.tensor([[[3.5, 3.8], [5.5, 3.8]]])  # 0.2 away from it half way
    anchors = AnchorSet(torch.tensor([[0, 1]]), horizon=2)

    def loss(way, margin):
        batch = ParticleBatch(condition=condition, trajectory=way)
        made = model.loss(way, way, torch.ones(1, dtype=torch.long), anchors, condition)
        return add_terms(made, {"hinge": WallHinge(weight=0.7, margin=margin)}, batch)

    for way, margin, expected in ((across, 0.15, 0.65), (around, 0.15, 0.0), (around, 0.3, 0.1)):
        made = loss(way, margin)
        assert float(made.terms["hinge"]) == pytest.approx(expected / 3, abs=1e-5)
        assert float(made.loss.detach()) == pytest.approx(0.7 * expected / 3, abs=1e-5)
        assert not made.terms["hinge"].requires_grad
    loss(around, 0.3).loss.backward()
    assert float(model.transformer.heads[-1][1].bias.grad[1]) > 0  # downhill is up, away from the wall


def test_the_hinge_takes_copies_of_a_condition_and_leaves_velocities_alone(tiny_denoiser):
    batch = DATA.batch(range(3))
    scene = tiny_denoiser().encode(batch.condition)
    ways = batch.trajectory.repeat_interleave(2, dim=0)
    ways = ways + 0.4 * torch.randn(ways.shape, generator=torch.Generator().manual_seed(0))
    hinge = WallHinge()
    alone = [hinge.measure(made_of(ways[[i]], scene), batch[[i // 2]]) for i in range(6)]
    whole = hinge.measure(made_of(ways, scene), batch)
    torch.testing.assert_close(whole, torch.stack(alone).mean())
    with_velocities = torch.cat([ways, 9 * torch.ones_like(ways)], dim=2)
    assert torch.equal(hinge.measure(made_of(with_velocities, scene), batch), whole)


def test_distances_reach_the_step_costs_and_leave_unreachable_cells_out(tiny_keypoints):
    model, batch, term = tiny_keypoints(), DATA.batch(range(3)), Distances()
    scene = model.encode(batch.condition)
    reached = batch.geodesic.isfinite()
    assert not bool(reached.all())
    perfect = replace(scene, distances=torch.where(reached, batch.geodesic, 123.0))
    assert float(term.measure(made_of(batch.trajectory, perfect), batch)) == 0.0
    off = replace(scene, distances=torch.where(reached, batch.geodesic + 1.0, 123.0))
    error = float(term.measure(made_of(batch.trajectory, off), batch))
    assert error == pytest.approx(0.75, abs=1e-5)  # |1| - beta / 2
    term.measure(made_of(batch.trajectory, scene), batch).backward()
    assert float(model.encoder.value_iteration.linear.weight.grad.abs().sum()) > 0


def test_distances_that_are_not_told_apart_are_left_out(tiny_keypoints):
    model, batch = tiny_keypoints(), DATA.batch(range(3))
    scene = model.encode(batch.condition)
    near = batch.geodesic < 5.0
    wrong = replace(scene, distances=torch.where(near, batch.geodesic, 123.0))
    assert float(Distances(farthest=5.0).measure(made_of(batch.trajectory, wrong), batch)) == 0.0
    assert float(Distances(farthest=6.0).measure(made_of(batch.trajectory, wrong), batch)) > 1.0
    with pytest.raises(ValueError, match=r"farthest must be above 0, found 0.0"):
        Distances(farthest=0.0)


def test_without_distances_in_the_batch_the_term_is_refused_unless_it_weighs_nothing(tiny_keypoints):
    batch = replace(DATA.batch(range(2)), geodesic=None)
    made = made_of(batch.trajectory, tiny_keypoints().encode(batch.condition))
    with pytest.raises(ValueError, match="batch must hold geodesic distances"):
        add_terms(made, {"distance": Distances()}, batch)
    assert add_terms(made, {"distance": Distances(weight=0.0)}, batch).terms == {}


def test_an_encoder_without_distances_has_nothing_to_learn_of_them(tiny_denoiser):
    batch = DATA.batch(range(2))
    made = made_of(batch.trajectory, tiny_denoiser().encode(batch.condition))
    assert add_terms(made, {"distance": Distances()}, batch).terms == {}


def test_distances_are_measured_without_gradients_too(tiny_keypoints):
    batch = DATA.batch(range(2))
    with torch.no_grad():
        made = made_of(batch.trajectory, tiny_keypoints().encode(batch.condition))
        assert add_terms(made, {"distance": Distances()}, batch).terms.keys() == {"distance"}


@pytest.mark.parametrize("fields", [{"weight": -0.1}, {"weight": float("nan")}, {"margin": -0.1}])
def test_values_out_of_range_are_refused(fields):
    name = next(iter(fields))
    with pytest.raises(ValueError, match=f"{name} must not be negative, found"):
        WallHinge(**fields)
