"""Floating-point operations of the CPU's attention, which torch's counter leaves out."""

from typing import Any, Final

import torch
from torch.utils.flop_counter import sdpa_backward_flop_count, sdpa_flop_count


def _forward(query: Any, key: Any, value: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:  # noqa: ANN401
    return sdpa_flop_count(query, key, value)


def _backward(grad: Any, query: Any, key: Any, value: Any, *_: Any, out_shape: Any = None, **__: Any) -> int:  # noqa: ANN401
    return sdpa_backward_flop_count(grad, query, key, value)


CPU_ATTENTION: Final = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _forward,
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: _backward,
}
"""For `FlopCounterMode(custom_mapping=...)`."""
