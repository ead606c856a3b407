"""What a plan was at each step on its way: stage 1's sampler steps, then stage 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float

from anchordiff.checks import check_integer
from anchordiff.pipeline.records import Generation


@final
@dataclass(frozen=True, kw_only=True)
class Step:
    """One sample at one step.

    Attributes:
        number: of the step, from 0; stage 2 comes after the sampler's last.
        title: what it is.
        noised: the sampler's state before the step; none in stage 2.
        keypoints: the estimate of clean keypoints.
        coarse: these interpolated.
        trajectory: what stage 2 made of them; none in stage 1.
    """

    number: int
    title: str
    keypoints: Float[torch.Tensor, "K numbers"]
    coarse: Float[torch.Tensor, "horizon dim"]
    noised: Float[torch.Tensor, "K numbers"] | None = None
    trajectory: Float[torch.Tensor, "horizon dim"] | None = None


def steps_of(generation: Generation, sample: int, *, stride: int = 1, stage2: bool = False) -> list[Step]:
    """The steps of one sample.

    Args:
        generation: with its trace.
        sample: number of the sample.
        stride: leave steps out, but for every so manyth and the last.
        stage2: add what stage 2 made.

    Raises:
        ValueError: if there is no trace or no such sample, or `stride` is below 1.
    """
    check_integer("stride", stride)
    check_integer(
        "sample", sample, least=0, most=len(generation) - 1, most_is="the last sample of the generation"
    )
    trace = generation.trace
    if trace is None:
        raise ValueError("generation must hold a trace, as return_trace=True makes one, found none")
    total = len(trace.times)
    steps = [
        Step(
            number=number,
            title=f"sampler step {number + 1} of {total}, t = {trace.times[number]:.2f}",
            noised=trace.noised[sample, number],
            keypoints=trace.keypoints[sample, number],
            coarse=trace.coarse[sample, number],
        )
        for number in sorted({*range(0, total, stride), total - 1})
    ]
    if stage2:
        steps.append(
            Step(
                number=total,
                title="stage 2",
                keypoints=generation.keypoints[sample],
                coarse=generation.coarse[sample],
                trajectory=generation.trajectory[sample],
            )
        )
    return steps
