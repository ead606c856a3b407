"""The one place where kernels meet Numba's compiler."""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(*, parallel: bool = False, fastmath: bool = False) -> Callable[[Function], Function]:
    """Compile a function with Numba on its first call, and keep the machine code on disk if that is possible.

    Where no cache folder can be written (a read-only installation without a home folder), the function is
    compiled anew in each process.

    Args:
        parallel: run `numba.prange` loops on Numba's threads.
        fastmath: let the compiler reorder floating-point sums.
    """

    def compile_lazily(function: Function) -> Function:
        options: dict[str, Any] = {"nogil": True, "parallel": parallel, "fastmath": fastmath}
        try:
            dispatcher = numba.njit(cache=True, **options)(function)
        except RuntimeError as error:
            if "cannot cache function" not in str(error):
                raise
            dispatcher = numba.njit(**options)(function)
        compiled: Function = dispatcher
        return compiled

    return compile_lazily
