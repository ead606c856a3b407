"""Interpolation between keypoints at anchors, differentiable in the keypoints.

Notation: anchors `i_0 = 0 < i_1 < … < i_{K-1} = horizon - 1`, keypoints `z_k`, gaps `h_k = i_{k+1} - i_k`; a
step `j` in `[i_k, i_{k+1}]` has the weight `w = (j - i_k) / h_k`.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int

from anchordiff.anchors import AnchorSet
from anchordiff.kernels.interpolate import interpolate_linear


def interpolate(
    keypoints: Float[torch.Tensor, "batch K dim"],
    anchors: AnchorSet,
    *,
    method: Literal["linear", "hermite"] = "linear",
) -> Float[torch.Tensor, "batch horizon dim"]:
    """Interpolate between keypoints; exact at the anchors, differentiable in the keypoints.

    `"linear"` is `x_j = z_k + w (z_{k+1} - z_k)`. `"hermite"` is the piecewise cubic whose slope at an anchor
    is that of the parabola through it and its two neighbours ("cubic Bessel interpolation", C. de Boor, A
    Practical Guide to Splines, 1978, ch. IV; with equal gaps the inner pieces are Catmull-Rom splines). It
    reproduces quadratics, and may overshoot.

    float32 and float64 tensors on the CPU go through a compiled kernel (`"linear"`), all else through torch.

    Args:
        keypoints: states at the anchors.
        anchors: the steps of the keypoints and the horizon.
        method: the interpolant.

    Raises:
        ValueError: if `keypoints` is not floating point or does not fit `anchors`, or `method` is unknown.

    Example:
        >>> import torch
        >>> anchors = AnchorSet(torch.tensor([[0, 2, 3]]), horizon=4)
        >>> interpolate(torch.tensor([[[0.0], [4.0], [5.0]]]), anchors)[0, :, 0].tolist()
        [0.0, 2.0, 4.0, 5.0]
    """
    if not (isinstance(keypoints, torch.Tensor) and isinstance(anchors, AnchorSet)):
        raise ValueError(
            "keypoints must be a tensor and anchors an AnchorSet, "
            f"found {type(keypoints).__name__} and {type(anchors).__name__}"
        )
    if keypoints.layout is not torch.strided:
        raise ValueError(f"keypoints must be a dense tensor, found one of {keypoints.layout}")
    index = anchors.index
    if (
        method == "linear"
        and keypoints.is_cpu
        and index.is_cpu
        and keypoints.dtype in (torch.float32, torch.float64)
        and not torch.compiler.is_compiling()
    ):
        if keypoints.requires_grad and torch.is_grad_enabled():
            from anchordiff._autograd import Linear

            out: torch.Tensor = Linear.apply(keypoints, index, anchors.horizon)  # type: ignore[no-untyped-call]
            return out
        return run_kernel(keypoints, index, anchors.horizon)
    if not keypoints.is_floating_point():
        raise ValueError(f"keypoints must be floating point, found {keypoints.dtype}")
    if keypoints.ndim != 3 or keypoints.shape[:2] != index.shape:
        raise ValueError(
            f"keypoints must have the shape {tuple(index.shape)} + (dim,) of the anchors, "
            f"found {tuple(keypoints.shape)}"
        )
    if keypoints.device != index.device:
        raise ValueError(f"keypoints must be on the anchors' device {index.device}, found {keypoints.device}")
    if method == "hermite":
        return _hermite(keypoints, index, anchors.horizon)
    if method != "linear":
        raise ValueError(f"method must be 'linear' or 'hermite', found {method!r}")
    return _linear(keypoints, index, anchors.horizon)


def with_velocity(
    positions: Float[torch.Tensor, "batch horizon positions"],
) -> Float[torch.Tensor, "batch horizon states"]:
    """Append velocities, in units a step: forward differences, of which the last is repeated.

    Args:
        positions: numbers of any kind that do not wrap (`StateSpace.with_velocities` knows angles).

    Raises:
        ValueError: if there are fewer than two steps.

    Example:
        >>> import torch
        >>> with_velocity(torch.tensor([[[0.0, 0.0], [1.0, 0.0], [1.0, 2.0]]]))[0, :, 2:].tolist()
        [[1.0, 0.0], [0.0, 2.0], [0.0, 2.0]]
    """
    if not isinstance(positions, torch.Tensor):
        raise ValueError(f"positions must be a tensor, found {type(positions).__name__}")
    if positions.ndim != 3 or positions.shape[1] < 2:
        raise ValueError(
            "positions must have the shape (batch, at least 2 steps, positions), "
            f"found {tuple(positions.shape)}"
        )
    velocity = positions.diff(dim=1)
    return torch.cat([positions, torch.cat([velocity, velocity[:, -1:]], dim=1)], dim=2)


def run_kernel(keypoints: torch.Tensor, index: torch.Tensor, horizon: int) -> torch.Tensor:
    """Linear interpolation on a CPU, without a gradient."""
    return torch.from_numpy(interpolate_linear(keypoints.detach().numpy(), index.numpy(), horizon))


def _segments(
    index: Int[torch.Tensor, "batch K"], horizon: int
) -> tuple[
    Int[torch.Tensor, "batch horizon"], Int[torch.Tensor, "batch horizon"], Int[torch.Tensor, "batch horizon"]
]:
    """For every step: its segment's number, its distance to the segment's left end, the segment's gap."""
    starts = torch.zeros(len(index), horizon, dtype=torch.long, device=index.device)
    segment = starts.scatter_(1, index[:, 1:-1], 1).cumsum(1)
    offset = torch.arange(horizon, device=index.device) - index.gather(1, segment)
    return segment, offset, index.diff(dim=1).gather(1, segment)


