"""Methods compared on held-out trajectories, with measures that need no world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from jaxtyping import Int64

from anchordiff.domains.vector.data.batch import VectorBatch
from anchordiff.domains.vector.data.dataset import TrajectoryDataset
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
    StraightLine,
    TrueKeypoints,
)
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

_MANY_STEPS: Final = 16  # of full-sequence diffusion, which gets better with more


def evaluate(
    pipeline: TwoStagePipeline,
    held_out: TrajectoryDataset,
    *,
    limits: tuple[torch.Tensor, torch.Tensor],
    size: int,
    candidates: int = 16,
    full_sequence: KeypointDiffusion | None = None,
    seed: int = 0,
    batch_size: int = 128,
    timed: int = 20,
    progress: bool = False,
) -> Evaluation:
    """Compare a pipeline with its parts and baselines; see `anchordiff.domains.vector.benchmark`.

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
    if full_sequence is not None:
        for steps in sorted({config.steps, _MANY_STEPS}):
            sampler = make_sampler(config.sampler, steps, config.spacing)
            methods.append(FullSequence(model=full_sequence, sampler=sampler))
    samples = spread(held_out, size)

    def measure(attempt: Attempt, batch: VectorBatch) -> Mapping[str, torch.Tensor]:
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
        several=candidates if candidates > 1 else 0,
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
    states: StateSpace, other: torch.Tensor, truth: torch.Tensor, limits: tuple[torch.Tensor, torch.Tensor]
) -> MethodResult:
    """What is measured of recorded trajectories that are not the ones that methods are compared with."""
    values = {
        "smoothness": smoothness(states, other),
        "violation": limit_violation(states, other, *limits),
        "energy": energy_terms(states, other, truth, paired=True),
    }
    return MethodResult(name=OTHER_DATA, attempt=Attempt(trajectory=other), values=values)


def with_energy(evaluation: Evaluation, states: StateSpace, truth: torch.Tensor) -> Evaluation:
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


def data_limits(dataset: TrajectoryDataset) -> tuple[torch.Tensor, torch.Tensor]:
    """Least and greatest value of each position in a data set's samples; angles have none."""
    states = dataset.states
    positions = dataset.batch(np.arange(len(dataset))).trajectory[..., : states.positions].flatten(0, 1)
    low, high = positions.amin(dim=0), positions.amax(dim=0)
    turns = states.is_angle(low.device)[: states.positions]
    return low.masked_fill(turns, -torch.inf), high.masked_fill(turns, torch.inf)
