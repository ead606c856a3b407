"""What scenes and frames owe the networks: the compiled way sees what torch sees, and hidden places are not there."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anchordiff.anchors import AnchorSet
from anchordiff.domains.vector import VectorCondition, VectorEncoderConfig
from anchordiff.masks import Even
from anchordiff.nn.attention import CrossAttention
from anchordiff.nn.config import TransformerConfig
from anchordiff.nn.frame import Frame
from anchordiff.nn.scene import Scene
from anchordiff.stages.config import KeypointDiffusionConfig
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.states import StateSpace

seeds = st.integers(0, 2**31)
SPACES = [
    StateSpace(positions=3),
    StateSpace(positions=2, velocities=True, scale=(0.5, 3.0), centre=(1.0, -1.0)),
    StateSpace(positions=2, velocities=True, keypoint_velocities=True, scale=(0.5, 3.0)),
    StateSpace(positions=2, angles=(0,)),
]


class Bare(Scene):
    """What every scene must have, and nothing else."""

    def frame(self, times, *, horizon):
        raise NotImplementedError


def bare(batch: int = 2) -> Bare:
    nothing = torch.zeros(batch, 1, 0, 0)
    return Bare(keys=nothing, values=nothing, scalars=torch.zeros(batch, 1))


def test_features_that_a_scene_does_not_have_are_not_made_up():
    states = SPACES[0]
    with pytest.raises(NotImplementedError, match="Bare has no local features"):
        bare().look(torch.zeros(2, 4, 3))
    frame = Frame.around(torch.zeros(1, 1, 3), torch.zeros(2, 4), states=states, horizon=4)
    with pytest.raises(NotImplementedError, match="Bare has no marks"):
        bare().marks(frame)
    with pytest.raises(ValueError, match="x must have a multiple of the 2 conditions as its length, found 3"):
        bare().copies_in(3, "x")


@settings(max_examples=20)
@given(space=st.sampled_from(SPACES), seed=seeds)
def test_the_compiled_look_is_the_look(space, seed):
    config = VectorEncoderConfig(positions=space.positions, velocities=space.velocities)
    random = torch.Generator().manual_seed(seed)
    start = torch.randn(2, space.positions, generator=random)
    scene = config.build(space)(VectorCondition(start=start))
    times = torch.linspace(0, 1, 5).expand(4, -1)
    frame = scene.frame(times, horizon=9)
    u = torch.randn(4, 5, space.dim, generator=random)
    for given_frame, states in ((frame, frame.denormalise(u)), (None, u)):
        look = scene.compiled_look(given_frame, (4, 5, space.dim))
        found = torch.from_numpy(look(u.numpy()))
        assert found.shape == (4, 5, config.look_size)
        torch.testing.assert_close(found, scene.look(states))
    assert scene.marks(frame).shape == (4, 5, config.mark_size)


@pytest.mark.parametrize("space", SPACES, ids=str)
def test_a_few_samples_go_the_compiled_way_and_many_the_same_way_through_torch(space, roughen):
    encoder = VectorEncoderConfig(positions=space.positions, velocities=space.velocities)
    body = TransformerConfig(width=16, depth=2, heads=2)
    torch.manual_seed(0)
    model = KeypointDiffusion(
        KeypointDiffusionConfig(encoder=encoder, states=space, horizon=12, num_keypoints=5, transformer=body)
    )
    roughen(model)
    condition = VectorCondition(start=torch.ones(1, space.positions), goal=-torch.ones(1, space.positions))
    anchors = AnchorSet.from_mask(Even(5).sample(1, 12))
    z_t = torch.randn(1, 5, space.of_keypoints.dim, generator=torch.Generator().manual_seed(0))
    t = torch.tensor([0.6])
    with torch.no_grad():
        few = model(z_t, t, anchors, condition)
        many = model(z_t.repeat(40, 1, 1), t.repeat(40), anchors.repeat(40), condition)
    with torch.enable_grad():
        learned = model(z_t, t, anchors, condition).detach()
    torch.testing.assert_close(many, few.expand_as(many), atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(learned, few, atol=1e-4, rtol=1e-4)


@given(seed=seeds, hidden=st.integers(0, 4), copies=st.integers(1, 3))
def test_hidden_places_are_as_places_that_are_not_there(seed, hidden, copies):
    random = torch.Generator().manual_seed(seed)
    torch.manual_seed(0)
    attention = CrossAttention(8, 12, 3)
    keys, values = torch.randn(2, 2, 3, 5, 4, generator=random)
    x = torch.randn(2 * copies, 6, 8, generator=random)
    visible = torch.ones(2, 5, dtype=torch.bool)
    visible[:, 5 - hidden :] = False
    with torch.no_grad():
        cut = attention(x, keys[..., : 5 - hidden, :], values[..., : 5 - hidden, :])
        torch.testing.assert_close(attention(x, keys, values, visible), cut, atol=1e-5, rtol=1e-5)
        keys[:, :, 5 - hidden :] = values[:, :, 5 - hidden :] = 1e3
        torch.testing.assert_close(attention(x, keys, values, visible), cut, atol=1e-5, rtol=1e-5)


def test_scenes_move_and_are_cut_as_records():
    config = VectorEncoderConfig(context_size=2, width=8, attention_channels=8)
    condition = VectorCondition(start=torch.randn(3, 2), context=torch.randn(3, 2))
    encoder = config.build(StateSpace()).eval()
    with torch.no_grad():
        scene = encoder(condition)
        part = encoder(condition[1:])
    times = torch.zeros(2, 4)
    fields: dict[str, Any] = vars(scene[1:])
    for name, value in vars(part).items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(fields[name], value)
    assert torch.equal(scene[1:].frame(times, horizon=8).origin, part.frame(times, horizon=8).origin)
