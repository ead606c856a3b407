"""A causal stage 2: no step's estimate depends on later ones of the trajectory."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.anchors import AnchorSet
from anchordiff.domains.vector import VectorCondition, VectorEncoderConfig
from anchordiff.masks import Even
from anchordiff.nn.config import TransformerConfig
from anchordiff.stages.config import InterpDenoiserConfig
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.states import StateSpace

HORIZON = 16
BODY = TransformerConfig(width=16, depth=2, heads=2, causal=True)


def estimate(model, condition, x_s):
    anchors = AnchorSet.from_mask(Even(4).sample(len(x_s), HORIZON))
    with torch.no_grad():
        return model(x_s, torch.full((len(x_s),), 2), anchors, condition)


@given(st.integers(1, HORIZON - 1), st.booleans(), st.integers(0, 99))
def test_later_steps_change_nothing_in_a_maze(tiny_denoiser, roughen, mazes, first, velocities, seed):
    model = roughen(tiny_denoiser(transformer=BODY, states=StateSpace(velocities=velocities)))
    condition, random = mazes(2), torch.Generator().manual_seed(seed)
    x_s = 4 + torch.randn(2, HORIZON, 4 if velocities else 2, generator=random)
    moved = x_s.clone()
    moved[:, first:] += 1
    before, after = estimate(model, condition, x_s), estimate(model, condition, moved)
    assert torch.equal(before[:, :first], after[:, :first])
    assert not torch.equal(before[:, first:], after[:, first:])


@given(st.integers(1, HORIZON - 1))
def test_later_steps_change_nothing_among_vectors(roughen, first):
    states = StateSpace(positions=3, angles=(1,), scale=1.0)
    encoder = VectorEncoderConfig(positions=3)
    config = InterpDenoiserConfig(
        encoder=encoder, states=states, horizon=HORIZON, num_keypoints=4, num_levels=2, transformer=BODY
    )
    model = roughen(InterpDenoiser(config))
    x_s = torch.randn(2, HORIZON, 3, generator=torch.Generator().manual_seed(first))
    moved = x_s.clone()
    moved[:, first:] += 1
    condition = VectorCondition(start=x_s[:, 0])
    before, after = estimate(model, condition, x_s), estimate(model, condition, moved)
    assert torch.equal(before[:, :first], after[:, :first])
    assert not torch.equal(before[:, first:], after[:, first:])


@pytest.mark.parametrize("causal", [True, False])
def test_only_a_causal_one_is_so(tiny_denoiser, roughen, mazes, causal):
    model = roughen(tiny_denoiser(transformer=TransformerConfig(width=16, depth=1, heads=2, causal=causal)))
    x_s = torch.from_numpy(np.random.default_rng(0).normal(4, 1, (1, HORIZON, 2)).astype(np.float32))
    moved = x_s.clone()
    moved[:, 9:] += 1
    condition = mazes(1)
    same = torch.equal(estimate(model, condition, x_s)[:, :9], estimate(model, condition, moved)[:, :9])
    assert same == causal
