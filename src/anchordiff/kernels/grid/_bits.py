"""Bit operations that Numba has no name for."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def trailing_zeros(typing_context: Any, word: Any) -> tuple[Any, Callable[..., Any]]:
    """Return the position of the lowest set bit of a `uint64` (64 where there is none), as an `int64`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), generate


@intrinsic
def pack_32(typing_context: Any, cells: Any, first: Any) -> tuple[Any, Callable[..., Any]]:
    """Return 32 cells of a contiguous bool array, from flat index `first` on, as bits of a `uint32`; not checked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = ir.VectorType(ir.IntType(8), 32)
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        place = builder.bitcast(builder.gep(data, [arguments[1]]), lanes.as_pointer())
        filled = builder.icmp_unsigned("!=", builder.load(place, align=1), ir.Constant(lanes, None))
        return builder.bitcast(filled, ir.IntType(32))

    return types.uint32(cells, types.uint64), generate
