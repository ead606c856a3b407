import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import CubicHermiteSpline
from torch.autograd import gradcheck, gradgradcheck

from anchordiff.anchors import AnchorSet
from anchordiff.interpolation import interpolate, with_velocity
from anchordiff.masks import Ends, Random

METHODS = ("linear", "hermite")


def make(batch, num_keypoints, horizon, dim, *, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    anchors = AnchorSet.from_mask(
        (Ends() + Random(num_keypoints - 2)).sample(batch, horizon, generator=generator)
    )
    return torch.randn(batch, num_keypoints, dim, generator=generator, dtype=torch.float64).to(dtype), anchors


@st.composite
def cases(draw):
    horizon = draw(st.integers(2, 60))
    num_keypoints = draw(st.integers(2, horizon))
    batch, dim, seed = draw(st.integers(1, 4)), draw(st.integers(1, 5)), draw(st.integers(0, 2**32))
    return make(batch, num_keypoints, horizon, dim, seed=seed)


def assert_exact_at_anchors(keypoints, anchors, method):
    assert torch.equal(anchors.gather(interpolate(keypoints, anchors, method=method)), keypoints)


def assert_idempotent(keypoints, anchors, method):
    """Interpolating again from the result's own keypoints changes nothing."""
    once = interpolate(keypoints, anchors, method=method)
    assert torch.equal(interpolate(anchors.gather(once), anchors, method=method), once)


def assert_affine_equivariant(keypoints, anchors, method):
    """Mapping the keypoints and mapping the trajectory is the same."""
    generator = torch.Generator().manual_seed(1)
    dim = keypoints.shape[2]
    matrix = torch.randn(dim, dim, generator=generator, dtype=keypoints.dtype)
    shift = torch.randn(dim, generator=generator, dtype=keypoints.dtype)
    before = interpolate(keypoints @ matrix + shift, anchors, method=method)
    after = interpolate(keypoints, anchors, method=method) @ matrix + shift
    torch.testing.assert_close(before, after, rtol=1e-9, atol=1e-9)


def assert_reversible(keypoints, anchors, method):
    """Running time backwards runs the trajectory backwards."""
    mirrored = AnchorSet(anchors.horizon - 1 - anchors.index.flip(1), anchors.horizon)
    backwards = interpolate(keypoints.flip(1), mirrored, method=method)
    torch.testing.assert_close(backwards.flip(1), interpolate(keypoints, anchors, method=method))


@pytest.mark.parametrize("method", METHODS)
@given(case=cases())
def test_laws(method, case):
    keypoints, anchors = case
    assert_exact_at_anchors(keypoints, anchors, method)
    assert_idempotent(keypoints, anchors, method)
    assert_affine_equivariant(keypoints, anchors, method)
    assert_reversible(keypoints, anchors, method)


@given(cases())
def test_linear_agrees_with_numpy(case):
    keypoints, anchors = case
    out = interpolate(keypoints, anchors)
    steps = np.arange(anchors.horizon)
    for b, index in enumerate(anchors.index.numpy()):
        for d in range(keypoints.shape[2]):
            np.testing.assert_allclose(out[b, :, d], np.interp(steps, index, keypoints[b, :, d]), atol=1e-12)


@given(cases())
def test_hermite_agrees_with_scipy(case):
    keypoints, anchors = case
    out = interpolate(keypoints, anchors, method="hermite")
    steps = np.arange(anchors.horizon)
    for row, index, states in zip(out.numpy(), anchors.index.numpy(), keypoints.numpy(), strict=True):
        order = min(2, len(index) - 1)
        slopes = np.gradient(states, index.astype(float), axis=0, edge_order=order)
        np.testing.assert_allclose(row, CubicHermiteSpline(index, states, slopes)(steps), atol=1e-9)


@given(cases())
def test_a_parabola_is_reproduced_by_hermite(case):
    _, anchors = case
    if anchors.num_keypoints < 3:
        return
    time = torch.linspace(0, 1, anchors.horizon, dtype=torch.float64)
    curve = torch.stack([3 * time**2 - time, 5 - 2 * time], dim=1).expand(len(anchors), -1, -1)
    torch.testing.assert_close(interpolate(anchors.gather(curve), anchors, method="hermite"), curve)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@given(case=cases())
def test_kernel_and_torch_agree(dtype, case):
    keypoints, anchors = case
    keypoints = keypoints.to(dtype)
    from_kernel = interpolate(keypoints, anchors)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.compiler, "is_compiling", lambda: True)
        torch.testing.assert_close(interpolate(keypoints, anchors), from_kernel)


