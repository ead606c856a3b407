"""States with velocities: stage 1 generates positions alone, unless it is told to generate velocities, too."""

from dataclasses import replace

import pytest
import torch

from anchordiff.anchors import AnchorSet
from anchordiff.masks import Even
from anchordiff.nn.config import TransformerConfig
from anchordiff.states import StateSpace

HORIZON, COUNT = 16, 5


@pytest.fixture
def build(tiny_keypoints):
    """Make a fresh model of two blocks."""
    body = TransformerConfig(width=16, depth=2, heads=2)
    return lambda **changes: tiny_keypoints(**{"num_keypoints": COUNT, "transformer": body} | changes)


@pytest.fixture
def rough(build, roughen):
    """A model with random heads, not to be trained."""
    return lambda **changes: roughen(build(**changes)).requires_grad_(requires_grad=False)


def even(batch: int, *, horizon: int = HORIZON, count: int = COUNT) -> AnchorSet:
    return AnchorSet.from_mask(Even(count).sample(batch, horizon))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_velocities_at_anchors_follow_from_the_positions(rough, mazes):
    space, condition, anchors = StateSpace(velocities=True, scale=1.5), mazes(3), even(6)
    told, generated = [], []
    model = rough(states=space)
    keypoints = model.sample(
        condition, anchors, generator=seeded(), callback=lambda step, t, z_t, z_0: told.append(z_0)
    )
    assert told[0].shape == (6, COUNT, 2)
    torch.testing.assert_close(told[-1], keypoints[..., :2], atol=1e-4, rtol=0)
    assert torch.equal(anchors.gather(space.fill_in(told[-1], anchors))[..., 2:], keypoints[..., 2:])
    both = rough(states=replace(space, keypoint_velocities=True))
    both.sample(
        condition, anchors, generator=seeded(), callback=lambda step, t, z_t, z_0: generated.append(z_0)
    )
    assert generated[0].shape == (6, COUNT, 4)


def test_velocities_that_are_not_generated_are_not_learned(build, mazes):
    model, condition, anchors = build(states=StateSpace(velocities=True)), mazes(2), even(2)
    keypoints = 8 * torch.rand(2, COUNT, 4, generator=seeded())
    made = model.loss(keypoints, anchors, condition, generator=seeded(1))
    moved = keypoints + torch.tensor([0.0, 0.0, 5.0, 5.0])
    assert made.estimate.shape == (2, COUNT, 2)
    assert torch.equal(made.loss, model.loss(moved, anchors, condition, generator=seeded(1)).loss)
    plain = build(states=StateSpace())
    plain.load_state_dict(model.state_dict())  # the same network as without velocities
    assert torch.equal(
        made.loss, plain.loss(keypoints[..., :2], anchors, condition, generator=seeded(1)).loss
    )
