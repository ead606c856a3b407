"""Layers of a network for a few rows of single-precision numbers, without a call into a library.

At eight tokens a matrix product takes a few microseconds, as long as it takes to ask a library for it. Exponentials are
written out so that the compiler turns the loops around them into vector instructions.
"""

import numpy as np
import numpy.typing as npt

from anchordiff.kernels._jit import kernel

Floats = npt.NDArray[np.float32]

_EPSILON = np.float32(1e-5)  # of torch's layer norm
_LOG2_E = np.float32(1.4426950408889634)
_LN_2 = np.float32(0.6931471805599453)


@kernel(fastmath=True)
def linear(x: Floats, weight: Floats, bias: Floats, out: Floats) -> None:
    """Out = x weightᵀ + bias, four rows and four columns at a time; `x` and `out` have a multiple of 4 rows."""
    rows, inner = x.shape
    cols = weight.shape[0]
    whole = cols - cols % 4
    zero = np.float32(0)
    for j in range(0, whole, 4):
        w0, w1, w2, w3 = weight[j], weight[j + 1], weight[j + 2], weight[j + 3]
        c0, c1, c2, c3 = bias[j], bias[j + 1], bias[j + 2], bias[j + 3]
        for i in range(0, rows, 4):
            x0, x1, x2, x3 = x[i], x[i + 1], x[i + 2], x[i + 3]
            s00 = s01 = s02 = s03 = zero
            s10 = s11 = s12 = s13 = zero
            s20 = s21 = s22 = s23 = zero
            s30 = s31 = s32 = s33 = zero
            for k in range(inner):
                a0, a1, a2, a3 = x0[k], x1[k], x2[k], x3[k]
                b0, b1, b2, b3 = w0[k], w1[k], w2[k], w3[k]
                s00 += a0 * b0
                s01 += a0 * b1
                s02 += a0 * b2
                s03 += a0 * b3
                s10 += a1 * b0
                s11 += a1 * b1
                s12 += a1 * b2
                s13 += a1 * b3
                s20 += a2 * b0
                s21 += a2 * b1
                s22 += a2 * b2
                s23 += a2 * b3
                s30 += a3 * b0
                s31 += a3 * b1
                s32 += a3 * b2
                s33 += a3 * b3
            out[i, j], out[i, j + 1], out[i, j + 2], out[i, j + 3] = s00 + c0, s01 + c1, s02 + c2, s03 + c3
            i1, i2, i3 = i + 1, i + 2, i + 3
            out[i1, j], out[i1, j + 1], out[i1, j + 2], out[i1, j + 3] = (
                s10 + c0,
                s11 + c1,
                s12 + c2,
                s13 + c3,
            )
            out[i2, j], out[i2, j + 1], out[i2, j + 2], out[i2, j + 3] = (
                s20 + c0,
                s21 + c1,
                s22 + c2,
                s23 + c3,
            )
            out[i3, j], out[i3, j + 1], out[i3, j + 2], out[i3, j + 3] = (
                s30 + c0,
                s31 + c1,
                s32 + c2,
                s33 + c3,
            )
    for j in range(whole, cols):
        w = weight[j]
        for i in range(rows):
            total = zero
            for k in range(inner):
                total += x[i, k] * w[k]
            out[i, j] = total + bias[j]


@kernel(fastmath=True)
def layer_norm(x: Floats, scale: Floats, shift: Floats, out: Floats) -> None:
    """Out = scale · (x − mean) / √(variance + 1e-5) + shift in each row."""
    rows, width = x.shape
    for i in range(rows):
        total = np.float32(0)
        for k in range(width):
            total += x[i, k]
        mean = total / np.float32(width)
        power = np.float32(0)
        for k in range(width):
            power += (x[i, k] - mean) ** 2
        factor = np.float32(1) / np.sqrt(power / np.float32(width) + _EPSILON)
        for k in range(width):
            out[i, k] = (x[i, k] - mean) * factor * scale[k] + shift[k]


@kernel(fastmath=True)
def exponential(x: Floats, exponents: npt.NDArray[np.int32]) -> None:
    """X ← eˣ in place, for x ≤ 0; `exponents` is scratch space of at least that size.

    Right to the last bit or two, and on processors without a fused multiply-add to half of the last bit of x.

    e^x = 2^n e^r with n = round(x log₂ e) and |r| ≤ ln 2 / 2, where a polynomial of degree 6 is exact enough.
    """
    size = x.shape[0]
    powers = exponents.view(np.float32)
    for k in range(size):
        value = max(x[k], np.float32(-87.0))
        n = np.floor(value * _LOG2_E + np.float32(0.5))
        r = value - n * _LN_2
        p = np.float32(1 / 720)
        p = p * r + np.float32(1 / 120)
        p = p * r + np.float32(1 / 24)
        p = p * r + np.float32(1 / 6)
        p = p * r + np.float32(1 / 2)
        p = p * r + np.float32(1)
        x[k] = p * r + np.float32(1)
        exponents[k] = (np.int32(n) + np.int32(127)) << np.int32(23)
    for k in range(size):
        x[k] *= powers[k]


@kernel(fastmath=True)
def gelu(x: Floats, scratch: Floats, exponents: npt.NDArray[np.int32]) -> None:
    """X ← x Φ(x) in place, with the error function to 1.5e-7 (Abramowitz & Stegun 1964, eq. 7.1.26)."""
    size = x.shape[0]
    for k in range(size):
        scratch[k] = np.float32(-0.5) * x[k] * x[k]
    exponential(scratch[:size], exponents[:size])
    for k in range(size):
        size_of = abs(x[k])
        t = np.float32(1) / (np.float32(1) + np.float32(0.3275911 * 0.7071067811865476) * size_of)
        p = np.float32(1.061405429)
        p = p * t + np.float32(-1.453152027)
        p = p * t + np.float32(1.421413741)
        p = p * t + np.float32(-0.284496736)
        p = p * t + np.float32(0.254829592)
        tail = np.float32(0.5) * p * t * scratch[k]  # Φ(−|x|)
        x[k] = max(x[k], np.float32(0)) - size_of * tail


@kernel(fastmath=True)
def softmax(scores: Floats, exponents: npt.NDArray[np.int32]) -> None:
    """Each row of scores becomes a distribution, in place."""
    rows, cols = scores.shape
    lanes = np.empty(16, np.float32)
    whole = cols - cols % 16
    for i in range(rows):
        row = scores[i]
        lanes[:] = row[0]
        for k in range(0, whole, 16):  # one maximum a lane, which a single running one would serialise
            for lane in range(16):
                lanes[lane] = max(lanes[lane], row[k + lane])
        top = lanes.max()
        for k in range(whole, cols):
            top = max(top, row[k])
        for k in range(cols):
            row[k] -= top
        exponential(row, exponents[:cols])
        total = np.float32(0)
        for k in range(cols):
            total += row[k]
        factor = np.float32(1) / total
        for k in range(cols):
            row[k] *= factor
