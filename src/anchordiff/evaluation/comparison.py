"""Running methods on the same samples."""

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor

from anchordiff.checks import check_integer
from anchordiff.data.batch import TrajectoryBatch
from anchordiff.evaluation.methods import Attempt, Coarse, Generative, Method
from anchordiff.evaluation.results import Column, Evaluation, MethodResult
from anchordiff.pipeline.records import hold
from anchordiff.progress import progress_bar

Load = Callable[[range], TrajectoryBatch]
"""From numbers of samples to the samples."""

Measured = Callable[[Attempt, Any], Mapping[str, Tensor]]
"""`measure(attempt, batch)` gives named numbers of each sample."""


def run_methods(
    methods: Sequence[Method],
    load: Load,
    *,
    suite: str,
    size: int,
    measure: Measured,
    columns: tuple[Column, ...],
    device: torch.device | str = "cpu",
    several: int = 0,
    seed: int = 0,
    batch_size: int = 100,
    timed: int = 20,
    progress: bool = False,
) -> Evaluation:
    """Run any methods on the same samples, with the same noise.

    Args:
        methods: what to run.
        load: gives the samples of a range of numbers below `size`.
        suite: what the samples are called.
        size: how many there are.
        measure: what is measured of what a method made.
        columns: figures of the measures.
        device: where the methods want their conditions.
        several: samples a condition that a method which draws (`Generative`) makes for the first batch, so that what
            `measure` says of many is said of each such method; 0 for none.
        seed: of the noise, the same for every method.
        batch_size: conditions at a time.
        timed: plans made alone for the time of one; 0 takes no such times.
        progress: show a bar.

    Raises:
        ValueError: if a number is out of its range.
    """
    check_integer("size", size)
    check_integer("batch_size", batch_size)
    check_integer("timed", timed, least=0)
    check_integer("several", several, least=0)
    device = torch.device(device)
    runner = _Runner(
        load=lambda indices: load(indices).to(device),
        measure=measure,
        device=device,
        size=size,
        several=several,
        seed=seed,
        batch_size=batch_size,
        timed=min(timed, size),
    )
    batches = -(-size // batch_size)
    with progress_bar("evaluate", "batch", total=len(methods) * batches, shown=progress) as bar:
        results = tuple(runner.run(method, bar.update) for method in methods)
    settings = {
        "seed": seed,
        "batch_size": batch_size,
        "device": _device_name(device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    return Evaluation(suite=suite, size=size, results=results, columns=columns, settings=settings)


@dataclass(frozen=True, kw_only=True)
class _Runner:
    load: Load
    measure: Measured
    device: torch.device
    size: int
    several: int
    seed: int
    batch_size: int
    timed: int

    def run(self, method: Method, advance: Callable[[], object]) -> MethodResult:
        parts: list[dict[str, Tensor]] = []
        seconds, chose = 0.0, False
        # One generator for all batches, on the CPU: noise then depends neither on their size nor on the device.
        generator = torch.Generator().manual_seed(self.seed)
        for first in range(0, self.size, self.batch_size):
            batch = self.load(range(first, min(first + self.batch_size, self.size)))
            if first == 0:
                method(batch, torch.Generator().manual_seed(0))
            attempt, taken = self._time(method, batch, generator)
            seconds += taken
            chose = attempt.candidates is not None
            made = {name: getattr(attempt, name) for name in _MADE}
            values = dict(self.measure(attempt, batch))
            parts.append(values | {name: value for name, value in made.items() if value is not None})
            advance()
        joined = {name: _join([part[name] for part in parts]).cpu() for name in parts[0]}
        attempt = Attempt(**{name: joined.pop(name) for name in _MADE if name in joined})
        joined |= self._of_many(method, joined)
        untimed = isinstance(method, Coarse)  # it runs the second stage too, only to drop it
        return MethodResult(
            name=method.name,
            attempt=attempt,
            values=joined,
            chose=chose,
            seconds_alone=None if untimed else self._alone(method),
            seconds_batched=None if untimed else seconds / self.size,
        )

    def _of_many(self, method: Method, known: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What is measured of several samples for the first batch, and of no attempt; NaN for the other samples."""
        if self.several == 0 or not isinstance(method, Generative):
            return {}
        batch = self.load(range(min(self.batch_size, self.size)))
        drawn = method.samples(batch, self.several, torch.Generator().manual_seed(self.seed))
        values = self.measure(Attempt(trajectory=drawn[:, 0], candidates=drawn), batch)
        rest = (self.size - len(batch),)
        return {
            name: torch.cat([value.cpu().double(), torch.full(rest, torch.nan, dtype=torch.float64)])
            for name, value in values.items()
            if name not in known
        }

    def _alone(self, method: Method) -> float | None:
        if self.timed == 0:
            return None
        batch = self.load(range(self.timed))
        generator = torch.Generator().manual_seed(self.seed)
        return median(self._time(method, batch[i : i + 1], generator)[1] for i in range(self.timed))

    def _time(
        self, method: Method, batch: TrajectoryBatch, generator: torch.Generator
    ) -> tuple[Attempt, float]:
        self._wait()
        began = time.perf_counter()
        attempt = method(batch, generator)
        self._wait()
        return attempt, time.perf_counter() - began

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


_MADE = ("trajectory", "keypoints", "coarse")


def _join(parts: Sequence[Tensor]) -> Tensor:
    """All batches; where horizons adapt, what arrives early stays where it is."""
    if parts[0].ndim < 2:
        return torch.cat(list(parts))
    longest = max(part.shape[1] for part in parts)
    return torch.cat([hold(part, longest - part.shape[1], part.shape[-1]) for part in parts])


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return platform.machine() or "cpu"
