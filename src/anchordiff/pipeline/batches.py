"""How a call is cut into batches without changing its result."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from anchordiff.samplers import ElementNoise, Sampler
from anchordiff.samplers.base import Step
from anchordiff.samplers.noise import NoiseSource
from anchordiff.schedules import Schedule


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


@dataclass(frozen=True)
class Seeded(Sampler):
    """A sampler whose noise was drawn before the call was cut into batches."""

    sampler: Sampler
    noise: ElementNoise

    def __call__(
        self,
        denoise: Callable[[Tensor, Tensor], Tensor],
        x_1: Float[Tensor, " batch *shape"],
        schedule: Schedule,
        *,
        generator: object = None,
        noise: object = None,
        **options: Any,  # noqa: ANN401
    ) -> Float[Tensor, " batch *shape"]:
        """Run the sampler with its own noise, whatever `generator` and `noise` are."""
        return self.sampler(denoise, x_1, schedule, noise=self.noise, **options)

    def _move(
        self,
        step: Step,
        x_t: Tensor,
        x_0: Tensor,
        estimate: Callable[[Tensor, int], Tensor],
        noise: NoiseSource,
    ) -> Tensor:
        return self.sampler._move(step, x_t, x_0, estimate, noise)
