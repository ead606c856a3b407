"""The derivative of interpolation, by the kernels."""

from typing import Any

import torch
from torch import Tensor

from anchordiff.interpolation import run_kernel
from anchordiff.kernels.interpolate import interpolate_linear_adjoint


class Linear(torch.autograd.Function):
    """Linear interpolation by the kernel; its derivative is the adjoint, itself differentiable."""

    @staticmethod
    def forward(ctx: Any, keypoints: Tensor, index: Tensor, horizon: int) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(index)
        return run_kernel(keypoints, index, horizon)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:  # noqa: ANN401
        (index,) = ctx.saved_tensors
        out: Tensor = LinearAdjoint.apply(grad, index)  # type: ignore[no-untyped-call]
        return out, None, None


class LinearAdjoint(torch.autograd.Function):
    """The adjoint of `Linear`, whose own derivative is `Linear`."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, index: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(index)
        ctx.horizon = grad.shape[1]
        return torch.from_numpy(interpolate_linear_adjoint(grad.detach().numpy(), index.numpy()))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401
        (index,) = ctx.saved_tensors
        out: Tensor = Linear.apply(grad, index, ctx.horizon)  # type: ignore[no-untyped-call]
        return out, None
