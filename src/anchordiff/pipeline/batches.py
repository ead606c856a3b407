"""How a call is cut into batches without changing its result."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """Conditions that are encoded together, and the batches of samples that are drawn for them.

    Each batch holds the same number of samples for every condition of the group.
    """

    conditions: slice
    batches: tuple[slice, ...]


def split(conditions: int, num_samples: int, batch_size: int | None) -> Iterator[Group]:
    """Cut `conditions` times `num_samples` samples, condition-major, into batches of at most `batch_size`.

    Every condition is in one group alone, so that it is encoded once.

    Example:
        >>> [group.batches for group in split(3, 2, 4)]
        [(slice(0, 4, None),), (slice(4, 6, None),)]
        >>> [group.batches for group in split(2, 3, 2)]
        [(slice(0, 2, None), slice(2, 3, None)), (slice(3, 5, None), slice(5, 6, None))]
    """
    total = conditions * num_samples
    size = total if batch_size is None else batch_size
    together = max(1, size // num_samples)
    for first in range(0, conditions, together):
        last = min(first + together, conditions)
        low, high = first * num_samples, last * num_samples
        step = size if size < num_samples else high - low
        batches = tuple(slice(start, min(start + step, high)) for start in range(low, high, step))
        yield Group(slice(first, last), batches)
