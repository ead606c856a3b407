"""`evaluate` on held-out trajectories, with measures that need no world."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final, final

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from anchordiff.domains.domain import Benchmark, BenchmarkSettings, load_full_sequence
from anchordiff.domains.vector.data.batch import VectorBatch
from anchordiff.domains.vector.data.dataset import TrajectoryDataset
from anchordiff.domains.vector.data.source import VectorSource
from anchordiff.domains.vector.metrics import (
    diversity,
    energy_terms,
    limit_violation,
    position_error,
    smoothness,
)
from anchordiff.evaluation import Attempt, Column, Evaluation, Method, MethodResult, run_methods
from anchordiff.evaluation.methods import (
    Coarse,
    FullSequence,
    OneSample,
    Several,
    StraightLine,
    TrueKeypoints,
)
from anchordiff.files import write_json, write_whole
from anchordiff.pipeline import TwoStagePipeline
from anchordiff.pipeline.config import make_sampler
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.states import StateSpace

COLUMNS: Final = (
    Column(measure="energy", statistic="mean", key="energy_distance", heading="energy distance", form="{:.4f}"),
    Column(measure="error", statistic="mean", key="position_error", heading="error", form="{:.3f}"),
    Column(measure="smoothness", statistic="median", key="smoothness_median", heading="smoothness", form="{:.5f}"),
    Column(measure="violation", statistic="mean", key="limit_violation", heading="over limits", form="{:.4f}"),
    Column(measure="diversity", statistic="mean", key="diversity_mean", heading="diversity", form="{:.3f}"),
)  # fmt: skip
"""Figures of each method, in units of the normaliser."""

OTHER_DATA: Final = "other held-out data"
"""What tables call the row of recorded trajectories: what a perfect method would be told."""

_SIZE: Final = 512
_MANY_STEPS: Final = 16  # of full-sequence diffusion, which gets better with more
_SHOWN: Final = 12


@final
@dataclass(frozen=True, kw_only=True)
class VectorBenchmark(Benchmark):
    """Compare a pipeline with its parts and baselines on held-out trajectories.

    All methods are given the conditions of the same held-out samples, in one run: what is known, joined by straight
    lines; stage 1 with interpolation; the pipeline; stage 2 at true keypoints; and a full-sequence diffusion where one
    is given. The energy distance compares all that a method made with the held-out trajectories; the error is the
    distance to the very trajectory that a condition was taken from; limits are those of the training data. Where there
    are twice as many held-out samples as are used, a row tells the same of others of them.

    Attributes:
        data: where the trajectories are; as for training.
        full_sequence: folder of a full-sequence diffusion; by default the folder full_sequence of the pipeline, if
            there is one.
        batch_size: samples at a time.
        timed: samples made alone to take the time of one; 0 for none.
    """

    pipeline: ClassVar[str | None] = None

    data: VectorSource
    full_sequence: Path | None = None
    batch_size: int = 128
    timed: int = 20

    def __post_init__(self) -> None:
        for name, least in (("batch_size", 1), ("timed", 0)):
            if getattr(self, name) < least:
                flag = name.replace("_", "-")
                raise ValueError(f"--{flag} must be at least {least}, found {getattr(self, name)}")

    @property
    def name(self) -> str:
        """What the data are called."""
        place = self.data.path or self.data.lerobot
        return str(self.data.minari).replace("/", "-") if place is None else place.stem

    def run(self, pipeline: TwoStagePipeline, settings: BenchmarkSettings) -> str:
        """Evaluate, and write evaluation.json, table.md and samples.png; see `Benchmark.run`."""
        from anchordiff.domains.vector.plots import draw_beside
        from anchordiff.plots import save_figure

        model = load_full_sequence(self.full_sequence, pipeline, settings.source)
        states = pipeline.keypoints.config.states
        windows = replace(self.data.windows, horizon=pipeline.config.horizon)
        dataset = TrajectoryDataset(self.data.episodes, windows, space=states)
        held_out = dataset.held_out()
        size = min(_SIZE, len(held_out)) if settings.size is None else settings.size
        evaluation = evaluate(
            pipeline,
            held_out,
            limits=data_limits(dataset),
            size=size,
            candidates=settings.candidates,
            full_sequence=model,
            seed=settings.seed,
            batch_size=self.batch_size,
            timed=self.timed,
            progress=settings.progress,
        )
        heading, out = f"{settings.source} on {evaluation.size} held-out samples of {self.name}", settings.out
        write_json(out / "evaluation.json", {"source": settings.source, **evaluation.to_json()})
        table = evaluation.table()
        write_whole(out / "table.md", f"{heading}\n\n{table}\n".encode())
        rows = np.linspace(0, size - 1, min(size, _SHOWN)).astype(np.int64)
        shown = {"held-out data": spread(held_out, size).trajectory[rows]}
        for result in (evaluation[OneSample.name], *evaluation.results[-1:] * (model is not None)):
            shown[result.name] = result.attempt.trajectory[rows]
        save_figure(draw_beside(shown, title=heading), out / "samples.png", dpi=110)
        return f"{heading}\n\n{table}\n\nwritten to {out}: evaluation.json, table.md, samples.png\n"


def evaluate(
    pipeline: TwoStagePipeline,
    held_out: TrajectoryDataset,
    *,
    limits: tuple[Tensor, Tensor],
    size: int,
    candidates: int = 16,
    full_sequence: KeypointDiffusion | None = None,
    seed: int = 0,
    batch_size: int = 128,
    timed: int = 20,
    progress: bool = False,
) -> Evaluation:
    """Compare a pipeline with its parts and baselines; see `VectorBenchmark`.

    Args:
        pipeline: what is evaluated.
        held_out: samples that training did not see.
        limits: least and greatest value of each position.
        size: how many samples are used, spread evenly.
        candidates: samples a condition for the diversity; below 2 there is none.
        full_sequence: a `KeypointDiffusion` over all steps, on the pipeline's device.
        seed: of the noise, the same for every method.
        batch_size: samples at a time.
        timed: samples made alone for the time of one.
        progress: show a bar.

    Raises:
        ValueError: if a number is out of its range.
    """
    if not 2 <= size <= len(held_out):
        raise ValueError(f"size must lie in 2 ... {len(held_out)}, the held-out samples, found {size}")
    states, config = pipeline.keypoints.config.states, pipeline.config
    methods: list[Method] = [
        StraightLine(pipeline=pipeline),
        Coarse(pipeline=pipeline),
        OneSample(pipeline=pipeline),
        TrueKeypoints(pipeline=pipeline),
    ]
    if candidates > 1:
        methods.append(Several(pipeline=pipeline, candidates=candidates))
    if full_sequence is not None:
        for steps in sorted({config.steps, _MANY_STEPS}):
            sampler = make_sampler(config.sampler, steps, config.spacing)
            methods.append(FullSequence(model=full_sequence, sampler=sampler))
    samples = spread(held_out, size)

    def measure(attempt: Attempt, batch: VectorBatch) -> Mapping[str, Tensor]:
        made = attempt.trajectory
        values = {
            "error": position_error(states, made, batch.trajectory),
            "smoothness": smoothness(states, made),
            "violation": limit_violation(states, made, *(limit.to(made.device) for limit in limits)),
        }
        if attempt.candidates is not None:
            values["diversity"] = diversity(states, attempt.candidates)
        return values

    evaluation = run_methods(
        methods,
        lambda indices: samples[indices.start : indices.stop],
        suite="held-out",
        size=size,
        measure=measure,
        columns=COLUMNS,
        device=pipeline.device,
        seed=seed,
        batch_size=batch_size,
        timed=min(timed, size),
        progress=progress,
    )
    evaluation = with_energy(evaluation, states, samples.trajectory)
    if 2 * size > len(held_out):
        return evaluation
    # Between the samples, so that both are as much alike: windows of the same episodes.
    rest = np.setdiff1d(np.arange(len(held_out)), _evenly(held_out, size))
    other = held_out.batch(rest[np.linspace(0, len(rest) - 1, size).astype(np.int64)]).trajectory
    return replace(
        evaluation, results=(_recorded(states, other, samples.trajectory, limits), *evaluation.results)
    )


def _recorded(
    states: StateSpace, other: Tensor, truth: Tensor, limits: tuple[Tensor, Tensor]
) -> MethodResult:
    """What is measured of recorded trajectories that are not the ones that methods are compared with."""
    values = {
        "smoothness": smoothness(states, other),
        "violation": limit_violation(states, other, *limits),
        "energy": energy_terms(states, other, truth, paired=True),
    }
    return MethodResult(name=OTHER_DATA, attempt=Attempt(trajectory=other), values=values)


def with_energy(evaluation: Evaluation, states: StateSpace, truth: Tensor) -> Evaluation:
    """An evaluation with the energy distance of all that each method made to the held-out trajectories."""
    results = tuple(
        replace(
            result,
            values={
                **result.values,
                "energy": energy_terms(states, result.attempt.trajectory, truth, paired=True),
            },
        )
        for result in evaluation.results
    )
    return replace(evaluation, results=results)


def spread(dataset: TrajectoryDataset, size: int) -> VectorBatch:
    """So many samples, evenly spread over a data set."""
    return dataset.batch(_evenly(dataset, size))


def _evenly(dataset: TrajectoryDataset, size: int) -> Int64[np.ndarray, " size"]:
    return np.linspace(0, len(dataset) - 1, size).astype(np.int64)


def data_limits(dataset: TrajectoryDataset) -> tuple[Tensor, Tensor]:
    """Least and greatest value of each position in a data set's samples; angles have none."""
    states = dataset.states
    positions = dataset.batch(np.arange(len(dataset))).trajectory[..., : states.positions].flatten(0, 1)
    low, high = positions.amin(dim=0), positions.amax(dim=0)
    turns = states.is_angle(low.device)[: states.positions]
    return low.masked_fill(turns, -torch.inf), high.masked_fill(turns, torch.inf)
