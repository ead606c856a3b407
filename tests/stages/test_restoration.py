"""From keypoints to a trajectory: one pass or a walk down the levels, and what may not move."""

import pytest
import torch
from torch.testing import assert_close

from anchordiff.anchors import AnchorSet
from anchordiff.domains.maze import ParticleMazeConfig, ParticleMazeDataset
from anchordiff.masks import Even
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.restoration import restore
from anchordiff.states import StateSpace

HORIZON = 32
DATA = ParticleMazeDataset(ParticleMazeConfig(rows=9, cols=9, min_l1=4, horizon=HORIZON, dim=4))


class Oracle:
    """A stage 2 that knows the trajectory, and writes down how it is called."""

    def __init__(self, config, x_0):
        self.config = config
        self.x_0 = x_0
        self.calls = []

    def encode(self, condition):
        return condition

    def __call__(self, x_s, level, anchors, scene):
        self.calls.append((level.tolist(), anchors.num_keypoints, x_s))
        return self.x_0


@pytest.fixture
def rough(tiny_denoiser, roughen):
    """A stage 2 with random heads, which moves all that it is shown."""

    def make(**fields) -> InterpDenoiser:
        model = roughen(tiny_denoiser(horizon=HORIZON, num_levels=3, **fields))
        return model.requires_grad_(requires_grad=False)

    return make


def walk(config, *, level: int | None = None):
    states = config.states
    x_0 = torch.randn(2, HORIZON, states.dim, generator=torch.Generator().manual_seed(0)).cumsum(1)
    x_0 = states.with_velocities(states.wrap(x_0[..., : states.positions]))
    anchors = AnchorSet.from_mask(Even(4).sample(2, HORIZON))
    oracle = Oracle(config, x_0)
    restored = restore(oracle, anchors.gather(x_0), anchors, None, level=level, walk=True, clamp="none")
    return x_0, oracle, restored


SPACES = [
    StateSpace(),
    StateSpace(velocities=True),
    StateSpace(positions=7),
    StateSpace(positions=3, angles=(0, 2), velocities=True),
]


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("states", SPACES, ids=str)
def test_an_exact_denoiser_is_followed_down_every_level(tiny_denoiser, states):
    config = tiny_denoiser(horizon=HORIZON, num_levels=3).config
    object.__setattr__(config, "states", states)
    x_0, oracle, restored = walk(config)
    assert_close(states.difference(restored.trajectory, x_0), torch.zeros_like(x_0), rtol=0, atol=1e-5)
    assert [(levels, count) for levels, count, _ in oracle.calls] == [([3, 3], 4), ([2, 2], 8), ([1, 1], 16)]
    assert torch.equal(oracle.calls[0][2], restored.coarse)
    for _, count, x_s in oracle.calls:
        away = states.difference(x_s, x_0)[..., : states.positions]
        assert ((away.abs().amax(2) < 1e-5).sum(1) >= count).all()


@pytest.mark.usefixtures("unchecked")
def test_the_walk_starts_where_it_is_told(tiny_denoiser):
    _, oracle, _ = walk(tiny_denoiser(horizon=HORIZON, num_levels=3).config, level=1)
    assert [levels for levels, *_ in oracle.calls] == [[1, 1]]


def of_the_data(model: InterpDenoiser, count: int = 6, **options):
    """What a model makes of true keypoints, and these."""
    batch = DATA.batch(range(3))
    x_0 = batch.trajectory[..., : model.config.states.dim]
    anchors = AnchorSet.from_mask(Even(count).sample(3, HORIZON))
    keypoints = anchors.gather(x_0) + 0.2  # beside the ends, which only the clamp puts in place
    return batch.condition, anchors, keypoints, restore(model, keypoints, anchors, batch.condition, **options)


def test_one_pass_is_the_denoiser_on_the_interpolated_keypoints(rough):
    model = rough()
    condition, anchors, keypoints, restored = of_the_data(model, clamp="none")
    assert torch.equal(restored.coarse, model.config.states.fill_in(keypoints, anchors))
    for level, given in ((3, {}), (1, {"level": 1})):
        expected = model(restored.coarse, torch.full((3,), level), anchors, condition)
        assert torch.equal(of_the_data(model, clamp="none", **given)[-1].trajectory, expected)
    scene = model.encode(condition)
    again = restore(model, keypoints, anchors, scene, clamp="none")
    assert torch.equal(again.trajectory, restored.trajectory)


@pytest.mark.parametrize("dims", ["position", "all"])
@pytest.mark.parametrize("clamp", ["endpoints", "all_anchors"])
def test_the_clamp_holds_keypoints_and_what_is_known_and_nothing_else(rough, clamp, dims):
    model = rough(states=StateSpace(velocities=True))
    free = of_the_data(model, clamp="none")[-1].trajectory
    condition, anchors, keypoints, restored = of_the_data(model, clamp=clamp, clamp_dims=dims)
    x, width = restored.trajectory, 2 if dims == "position" else 4
    held = anchors.mask.clone()
    if clamp == "endpoints":
        held[:, 1:-1] = False
    assert torch.equal(x[~held], free[~held])
    assert torch.equal(x[..., width:], free[..., width:])
    # The ends are those of the condition, whatever the keypoints say.
    assert torch.equal(x[:, 0, :2], condition.start)
    assert torch.equal(x[:, -1, :2], condition.goal)
    kept = keypoints if clamp == "all_anchors" else keypoints[:, [0, -1]]
    at = x[held].view(3, -1, 4)
    assert torch.equal(at[:, 1:-1, :width], kept[:, 1:-1, :width])
    assert torch.equal(at[:, [0, -1], 2:width], kept[:, [0, -1], 2:width])


def test_without_a_clamp_all_may_move(rough):
    _, anchors, keypoints, restored = of_the_data(rough(), clamp="none")
    assert float((anchors.gather(restored.trajectory) - keypoints).abs().amax(dim=(0, 2)).min()) > 1e-4


def test_the_walk_keeps_its_anchors(rough):
    _, anchors, keypoints, walked = of_the_data(rough(), walk=True, clamp="none")
    assert_close(anchors.gather(walked.trajectory), keypoints, rtol=0, atol=1e-5)
    assert not torch.allclose(walked.trajectory, of_the_data(rough(), clamp="none")[-1].trajectory)
