"""Training and evaluation mode of a network's parts."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put a network into evaluation mode inside a `with` block, and each of its parts back into its own mode after it.

    A part may differ from the whole: a frozen batch norm stays in evaluation mode while the rest trains.

    Example:
        >>> model = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1).eval())
        >>> with evaluating(model):
        ...     inside = model.training
        >>> inside, model.training, model[1].training
        (False, True, False)
    """
    modes = remember_modes(model)
    model.eval()
    try:
        yield
    finally:
        restore_modes(modes)


def remember_modes(model: nn.Module) -> dict[nn.Module, bool]:
    """Which parts of a network are in training mode."""
    return {part: part.training for part in model.modules()}


def restore_modes(modes: dict[nn.Module, bool]) -> None:
    """Put parts back into the modes they had."""
    for part, mode in modes.items():
        part.training = mode