@pytest.mark.parametrize("method", METHODS)
def test_gradients(method):
    keypoints, anchors = make(3, 5, 14, 2)
    keypoints.requires_grad_()
    assert gradcheck(lambda z: interpolate(z, anchors, method=method), keypoints)
    assert gradgradcheck(lambda z: interpolate(z, anchors, method=method), keypoints)


def test_gradients_of_two_anchors():
    keypoints, anchors = make(2, 2, 6, 3)
    assert gradcheck(lambda z: interpolate(z, anchors, method="hermite"), keypoints.requires_grad_())


def test_no_graph_is_kept_without_grad():
    keypoints, anchors = make(2, 4, 9, 2)
    keypoints.requires_grad_()
    with torch.no_grad():
        assert not interpolate(keypoints, anchors).requires_grad
    assert interpolate(keypoints, anchors).requires_grad


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_dtypes_are_kept(dtype, method):
    keypoints, anchors = make(2, 8, 600, 2, dtype=dtype)
    out = interpolate(keypoints, anchors, method=method)
    assert out.dtype == dtype
    assert torch.isfinite(out).all()
    assert_exact_at_anchors(keypoints, anchors, method)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_wrong_arguments_are_refused(dtype):
    keypoints, anchors = make(2, 4, 9, 2, dtype=dtype)
    with pytest.raises(ValueError, match="keypoints must have"):
        interpolate(keypoints[:, :3], anchors)
    with pytest.raises(ValueError, match="keypoints"):
        interpolate(keypoints[:1], anchors)
    with pytest.raises(ValueError, match="keypoints must"):
        interpolate(keypoints[0], anchors)
    with pytest.raises(ValueError, match="keypoints must have the shape"):
        interpolate(keypoints[:, :3], anchors, method="hermite")
    with pytest.raises(ValueError, match="method must be 'linear' or 'hermite', found 'cubic'"):
        interpolate(keypoints, anchors, method="cubic")
    with pytest.raises(ValueError, match="on the anchors' device cpu, found meta"):
        interpolate(keypoints.to("meta"), anchors)


@given(st.integers(2, 30), st.integers(1, 7), st.integers(0, 2**32))
def test_velocities_lead_from_step_to_step(horizon, count, seed):
    random = torch.Generator().manual_seed(seed)
    positions = torch.randn(3, horizon, count, generator=random, dtype=torch.float64)
    states = with_velocity(positions)
    assert torch.equal(states[..., :count], positions)
    torch.testing.assert_close((states[:, :-1, :count] + states[:, :-1, count:]), positions[:, 1:])
    assert torch.equal(states[:, -1, count:], states[:, -2, count:])


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("shape", [(3, 1, 2), (3, 1, 7), (5, 2)])
def test_velocities_need_two_steps_of_positions(shape):
    with pytest.raises(ValueError, match="positions must have the shape"):
        with_velocity(torch.zeros(shape))


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("method", ["linear", "hermite"])
def test_integer_keypoints_are_refused(method):
    with pytest.raises(ValueError, match=r"keypoints must be floating point, found torch\.int64"):
        interpolate(torch.tensor([[[0], [9], [12]]]), AnchorSet(torch.tensor([[0, 3, 4]]), 5), method=method)


def test_arrays_are_refused_where_tensors_are_due(unchecked):
    with pytest.raises(
        ValueError, match="keypoints must be a tensor and anchors an AnchorSet, found ndarray and"
    ):
        interpolate(np.zeros((1, 2, 1)), AnchorSet(torch.tensor([[0, 3]]), horizon=4))
    with pytest.raises(ValueError, match="found Tensor and list"):
        interpolate(torch.zeros(1, 2, 1), [0, 3])
