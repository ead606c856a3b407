"""Running methods on a suite."""

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import median
from typing import Literal

import torch
from torch import Tensor

from anchordiff.data import ParticleBatch
from anchordiff.evaluation.methods import (
    Attempt,
    BestOf,
    Coarse,
    FullSequence,
    Method,
    OneSample,
    StraightLine,
    TrueKeypoints,
)
from anchordiff.evaluation.metrics import collision_rate, diversity, is_success, length_ratio, smoothness
from anchordiff.evaluation.results import Evaluation, MethodResult
from anchordiff.evaluation.suites import Suite
from anchordiff.keypoints import KeypointDiffusion
from anchordiff.pipeline import TwoStagePipeline
from anchordiff.pipeline.config import make_sampler
from anchordiff.progress import progress_bar

_MANY_STEPS = 16  # of full-sequence diffusion, which gets better with more


def evaluate(
    pipeline: TwoStagePipeline,
    suite: Suite,
    *,
    size: int | None = None,
    candidates: int = 16,
    full_sequence: KeypointDiffusion | None = None,
    seed: int = 0,
    batch_size: int = 100,
    timed: int = 20,
    progress: bool = False,
) -> Evaluation:
    """Compare a pipeline with its parts and baselines, on the same mazes in one run.

    The methods: a straight line; stage 1 and interpolation; the pipeline with one sample; its plan; the
    expert's keypoints and stage 2; and, where its model is given, full-sequence diffusion, in as many sampler steps
    as the pipeline and in more.

    Args:
        pipeline: what is evaluated.
        suite: the mazes.
        size: use only its first mazes.
        candidates: candidates a plan.
        full_sequence: a `KeypointDiffusion` over all steps, on the pipeline's device.
        seed: of the noise, the same for every method.
        batch_size: conditions at a time.
        timed: plans made alone for the time of one; 0 takes no such times.
        progress: show a bar.

    Raises:
        ValueError: if a number is out of its range.
    """
    methods: list[Method] = [
        StraightLine(horizon=pipeline.config.horizon),
        Coarse(pipeline=pipeline),
        OneSample(pipeline=pipeline),
        BestOf(pipeline=pipeline, candidates=candidates),
        TrueKeypoints(pipeline=pipeline),
    ]
    if full_sequence is not None:
        config = pipeline.config
        for steps in sorted({config.steps, _MANY_STEPS}):
            sampler = make_sampler(config.sampler, steps, config.spacing)
            methods.append(FullSequence(model=full_sequence, sampler=sampler))
    evaluation = run_methods(
        methods,
        suite,
        size=size,
        horizon=pipeline.config.horizon,
        dim=pipeline.keypoints.config.dim,
        device=pipeline.device,
        seed=seed,
        batch_size=batch_size,
        timed=timed,
        progress=progress,
    )
    sizes = {name: sum(p.numel() for p in model.parameters()) for name, model in pipeline.components.items()}
    if full_sequence is not None:
        sizes["full_sequence"] = sum(p.numel() for p in full_sequence.parameters())
    settings = {
        "pipeline": asdict(pipeline.config),
        "parameters": sizes,
        "candidates": candidates,
        **evaluation.settings,
    }
    return replace(evaluation, settings=settings)


def run_methods(
    methods: Sequence[Method],
    suite: Suite,
    *,
    size: int | None = None,
    horizon: int = 64,
    dim: Literal[2, 4] = 2,
    device: torch.device | str = "cpu",
    seed: int = 0,
    batch_size: int = 100,
    timed: int = 20,
    progress: bool = False,
) -> Evaluation:
    """Run any methods on a suite.

    Args:
        methods: what to run.
        suite: the mazes.
        size: use only the suite's first mazes.
        horizon: steps of the expert's trajectories.
        dim: 2 for positions, 4 with velocities.
        device: where the methods want their conditions.
        seed: of the noise, the same for every method.
        batch_size: conditions at a time.
        timed: plans made alone for the time of one.
        progress: show a bar.

    Raises:
        ValueError: if a number is out of its range.
    """
    size = suite.size if size is None else size
    if not 1 <= size <= suite.size:
        raise ValueError(f"size must lie in 1 ... {suite.size}, the mazes of {suite.name}, found {size}")
    if batch_size < 1 or timed < 0:
        raise ValueError(
            f"batch_size must be at least 1 and timed at least 0, found {batch_size} and {timed}"
        )
    device = torch.device(device)
    runner = _Runner(
        load=lambda indices: suite.load(indices, horizon=horizon, dim=dim).to(device),
        device=device,
        size=size,
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
    return Evaluation(suite=suite, size=size, results=results, settings=settings)


@dataclass(frozen=True, kw_only=True)
class _Runner:
    load: Callable[[range], ParticleBatch]
    device: torch.device
    size: int
    seed: int
    batch_size: int
    timed: int

    def run(self, method: Method, advance: Callable[[], object]) -> MethodResult:
        parts: list[dict[str, Tensor]] = []
        seconds = 0.0
        # One generator for all batches, on the CPU: noise then depends neither on their size nor on the device.
        generator = torch.Generator().manual_seed(self.seed)
        for first in range(0, self.size, self.batch_size):
            batch = self.load(range(first, min(first + self.batch_size, self.size)))
            if first == 0:
                method(batch, torch.Generator().manual_seed(0))
            attempt, taken = self._time(method, batch, generator)
            seconds += taken
            parts.append(_measure(attempt, batch))
            advance()
        joined = {name: torch.cat([part[name] for part in parts]).cpu() for name in parts[0]}
        attempt = Attempt(**{name: joined.pop(name) for name in _MADE if name in joined})
        untimed = isinstance(method, Coarse)  # it runs the second stage too, only to drop it
        return MethodResult(
            name=method.name,
            attempt=attempt,
            seconds_alone=None if untimed else self._alone(method),
            seconds_batched=None if untimed else seconds / self.size,
            **joined,
        )

    def _alone(self, method: Method) -> float | None:
        if self.timed == 0:
            return None
        batch = self.load(range(self.timed))
        generator = torch.Generator().manual_seed(self.seed)
        return median(self._time(method, batch[i : i + 1], generator)[1] for i in range(self.timed))

    def _time(
        self, method: Method, batch: ParticleBatch, generator: torch.Generator
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


def _measure(attempt: Attempt, batch: ParticleBatch) -> dict[str, Tensor]:
    trajectory = attempt.trajectory
    values = {
        "success": is_success(batch.condition, trajectory),
        "collision_rate": collision_rate(batch.condition, trajectory),
        "length_ratio": length_ratio(trajectory, batch.trajectory),
        "smoothness": smoothness(trajectory),
    }
    if attempt.candidates is not None and attempt.candidates.shape[1] > 1:
        values["diversity"] = diversity(attempt.candidates)
    made = {name: getattr(attempt, name) for name in _MADE}
    return values | {name: value for name, value in made.items() if value is not None}


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return platform.machine() or "cpu"
