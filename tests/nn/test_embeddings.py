"""Features of scalars."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.nn.embeddings import ContextEmbedding
from anchordiff.nn.fourier import fourier_features, fourier_size


@given(dim=st.integers(1, 3), octaves=st.integers(0, 5), value=st.floats(-3, 3, width=32))
def test_features_are_the_value_then_sines_then_cosines(dim, octaves, value):
    features = fourier_features(torch.full((2, dim), value, dtype=torch.float64), octaves=octaves)
    assert features.shape == (2, fourier_size(dim, octaves=octaves))
    angles = [2**k * math.pi * value for k in range(octaves)] * dim
    expected = [value] * dim + [math.sin(a) for a in angles] + [math.cos(a) for a in angles]
    assert features[1].tolist() == pytest.approx(expected, abs=1e-9)


def test_dtypes_do_not_mix_and_plans_do_not_spoil_training():
    with torch.inference_mode():
        fourier_features(torch.zeros(1, 1, dtype=torch.bfloat16), octaves=7)
        fourier_features(torch.zeros(1, 1), octaves=7)
    assert fourier_features(torch.zeros(1, 1, dtype=torch.bfloat16), octaves=7).dtype == torch.bfloat16
    values = torch.zeros(1, 1, requires_grad=True)
    fourier_features(values, octaves=7).sum().backward()
    assert float(values.grad) == pytest.approx(1 + math.pi * (2**7 - 1))


def test_a_context_tells_its_scalars_apart():
    torch.manual_seed(0)
    embed = ContextEmbedding(2, 8)
    a, b = embed(torch.tensor([[0.1, 0.2], [0.2, 0.1]])).detach()
    assert a.shape == (8,)
    assert float((a - b).abs().max()) > 1e-3
