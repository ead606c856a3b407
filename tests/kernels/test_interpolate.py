import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.kernels.interpolate import interpolate_linear, interpolate_linear_adjoint


def naive(keypoints, anchors, horizon):
    """Plain loops over np.interp, which knows nothing of batches."""
    batch, _, dim = keypoints.shape
    out = np.empty((batch, horizon, dim))
    for b in range(batch):
        for d in range(dim):
            out[b, :, d] = np.interp(np.arange(horizon), anchors[b], keypoints[b, :, d])
    return out


def random_anchors(rng, batch, num_keypoints, horizon):
    inner = [np.sort(rng.choice(horizon - 2, num_keypoints - 2, replace=False)) + 1 for _ in range(batch)]
    return np.array([[0, *row, horizon - 1] for row in inner])


@st.composite
def cases(draw, *, dtypes=(np.float32, np.float64)):
    horizon = draw(st.integers(2, 70))
    num_keypoints = draw(st.integers(2, horizon))
    batch, dim = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    keypoints = rng.normal(size=(batch, num_keypoints, dim)).astype(draw(st.sampled_from(dtypes)))
    return keypoints, random_anchors(rng, batch, num_keypoints, horizon), horizon


@given(cases())
def test_agrees_with_numpy(case):
    keypoints, anchors, horizon = case
    out = interpolate_linear(keypoints, anchors, horizon)
    assert out.dtype == keypoints.dtype
    assert out.flags.c_contiguous
    np.testing.assert_allclose(out, naive(*case), atol=1e-5 if out.dtype == np.float32 else 1e-12)


@given(cases())
def test_keypoints_are_kept_bit_by_bit(case):
    keypoints, anchors, horizon = case
    out = interpolate_linear(keypoints, anchors, horizon)
    np.testing.assert_array_equal(np.take_along_axis(out, anchors[:, :, None], 1), keypoints)


@given(cases(dtypes=(np.float64,)), st.integers(0, 2**32))
def test_adjoint_is_the_transpose(case, seed):
    keypoints, anchors, horizon = case
    grad = np.random.default_rng(seed).normal(size=(len(keypoints), horizon, keypoints.shape[2]))
    forward = (interpolate_linear(keypoints, anchors, horizon) * grad).sum()
    backward = (keypoints * interpolate_linear_adjoint(grad, anchors)).sum()
    np.testing.assert_allclose(forward, backward, rtol=1e-9, atol=1e-9)


def test_an_empty_batch_stays_empty():
    assert interpolate_linear(np.zeros((0, 3, 2)), np.zeros((0, 3), np.int64), 5).shape == (0, 5, 2)


def test_views_are_accepted():
    rng = np.random.default_rng(0)
    anchors = random_anchors(rng, 4, 5, 12)
    keypoints = rng.normal(size=(4, 5, 3))
    expected = interpolate_linear(keypoints, anchors, 12)
    keypoint_view = np.asfortranarray(keypoints)
    anchor_view = np.repeat(anchors, 2, axis=0)[::2]
    np.testing.assert_array_equal(interpolate_linear(keypoint_view, anchor_view, 12), expected)
    grad = rng.normal(size=(4, 12, 3))
    np.testing.assert_array_equal(
        interpolate_linear_adjoint(np.asfortranarray(grad), anchor_view),
        interpolate_linear_adjoint(grad, anchors),
    )


@pytest.mark.parametrize(
    ("anchors", "message"),
    [
        ([[0, 2, 4], [1, 2, 4]], r"anchors\[1\] must increase strictly from 0 to 4, found \[1, 2, 4\]"),
        ([[0, 2, 3], [0, 2, 4]], r"anchors\[0\] must increase strictly"),
        ([[0, 2, 4], [0, 4, 4]], r"anchors\[1\] must increase strictly"),
        ([[0, 9, 4], [0, 2, 4]], r"anchors\[0\] must increase strictly"),
        ([[0, -9, 4], [0, 2, 4]], r"anchors\[0\] must increase strictly"),
        ([[0, 2, 4]], "anchors must have 2 rows as keypoints, found 1"),
        ([[0, 4], [0, 4]], "keypoints must have 2 anchors, found 3"),
        ([[0], [0]], "at least 2 anchors a row"),
        ([[0.0, 2.0, 4.0]] * 2, "anchors must be an int64 array"),
    ],
)
def test_bad_anchors_are_refused(anchors, message):
    with pytest.raises(ValueError, match=message):
        interpolate_linear(np.zeros((2, 3, 2)), np.array(anchors), 5)


def test_bad_values_are_refused():
    anchors = np.array([[0, 2, 4]])
    with pytest.raises(
        ValueError, match=r"keypoints must be a float32 or float64 array \(batch, K, dim\), found"
    ):
        interpolate_linear(np.zeros((1, 3, 2), np.int64), anchors, 5)
    with pytest.raises(ValueError, match=r"grad must be .* found float64 \(1, 5\)"):
        interpolate_linear_adjoint(np.zeros((1, 5)), anchors)
    with pytest.raises(ValueError, match=r"anchors\[0\] must increase strictly from 0 to 5"):
        interpolate_linear_adjoint(np.zeros((1, 6, 2)), anchors)


@pytest.mark.parametrize(
    ("keypoints", "anchors", "message"),
    [
        (np.zeros((1, 3)), np.array([[0, 2, 4]]), r"keypoints must be .* found float64 \(1, 3\)"),
        ([[[0.0]] * 3], np.array([[0, 2, 4]]), "keypoints must be .* found list"),
        (np.zeros((1, 3, 2)), np.array([[0, 2, 4]], np.int32), "anchors must be an int64 array"),
        (np.zeros((1, 3, 2)), torch.tensor([[0, 2, 4]]), "anchors must be an int64 array .* found Tensor"),
        (
            np.zeros((1, 3, 2)),
            np.array([0, 2, 4]),
            r"anchors must be an int64 array \(batch, K\), found int64 \(3,\)",
        ),
    ],
)
def test_other_kinds_of_arguments_are_refused(keypoints, anchors, message):
    with pytest.raises(ValueError, match=message):
        interpolate_linear(keypoints, anchors, 5)


def test_read_only_arrays_are_read():
    keypoints, anchors = np.arange(6.0).reshape(1, 3, 2), np.array([[0, 1, 2]])
    keypoints.flags.writeable = anchors.flags.writeable = False
    np.testing.assert_array_equal(interpolate_linear(keypoints, anchors, 3), keypoints)
