"""A pipeline beside its parts and baselines, on a suite of held-out mazes."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Final, Literal

import torch
from torch import Tensor

from anchordiff.domains.maze.data.batch import ParticleBatch
from anchordiff.domains.maze.metrics import (
    collision_rate,
    diversity,
    is_success,
    length_ratio,
    smoothness,
    ways,
)
from anchordiff.domains.maze.suites import Suite, find_suite
from anchordiff.evaluation.comparison import run_methods
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
from anchordiff.evaluation.results import Column, Evaluation, MethodResult
from anchordiff.pipeline import TwoStagePipeline
from anchordiff.pipeline.config import make_sampler
from anchordiff.stages.keypoints import KeypointDiffusion

if TYPE_CHECKING:
    from anchordiff.domains.maze.plots import Case

COLUMNS: Final = (
    Column(measure="success", statistic="share", key="success", heading="success", form="{:.1f} %", factor=100.0),
    Column(
        measure="collision_rate", statistic="mean", key="collision_rate", heading="points in walls", form="{:.2f} %",
        factor=100.0,
    ),
    Column(
        measure="length_ratio", statistic="median", key="length_ratio_median", heading="length / expert",
        of_successes=True,
    ),
    Column(measure="length_ratio", statistic="90th", key="length_ratio_90th", of_successes=True),
    Column(
        measure="smoothness", statistic="median", key="smoothness_median", heading="smoothness", form="{:.5f}",
        of_successes=True,
    ),
    Column(measure="diversity", statistic="mean", key="diversity_mean", heading="diversity", form="{:.2f}"),
    Column(measure="ways", statistic="mean", key="ways_mean", heading="ways", form="{:.2f}"),
)  # fmt: skip
"""Figures of each method; lengths and smoothness over successes alone."""

_MANY_STEPS: Final = 16  # of full-sequence diffusion, which gets better with more


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
        StraightLine(pipeline=pipeline),
        Coarse(pipeline=pipeline),
        OneSample(pipeline=pipeline),
        BestOf(pipeline=pipeline, candidates=candidates),
        TrueKeypoints(pipeline=pipeline),
    ]
    config = pipeline.config
    if full_sequence is not None:
        for steps in sorted({config.steps, _MANY_STEPS}):
            sampler = make_sampler(config.sampler, steps, config.spacing)
            methods.append(FullSequence(model=full_sequence, sampler=sampler))
    evaluation = run_on_suite(
        methods,
        suite,
        size=size,
        horizon=config.longest_horizon,
        dim=4 if pipeline.keypoints.config.states.velocities else 2,
        device=pipeline.device,
        several=candidates if candidates > 1 else 0,
        seed=seed,
        batch_size=batch_size,
        timed=timed,
        progress=progress,
    )
    sizes = {name: sum(p.numel() for p in model.parameters()) for name, model in pipeline.components.items()}
    if full_sequence is not None:
        sizes["full_sequence"] = sum(p.numel() for p in full_sequence.parameters())
    settings = {
        "pipeline": asdict(config),
        "parameters": sizes,
        "candidates": candidates,
        **evaluation.settings,
    }
    return replace(evaluation, settings=settings)


def run_on_suite(
    methods: Sequence[Method],
    suite: Suite,
    *,
    size: int | None = None,
    horizon: int = 64,
    dim: Literal[2, 4] = 2,
    device: torch.device | str = "cpu",
    several: int = 0,
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
        several: samples a condition that each method draws for what is measured of many; see `run_methods`.
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
    evaluation = run_methods(
        methods,
        lambda indices: suite.load(indices, horizon=horizon, dim=dim),
        suite=suite.name,
        size=size,
        measure=measure_attempt,
        columns=COLUMNS,
        device=device,
        several=several,
        seed=seed,
        batch_size=batch_size,
        timed=timed,
        progress=progress,
    )
    return replace(evaluation, settings={"horizon": horizon, **evaluation.settings})


def measure_attempt(attempt: Attempt, batch: ParticleBatch) -> dict[str, Tensor]:
    """All measures of what a method made."""
    trajectory = attempt.trajectory
    values = {
        "success": is_success(batch.condition, trajectory),
        "collision_rate": collision_rate(batch.condition, trajectory),
        "length_ratio": length_ratio(trajectory, batch.trajectory),
        "smoothness": smoothness(trajectory),
    }
    if attempt.candidates is not None and attempt.candidates.shape[1] > 1:
        values["diversity"] = diversity(attempt.candidates)
        values["ways"] = ways(batch.condition, attempt.candidates)
    return values


def failures(evaluation: Evaluation, *, count: int = 12) -> list[tuple[MethodResult, int]]:
    """The worst failures of the methods that generate: which method, which maze.

    A maze comes once. Failures of methods that chose among candidates come first, since there every
    candidate failed; then those with the most points in walls.
    """
    found: dict[int, tuple[MethodResult, int]] = {}
    chosen = [result for result in evaluation.results if result.chose]
    single = [result for result in evaluation.results if result.name == OneSample.name]
    for result in (*chosen, *single):
        failed = (~result["success"]).nonzero()[:, 0]
        order = result["collision_rate"][failed].argsort(descending=True, stable=True)
        for maze in failed[order].tolist():
            found.setdefault(maze, (result, maze))
    return list(found.values())[:count]


def failure_cases(evaluation: Evaluation, *, count: int = 12) -> "list[Case]":
    """The worst failures as panels; the title says which stage made them."""
    from anchordiff.domains.maze.plots import Case

    cases = []
    suite = find_suite(evaluation.suite)
    for result, maze in failures(evaluation, count=count):
        attempt = result.attempt
        batch = suite.load(range(maze, maze + 1), horizon=evaluation.settings["horizon"])
        keypoints, cause = None, "touches a wall"
        if attempt.keypoints is not None:
            keypoints = attempt.keypoints[maze]
            astray = float(collision_rate(batch.condition, keypoints[None])) > 0
            cause = "a keypoint in a wall" if astray else "keypoints free, the way between not"
        cases.append(
            Case(
                title=f"maze {maze}: {result.name}\n{cause}",
                condition=batch.condition,
                trajectory=attempt.trajectory[maze],
                coarse=None if attempt.coarse is None else attempt.coarse[maze],
                keypoints=keypoints,
                expert=batch.trajectory[0],
            )
        )
    return cases
