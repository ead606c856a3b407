"""torch, imported when it is first used: help and checks of flags need none of it, and it takes seconds."""

import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType

import tyro


def defer_torch() -> None:
    """Let `import torch` cost nothing until something of it is asked for; nothing happens where it is imported already.

    The standard library's `LazyLoader` will not do: under Python 3.11 its modules load at the second `import`.
    """
    # The parser looks at its first call which packages are there, and would ask torch about each flag.
    tyro.cli(bool, args=["True"])
    spec = None if "torch" in sys.modules else find_spec("torch")
    if spec is None:
        return
    module = module_from_spec(spec)
    # What imports a part of the package asks for its path first, and so loads the whole.
    del module.__path__
    module.__class__ = _Deferred
    sys.modules["torch"] = module


class _Deferred(ModuleType):
    def __getattr__(self, name: str) -> object:
        spec = self.__spec__
        assert spec is not None
        assert spec.loader is not None
        assert spec.submodule_search_locations is not None
        self.__class__ = ModuleType  # type: ignore[assignment]
        self.__path__ = spec.submodule_search_locations
        spec.loader.exec_module(self)
        return getattr(self, name)
