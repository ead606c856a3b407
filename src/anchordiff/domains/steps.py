"""What a plan was at each step on its way: stage 1's sampler steps, then stage 2; or the chunks of a stream."""

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
        made: steps of the trajectory that a stream has given so far; none for all.
    """

    number: int
    title: str
    keypoints: Float[torch.Tensor, "K numbers"]
    coarse: Float[torch.Tensor, "horizon dim"]
    noised: Float[torch.Tensor, "K numbers"] | None = None
    trajectory: Float[torch.Tensor, "horizon dim"] | None = None
    made: int | None = None

    @property
    def way(self) -> Float[torch.Tensor, "steps dim"]:
        """The best there is: what stage 2 has made, or else the interpolated keypoints."""
        return self.coarse if self.trajectory is None else self.trajectory[: self.made]


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


def chunks_of(generation: Generation, sample: int, *, chunk: int, stride: int = 1) -> list[Step]:
    """What a stream has given after each of its chunks, of a sample that was generated as a whole.

    Args:
        generation: of a pipeline with a causal stage 2, whose chunks are the parts of its trajectory.
        sample: number of the sample.
        chunk: steps at a time.
        stride: leave chunks out, but for every so manyth and the last.

    Raises:
        ValueError: if there is no such sample, or a number is below 1.
    """
    for name, number in (("chunk", chunk), ("stride", stride)):
        check_integer(name, number)
    check_integer(
        "sample", sample, least=0, most=len(generation) - 1, most_is="the last sample of the generation"
    )
    horizon = generation.trajectory.shape[1]
    total = -(-horizon // chunk)
    return [
        Step(
            number=number,
            title=f"chunk {number + 1} of {total}",
            keypoints=generation.keypoints[sample],
            coarse=generation.coarse[sample],
            trajectory=generation.trajectory[sample],
            made=min((number + 1) * chunk, horizon),
        )
        for number in sorted({*range(0, total, stride), total - 1})
    ]
