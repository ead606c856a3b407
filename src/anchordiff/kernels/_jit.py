"""The one place where kernels meet Numba's compiler."""

import hashlib
import warnings
from collections.abc import Callable
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

import numba
from numba.core.caching import FunctionCache

from anchordiff.errors import DAMAGE

Function = TypeVar("Function", bound=Callable[..., Any])


def source_stamp(folder: Traversable) -> str:
    """A hash of the names and contents of all Python files of a folder and of those in it."""
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if file.is_dir() and file.name != "__pycache__":
            digest.update(f"{file.name} {source_stamp(file)} ".encode())
        elif file.name.endswith(".py"):
            content = file.read_bytes()
            digest.update(f"{file.name} {len(content)} ".encode())
            digest.update(content)
    return digest.hexdigest()


_STAMP = source_stamp(resources.files(__package__))


class _Cache(FunctionCache):
    """Numba's cache on disk, for functions that call functions of other files.

    Numba takes machine code for fresh as long as the function's own file is the same, although it contains the
    functions that it calls. Here it is fresh as long as no kernel's file has changed. Files that cannot be read are
    made anew; where none can be written, say on a full disk, kernels work without and a warning says so.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        self._cache_file._source_stamp = _STAMP

    def load_overload(self, sig: object, target_context: object) -> Any:  # noqa: ANN401
        """The machine code for a signature, or None where there is none that can be read."""
        try:
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except DAMAGE:
            self._try(self._cache_file.flush)
            return None

    def save_overload(self, sig: object, data: object) -> None:
        """Keep machine code for the next process."""
        self._try(super().save_overload, sig, data)

    def _try(self, write: Callable[..., None], *arguments: object) -> None:
        try:
            write(*arguments)
        except OSError as error:
            warnings.warn(
                f"the compiled kernels cannot be kept in {self.cache_path} ({error}), so that every process has to "
                "compile them; NUMBA_CACHE_DIR names another folder",
                RuntimeWarning,
                stacklevel=2,
            )


def kernel(*, fastmath: bool = False) -> Callable[[Function], Function]:
    """Compile a function with Numba on its first call, and keep the machine code on disk if that is possible.

    The code on disk is that of all kernels as they are: after a change to any of them, each is compiled anew. Where no
    cache folder can be written (a read-only installation without a home folder), the function is compiled anew in each
    process.

    Args:
        fastmath: let the compiler reorder floating-point sums, and divide without looking for zeros.
    """

    def compile_lazily(function: Function) -> Function:
        dispatcher: Any = numba.njit(
            nogil=True,
            fastmath=fastmath,
            error_model="numpy" if fastmath else "python",
        )(function)
        try:
            dispatcher._cache = _Cache(function)
        except RuntimeError as error:
            if "cannot cache function" not in str(error):
                raise
        compiled: Function = dispatcher
        return compiled

    return compile_lazily