def _weight(offset: torch.Tensor, gap: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    # Half precision cannot hold every step number, so the division is made in a wider type.
    return (offset.to(torch.promote_types(dtype, torch.float32)) / gap).to(dtype)[:, :, None]


def _take(values: torch.Tensor, segment: Int[torch.Tensor, "batch horizon"]) -> torch.Tensor:
    return values.gather(1, segment[:, :, None].expand(-1, -1, values.shape[2]))


def _pin(out: torch.Tensor, keypoints: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Put the keypoints in place, so that rounding cannot move them."""
    return out.scatter(1, index[:, :, None].expand(-1, -1, out.shape[2]), keypoints)


def _linear(keypoints: torch.Tensor, index: torch.Tensor, horizon: int) -> torch.Tensor:
    segment, offset, gap = _segments(index, horizon)
    weight = _weight(offset, gap, keypoints.dtype)
    out = _take(keypoints[:, :-1], segment) + weight * _take(keypoints.diff(dim=1), segment)
    return _pin(out, keypoints, index)


def _hermite(keypoints: torch.Tensor, index: torch.Tensor, horizon: int) -> torch.Tensor:
    gaps = index.diff(dim=1).to(keypoints.dtype)[:, :, None]
    secants = keypoints.diff(dim=1) / gaps
    if index.shape[1] == 2:
        slopes = secants.expand_as(keypoints)
    else:
        share = gaps[:, :-1] / (gaps[:, :-1] + gaps[:, 1:])
        inner = secants[:, :-1] + share * secants.diff(dim=1)
        first = 2 * secants[:, :1] - inner[:, :1]
        last = 2 * secants[:, -1:] - inner[:, -1:]
        slopes = torch.cat([first, inner, last], dim=1)
    segment, offset, gap = _segments(index, horizon)
    w = _weight(offset, gap, keypoints.dtype)
    rise = _take(keypoints.diff(dim=1), segment)
    # The chord plus a bend that vanishes at both ends: the Hermite basis, regrouped.
    bend_left = _take(slopes[:, :-1] * gaps, segment) - rise
    bend_right = rise - _take(slopes[:, 1:] * gaps, segment)
    out = _take(keypoints[:, :-1], segment) + w * rise + w * (1 - w) * ((1 - w) * bend_left + w * bend_right)
    return _pin(out, keypoints, index)
