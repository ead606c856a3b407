"""Layers of a few rows against torch's."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch.nn import functional

from anchordiff.kernels._dense import exponential, gelu, layer_norm, linear, softmax

ROWS = st.integers(1, 4).map(lambda n: 4 * n)
SIZES = st.integers(1, 37)


def floats(shape, low=-50.0, high=50.0):
    return hnp.arrays(np.float32, shape, elements=st.floats(low, high, width=32))


def random(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@given(ROWS, SIZES, SIZES, st.integers(0, 2**32 - 1))
def test_linear_equals_a_matrix_product(rows, inner, cols, seed):
    x, weight, bias = random(seed, rows, inner), random(seed + 1, cols, inner), random(seed + 2, cols)
    out = np.empty((rows, cols), np.float32)
    linear(x, weight, bias, out)
    np.testing.assert_allclose(out, x.astype(float) @ weight.T.astype(float) + bias, atol=1e-4, rtol=1e-4)


@given(st.integers(1, 5), st.integers(8, 37), st.integers(0, 2**32 - 1))
def test_layer_norm_equals_torch(rows, width, seed):
    x, scale, shift = random(seed, rows, width), random(seed + 1, width), random(seed + 2, width)
    out = np.empty_like(x)
    layer_norm(x, scale, shift, out)
    normal = functional.layer_norm(torch.from_numpy(x).double(), (width,)).numpy()
    np.testing.assert_allclose(out, normal * scale + shift, atol=1e-4, rtol=1e-4)


@given(st.integers(1, 70).flatmap(lambda size: floats(size, -86.0, 0.0)))
def test_exponential_is_right_to_the_last_bits_of_its_argument(x):
    found = x.copy()
    exponential(found, np.empty(len(x), np.int32))
    # Where a processor has no fused multiply-add, x is rounded once more on the way: by half of its last bit.
    error = np.abs(found / np.exp(x.astype(float)) - 1)
    assert (error <= 1e-6 + 2.0**-24 * np.abs(x)).all()


def test_exponential_of_large_negative_numbers_is_nothing():
    x = np.array([-88.0, -1e4, -3e38], np.float32)
    exponential(x, np.empty(3, np.int32))
    assert (x >= 0).all()
    assert (x < 1e-37).all()


@given(st.integers(1, 70).flatmap(floats))
def test_gelu_equals_torch(x):
    found = x.copy()
    gelu(found, np.empty_like(x), np.empty(len(x), np.int32))
    np.testing.assert_allclose(found, functional.gelu(torch.from_numpy(x)).numpy(), atol=2e-6, rtol=1e-6)


@pytest.mark.parametrize("cols", [1, 15, 16, 17, 64, 441])
def test_softmax_equals_torch(cols):
    x = 5 * random(cols, 3, cols)
    x[0, -1] = 80.0
    found = x.copy()
    softmax(found, np.empty(cols, np.int32))
    np.testing.assert_allclose(found, functional.softmax(torch.from_numpy(x), dim=1).numpy(), atol=1e-6)
