"""Methods compared on moving shapes: what their clips show, and how near their latents are to those of drawn clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from anchordiff.domains.video.codec import VideoCodec
from anchordiff.domains.video.condition import TextCondition
from anchordiff.domains.video.data.batch import ClipBatch
from anchordiff.domains.video.job import free_guidance, layout_of, pictures_of, text_of
from anchordiff.domains.video.layout import ClipLayout
from anchordiff.domains.video.shape_judge import read_shape
from anchordiff.domains.video.shape_sets import SEEN, UNSEEN
from anchordiff.domains.video.shapes import ShapeCaption, draw_clips
from anchordiff.evaluation import Attempt, Column, Evaluation, Method, MethodResult, run_methods
from anchordiff.evaluation.methods import Coarse, FullSequence, OneSample, TrueKeypoints
from anchordiff.pipeline import TwoStagePipeline
from anchordiff.pipeline.config import make_sampler
from anchordiff.stages.keypoints import KeypointDiffusion

SUITES: Final[Mapping[str, tuple[ShapeCaption, ...]]] = MappingProxyType(
    {"shapes-seen": SEEN, "shapes-unseen": UNSEEN}
)
"""Captions by the name of a suite."""

ATTRIBUTES: Final = ("size", "colour", "shape", "direction")
COLUMNS: Final = (
    Column(measure="all", statistic="share", key="all_four", heading="all four", form="{:.1f} %", factor=100.0),
    *(
        Column(measure=name, statistic="mean", key=name, heading=name, form="{:.2f}")
        for name in ATTRIBUTES
    ),
    Column(measure="frechet", statistic="mean", key="frechet_distance", heading="Frechet", form="{:.2f}"),
)  # fmt: skip
"""Figures of each method."""

CODEC_ALONE: Final = "the codec's own clips"
_HELD_OUT_SEED: Final = 2**62 + 1
_REFERENCE_SEED: Final = 2**62 + 2  # of the clips that the Frechet distance is to
_STEPS: Final = (1, 2, 4, 20)  # of full-sequence diffusion
_SHOWN: Final = 6


def evaluate(
    pipeline: TwoStagePipeline,
    captions: Sequence[ShapeCaption],
    *,
    codec: VideoCodec,
    size: int,
    guidance: float = 2.5,
    full_sequence: KeypointDiffusion | None = None,
    seed: int = 0,
    batch_size: int = 40,
    timed: int = 10,
    progress: bool = False,
) -> tuple[Evaluation, list[tuple[str, UInt8[np.ndarray, "frames rows cols 3"]]]]:
    """Compare a pipeline with its parts and baselines; see `anchordiff.domains.video.benchmark`.

    Args:
        pipeline: what is evaluated.
        captions: that clips are made of, in turn.
        codec: makes pictures of latents.
        size: clips of each method.
        guidance: weight of classifier-free guidance, of stage 1 and of the full sequence.
        full_sequence: a `KeypointDiffusion` over all frames, on the pipeline's device.
        seed: of the noise, the same for every method.
        batch_size: captions at a time.
        timed: clips made alone for the time of one.
        progress: show a bar.

    Returns:
        The evaluation, and some clips of the guided pipeline with what they were to show.
    """
    layout, encoder = layout_of(pipeline, codec), text_of(pipeline)
    config = pipeline.config
    guided = free_guidance(guidance)
    methods: list[Method] = [
        Coarse(pipeline=pipeline, name="stage 1 + interpolation, guided", guidance=guided),
        *(
            OneSample(
                pipeline=pipeline, name=f"pipeline, guidance {weight:g}", guidance=free_guidance(weight)
            )
            for weight in dict.fromkeys((1.0, guidance))
        ),
        TrueKeypoints(pipeline=pipeline, name="key frames given + stage 2"),
    ]
    if full_sequence is not None:
        methods += [
            FullSequence(
                model=full_sequence,
                sampler=make_sampler(config.sampler, steps, config.spacing),
                guidance=guided,
            )
            for steps in _STEPS
        ]

    def load(indices: range, seed: int = _HELD_OUT_SEED) -> ClipBatch:
        clips, said = zip(*(_draw(captions, number, seed) for number in indices), strict=True)
        pictures = np.stack(clips)
        latents = codec.encode(pictures.reshape(-1, *pictures.shape[2:]))
        states = layout.to_states(latents.view(*pictures.shape[:2], *latents.shape[1:]))
        return ClipBatch(condition=TextCondition.from_text(list(map(str, said)), encoder), trajectory=states)

    def measure(attempt: Attempt, batch: ClipBatch) -> Mapping[str, Tensor]:
        return {"made": attempt.trajectory}

    evaluation = run_methods(
        methods, load, suite="moving shapes", size=size, measure=measure, columns=COLUMNS, device=pipeline.device,
        seed=seed, batch_size=batch_size, timed=min(timed, size), progress=progress,
    )  # fmt: skip
    parts = [range(i, min(i + batch_size, size)) for i in range(0, size, batch_size)]
    truth, reference = (
        torch.cat([load(part, seed).trajectory for part in parts])
        for seed in (_HELD_OUT_SEED, _REFERENCE_SEED)
    )
    said = [captions[number % len(captions)] for number in range(size)]
    alone = MethodResult(name=CODEC_ALONE, attempt=Attempt(trajectory=truth), values={})
    results = [
        replace(result, values=_judged(result.attempt.trajectory, reference, said, codec, layout))
        for result in (alone, *evaluation.results)
    ]
    best = evaluation[f"pipeline, guidance {guidance:g}"].attempt.trajectory
    shown = pictures_of(best[:_SHOWN], codec, layout)
    clips = [(str(caption), clip) for caption, clip in zip(said, shown, strict=False)]
    return replace(evaluation, results=tuple(results)), clips


def _draw(captions: Sequence[ShapeCaption], number: int, seed: int) -> tuple[np.ndarray, ShapeCaption]:
    caption = captions[number % len(captions)]
    clips, _ = draw_clips(seed, np.array([number]), (caption,))
    return clips[0], caption


def _judged(
    made: Float[Tensor, "clips frames dim"],
    reference: Float[Tensor, "clips frames dim"],
    said: Sequence[ShapeCaption],
    codec: VideoCodec,
    layout: ClipLayout,
) -> dict[str, Tensor]:
    readings = [read_shape(clip) for clip in pictures_of(made, codec, layout)]
    agreed = [reading.agrees(caption) for reading, caption in zip(readings, said, strict=True)]
    values = {name: torch.tensor([found[name] for found in agreed]) for name in ATTRIBUTES}
    values["all"] = torch.stack(list(values.values())).all(dim=0)
    values["frechet"] = torch.full((len(made),), frechet_distance(made, reference), dtype=torch.float64)
    return values


def frechet_distance(
    made: Float[Tensor, "clips frames dim"], truth: Float[Tensor, "clips frames dim"]
) -> float:
    r"""The Frechet distance between the frames' latents, as Gaussians (Dowson and Landau 1982, Heusel et al. 2017).

    .. math:: |\mu - \mu'|^2 + \mathrm{tr}(C + C' - 2 (C C')^{1/2})

    Raises:
        ValueError: if there are fewer than two frames.
    """
    first, second = (clips.flatten(0, 1).double().cpu() for clips in (made, truth))
    if min(len(first), len(second)) < 2:
        raise ValueError(f"made and truth must hold at least 2 frames, found {len(first)} and {len(second)}")
    one, other = torch.cov(first.T), torch.cov(second.T)
    # The roots of the eigenvalues of C C' are those of its root, whose trace is wanted.
    roots = torch.linalg.eigvals(one @ other).real.clamp(min=0).sqrt().sum()
    away = (first.mean(dim=0) - second.mean(dim=0)).square().sum()
    return float(away + one.trace() + other.trace() - 2 * roots)
