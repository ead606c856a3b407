"""Linear interpolation between keypoints at non-uniform anchors, and its adjoint.

Notation: anchors `i_0 = 0 < i_1 < … < i_{K-1} = horizon - 1`, keypoints `z_k`; for a step `j` in
`[i_k, i_{k+1})` the trajectory is `x_j = z_k + (j - i_k) (z_{k+1} - z_k) / (i_{k+1} - i_k)`. At an anchor the
second term is 0, so keypoints are reproduced bit by bit.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from jaxtyping import Float, Int
from numba import types
from numba.core.errors import TypingError
from numba.extending import overload

from anchordiff.checks import FLOATS, check_array, check_integer
from anchordiff.kernels._jit import kernel

Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_STEPS = 2**31 - 1
# What kernels return besides the number of a row with bad anchors.
_DONE, _UNFIT = -1, -2


@kernel()
def _row_of_2(keypoints: Floats, anchors: Ints, flat: Floats, b: int, horizon: int) -> bool:
    """Write row `b` of a two-dimensional trajectory; False where its anchors are bad."""
    number = flat.dtype.type
    origin, left = 2 * b * horizon, 0
    x, y = keypoints[b, 0, 0], keypoints[b, 0, 1]
    for k in range(1, anchors.shape[1]):
        right = anchors[b, k]
        if right <= left or right >= horizon:
            return False
        gap = np.int32(right - left)  # AVX2 can turn 32-bit integers into floats, not 64-bit ones
        scale = number(1) / number(gap)
        x_next, y_next = keypoints[b, k, 0], keypoints[b, k, 1]
        dx, dy = (x_next - x) * scale, (y_next - y) * scale
        piece = flat[origin + 2 * left : origin + 2 * right]
        for j in range(gap):
            w = number(np.int32(j))
            piece[2 * j] = x + w * dx
            piece[2 * j + 1] = y + w * dy
        x, y, left = x_next, y_next, right
    return True


@kernel()
def _row_of_4(keypoints: Floats, anchors: Ints, flat: Floats, b: int, horizon: int) -> bool:
    """Write row `b` of a four-dimensional trajectory; False where its anchors are bad."""
    number = flat.dtype.type
    origin, left = 4 * b * horizon, 0
    x, y, u, v = keypoints[b, 0, 0], keypoints[b, 0, 1], keypoints[b, 0, 2], keypoints[b, 0, 3]
    for k in range(1, anchors.shape[1]):
        right = anchors[b, k]
        if right <= left or right >= horizon:
            return False
        gap = np.int32(right - left)
        scale = number(1) / number(gap)
        x_next, y_next = keypoints[b, k, 0], keypoints[b, k, 1]
        u_next, v_next = keypoints[b, k, 2], keypoints[b, k, 3]
        dx, dy = (x_next - x) * scale, (y_next - y) * scale
        du, dv = (u_next - u) * scale, (v_next - v) * scale
        piece = flat[origin + 4 * left : origin + 4 * right]
        for j in range(gap):
            w = number(np.int32(j))
            piece[4 * j] = x + w * dx
            piece[4 * j + 1] = y + w * dy
            piece[4 * j + 2] = u + w * du
            piece[4 * j + 3] = v + w * dv
        x, y, u, v, left = x_next, y_next, u_next, v_next, right
    return True


@kernel()
def _row_of_any(keypoints: Floats, anchors: Ints, flat: Floats, b: int, horizon: int) -> bool:
    """Write row `b` of a trajectory of any dimension; False where its anchors are bad."""
    number = flat.dtype.type
    dim = keypoints.shape[2]
    left = 0
    for k in range(1, anchors.shape[1]):
        right = anchors[b, k]
        if right <= left or right >= horizon:
            return False
        gap = np.int32(right - left)
        scale = number(1) / number(gap)
        piece = flat[(b * horizon + left) * dim : (b * horizon + right) * dim]
        for d in range(dim):
            z = keypoints[b, k - 1, d]
            slope = (keypoints[b, k, d] - z) * scale
            for j in range(gap):
                piece[j * dim + d] = z + number(np.int32(j)) * slope
        left = right
    return True


@kernel()
def _fill_rows(keypoints: Floats, anchors: Ints, out: Floats) -> int:
    """Write all rows; return the first row with bad anchors, or `_DONE`."""
    num_keypoints, dim = keypoints.shape[1], keypoints.shape[2]
    horizon = out.shape[1]
    flat = out.reshape(out.size)
    for b in range(out.shape[0]):
        good = anchors[b, 0] == 0 and anchors[b, num_keypoints - 1] == horizon - 1
        # The common dimensions are written out: that is what the compiler turns into full vectors.
        if dim == 2:
            good = good and _row_of_2(keypoints, anchors, flat, b, horizon)
        elif dim == 4:
            good = good and _row_of_4(keypoints, anchors, flat, b, horizon)
        else:
            good = good and _row_of_any(keypoints, anchors, flat, b, horizon)
        if not good:
            return b
        for d in range(dim):
            out[b, horizon - 1, d] = keypoints[b, num_keypoints - 1, d]
    return _DONE


def _fill_if_fit(keypoints: Floats, anchors: Ints, out: Floats) -> int:
    """Write all rows; return the first row with bad anchors, `_DONE`, or `_UNFIT` for arrays of other kinds."""
    raise NotImplementedError


@overload(_fill_if_fit, strict=False)
def _fill_by_types(keypoints: types.Type, anchors: types.Type, out: types.Type) -> Callable[..., int]:
    """Choose the code for arrays of these types, when it is compiled."""
    values = _dtype(keypoints, ndim=3)
    good = values in (types.float32, types.float64) and _dtype(out, ndim=3) == values
    if not (good and _dtype(anchors, ndim=2) == types.int64):
        return lambda keypoints, anchors, out: _UNFIT

    def fill(keypoints: Floats, anchors: Ints, out: Floats) -> int:
        if (
            anchors.shape[0] != keypoints.shape[0]
            or anchors.shape[1] != keypoints.shape[1]
            or anchors.shape[1] < 2
        ):
            return _UNFIT
        return _fill_rows(keypoints, anchors, out)

    return fill


def _dtype(kind: types.Type, *, ndim: int) -> types.Type | None:
    """The dtype of a contiguous array with so many axes."""
    if isinstance(kind, types.Array) and kind.ndim == ndim and kind.layout == "C":
        dtype: types.Type = kind.dtype
        return dtype
    return None


@kernel()
def _fill(keypoints: Floats, anchors: Ints, out: Floats) -> int:
    return _fill_if_fit(keypoints, anchors, out)


@kernel()
def _adjoint_rows(grad: Floats, anchors: Ints, out: Floats) -> int:
    """Write `out = Aᵀ grad`; return the first row with bad anchors, or -1."""
    num_keypoints, dim = out.shape[1], out.shape[2]
    horizon = grad.shape[1]
    one = out.dtype.type(1)
    for b in range(out.shape[0]):
        if anchors[b, 0] != 0 or anchors[b, num_keypoints - 1] != horizon - 1:
            return b
        for d in range(dim):
            out[b, 0, d] = 0
        for k in range(num_keypoints - 1):
            left, right = anchors[b, k], anchors[b, k + 1]
            if right <= left or right >= horizon:
                return b
            scale = one / out.dtype.type(right - left)
            piece = grad[b, left:right]
            for d in range(dim):
                total = out.dtype.type(0)
                moment = out.dtype.type(0)
                for j in range(right - left):
                    total += piece[j, d]
                    moment += out.dtype.type(j) * piece[j, d]
                out[b, k, d] += total - scale * moment
                out[b, k + 1, d] = scale * moment
        for d in range(dim):
            out[b, num_keypoints - 1, d] += grad[b, horizon - 1, d]
    return -1


def interpolate_linear(
    keypoints: Float[np.ndarray, "batch K dim"],
    anchors: Int[np.ndarray, "batch K"],
    horizon: int,
) -> Float[np.ndarray, "batch horizon dim"]:
    """Interpolate linearly between keypoints.

    Args:
        keypoints: states at the anchors; float32 or float64.
        anchors: steps of the keypoints, strictly increasing from 0 to `horizon - 1`; int64.
        horizon: number of steps of the result.

    Raises:
        ValueError: if shapes or dtypes do not fit, or a row of `anchors` breaks the rule above.

    Example:
        >>> import numpy as np
        >>> interpolate_linear(np.array([[[0.0], [6.0], [7.0]]]), np.array([[0, 3, 4]]), 5)[0, :, 0].tolist()
        [0.0, 2.0, 4.0, 6.0, 7.0]
    """
    # For one row, to look at the arrays from here takes longer than the work; the kernel does it.
    try:
        batch, _, dim = keypoints.shape
        out = np.empty((batch, horizon, dim), keypoints.dtype)
        if _fill(keypoints, anchors, out) == _DONE:
            return out
    except (AttributeError, MemoryError, OverflowError, RuntimeError, TypeError, ValueError, TypingError):
        pass
    return _interpolate_checked(keypoints, anchors, horizon)


def interpolate_linear_adjoint(
    grad: Float[np.ndarray, "batch horizon dim"], anchors: Int[np.ndarray, "batch K"]
) -> Float[np.ndarray, "batch K dim"]:
    """Apply the transpose of `interpolate_linear`, which maps gradients of the trajectory to the keypoints.

    Args:
        grad: gradient with respect to every step; float32 or float64.
        anchors: steps of the keypoints, strictly increasing from 0 to `horizon - 1`; int64.

    Raises:
        ValueError: if shapes or dtypes do not fit, or a row of `anchors` breaks the rule above.
    """
    grad, anchors = _checked(grad, anchors, "grad")
    out = np.empty((grad.shape[0], anchors.shape[1], grad.shape[2]), grad.dtype)
    bad = _adjoint_rows(grad, anchors, out)
    if bad >= 0:
        raise _bad_anchors(anchors, bad, grad.shape[1])
    return out


def _interpolate_checked(
    keypoints: npt.NDArray[np.floating], anchors: Ints, horizon: int
) -> npt.NDArray[np.floating]:
    keypoints, anchors = _checked(keypoints, anchors, "keypoints")
    check_integer("horizon", horizon, least=2, most=MOST_STEPS, most_is="the largest horizon")
    if keypoints.shape[1] != anchors.shape[1]:
        raise ValueError(f"keypoints must have {anchors.shape[1]} anchors, found {keypoints.shape[1]}")
    unfit = anchors[:, -1] != horizon - 1
    if unfit.any():
        raise _bad_anchors(anchors, int(unfit.argmax()), horizon)
    out = np.empty((keypoints.shape[0], horizon, keypoints.shape[2]), keypoints.dtype)
    bad = _fill(keypoints, anchors, out)
    if bad != _DONE:
        raise _bad_anchors(anchors, bad, horizon)
    return out


def _checked(values: np.ndarray, anchors: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    values = check_array(name, values, FLOATS, ("batch", "K" if name == "keypoints" else "horizon", "dim"))
    anchors = check_array("anchors", anchors, (np.dtype(np.int64),), ("batch", "K"))
    if len(anchors) != len(values):
        raise ValueError(f"anchors must have {len(values)} rows as {name}, found {len(anchors)}")
    if anchors.shape[1] < 2:
        raise ValueError(f"anchors must have at least 2 anchors a row, found {anchors.shape[1]}")
    return values, anchors


def _bad_anchors(anchors: np.ndarray, row: int, horizon: int) -> ValueError:
    return ValueError(
        f"anchors[{row}] must increase strictly from 0 to {horizon - 1}, found {anchors[row].tolist()}"
    )
