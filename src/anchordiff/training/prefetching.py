"""Batches prepared ahead of their use, in a background thread."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from typing import Any, TypeVar

import torch

Key = TypeVar("Key")
Batch = TypeVar("Batch")


def prefetch(
    make: Callable[[Key], Batch], keys: Iterable[Key], *, ahead: int = 2, pin: bool = False
) -> "closing[Generator[Batch, None, None]]":
    """Yield `make(key)` for each key in order, preparing up to `ahead` of them in the background.

    It pays where `make` releases the interpreter's lock, as the kernels do. An exception of `make` is
    raised where its batch would have come. Leaving the `with` block drops what was prepared and waits
    for the thread.

    Args:
        make: makes one batch.
        keys: what to make batches of; read lazily.
        ahead: batches to hold ready; 0 makes each one when it is asked for.
        pin: whether to copy the batches to page-locked memory, for asynchronous transfers to a GPU.

    Raises:
        ValueError: if `ahead` is negative.

    Example:
        >>> with prefetch(lambda key: key * key, range(4)) as squares:
        ...     list(squares)
        [0, 1, 4, 9]
    """
    if ahead < 0:
        raise ValueError(f"ahead must not be negative, found {ahead}")

    def prepare(key: Key) -> Batch:
        batch = make(key)
        return pinned(batch) if pin else batch

    if ahead == 0:
        return closing(prepare(key) for key in keys)
    return closing(_in_background(prepare, keys, ahead))


def _in_background(
    prepare: Callable[[Key], Batch], keys: Iterable[Key], ahead: int
) -> Generator[Batch, None, None]:
    pool = ThreadPoolExecutor(1, thread_name_prefix="prefetch")
    remaining = iter(keys)
    try:
        ready: deque[Future[Batch]] = deque(pool.submit(prepare, key) for key in islice(remaining, ahead))
        while ready:
            batch = ready.popleft().result()
            ready.extend(pool.submit(prepare, key) for key in islice(remaining, 1))
            yield batch
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def moved(batch: Any, device: torch.device) -> Any:  # noqa: ANN401 - a batch is whatever the loss takes
    """Move every tensor and record in a batch (nested tuples, lists, mappings) to `device`."""
    return _apply(batch, "to", device, non_blocking=True)


def pinned(batch: Any) -> Any:  # noqa: ANN401
    """Copy every tensor and record in a batch to page-locked memory."""
    return _apply(batch, "pin_memory")


def _apply(batch: Any, method: str, *args: object, **options: object) -> Any:  # noqa: ANN401
    if hasattr(batch, method):
        return getattr(batch, method)(*args, **options)
    if isinstance(batch, Mapping):
        return {name: _apply(value, method, *args, **options) for name, value in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(_apply(value, method, *args, **options) for value in batch))
    if isinstance(batch, tuple | list):
        return type(batch)(_apply(value, method, *args, **options) for value in batch)
    return batch
