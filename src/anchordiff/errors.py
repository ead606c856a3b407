"""The library's own exceptions.

Bad arguments raise the built-in `ValueError` or `TypeError`; the classes here are for what is not the
caller's argument: a missing optional package, a file that cannot be trusted, a run that cannot go on.
"""

import pickle
import struct
import zlib
from typing import Final

DAMAGE: Final = (
    OSError,
    EOFError,
    pickle.PickleError,
    struct.error,
    zlib.error,
    ArithmeticError,
    AttributeError,
    ImportError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What readers of other libraries raise for a file whose bytes are not what they should be (`RecursionError` is a
`RuntimeError`, text that cannot be decoded a `ValueError`)."""


class AnchorDiffError(Exception):
    """Base class of every error that anchordiff defines."""


class MissingExtraError(AnchorDiffError, ImportError):
    """An optional package is needed that is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is not installed; from a checkout of anchordiff, "
            f'pip install -c constraints.txt ".[{extra}]" installs it'
        )
        self.package = package
        self.extra = extra


class CorruptFileError(AnchorDiffError):
    """A file of weights, checkpoints or data does not hold what it says it holds."""


class FolderInUseError(AnchorDiffError):
    """Another process writes into a folder."""


class DownloadError(AnchorDiffError, OSError):
    """A download broke off."""


class TrainingError(AnchorDiffError):
    """A training run met a state that it must not go on from."""
