"""Clips of a sentence, and what is said and shown of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
import torch
from jaxtyping import Float, UInt8

from anchordiff.checks import check_array, check_integer
from anchordiff.domains.domain import FilmFormat, PlanJob, PlanOptions, PlanSettings
from anchordiff.domains.steps import Step
from anchordiff.domains.video.autoencoder import FrameAutoencoder
from anchordiff.domains.video.codec import AutoencoderCodec, VideoCodec, open_codec
from anchordiff.domains.video.codec_files import CODEC
from anchordiff.domains.video.condition import TextCondition
from anchordiff.domains.video.config import VideoEncoderConfig
from anchordiff.domains.video.layout import ClipLayout
from anchordiff.domains.video.text import TextEncoder, open_text
from anchordiff.films import write_film
from anchordiff.hub import from_pretrained
from anchordiff.judge import FunctionJudge
from anchordiff.pipeline import Plan, TwoStagePipeline
from anchordiff.stages.guidance import ClassifierFreeGuidance, Guidance

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure


FILM: Final[FilmFormat] = "mp4"
"""What films of clips are unless told otherwise."""


def codec_of(pipeline: TwoStagePipeline, source: str, *, named: str | None = None) -> VideoCodec:
    """What makes pictures of a pipeline's latents: what is named, lies beside its stages, or is told by its config.

    Args:
        pipeline: trained on latents.
        source: where it is from.
        named: see `open_codec`.

    Raises:
        ValueError: if the pipeline is none of clips, or the codec's latents have other channels.
    """
    config = _config(pipeline)
    if named is not None:
        return open_codec(named)
    try:
        model = from_pretrained(source, FrameAutoencoder, subfolder=CODEC)
    except FileNotFoundError:
        return open_codec(config.codec)
    return AutoencoderCodec(model, name=config.codec, scale=model.config.scale)


def text_of(pipeline: TwoStagePipeline, *, named: str | None = None) -> TextEncoder:
    """What tells a pipeline sentences: the one that is named, or the one that its config names; see `open_text`."""
    return open_text(named or _config(pipeline).text)


def layout_of(pipeline: TwoStagePipeline, codec: VideoCodec) -> ClipLayout:
    """How a codec's latents lie in a pipeline's states.

    Raises:
        ValueError: if the codec's latents have other channels than the states can hold.
    """
    states = pipeline.keypoints.config.states
    assert states.patches is not None
    size, rest = divmod(states.token_dim, codec.channels)
    side = round(size**0.5)
    if rest or side * side != size:
        raise ValueError(
            f"codec must have channels that go with the {states.token_dim} numbers of a patch, found {codec.channels}"
        )
    rows, cols = states.patches
    return ClipLayout(channels=codec.channels, height=rows * side, width=cols * side, patch_size=side)


def pictures_of(
    states: Float[torch.Tensor, "clips frames dim"], codec: VideoCodec, layout: ClipLayout
) -> UInt8[np.ndarray, "clips frames rows cols 3"]:
    """The pictures that a pipeline's states stand for."""
    latents = layout.to_latents(states.cpu().float())
    pictures = codec.decode(latents.flatten(0, 1))
    clips: np.ndarray = pictures.reshape(*latents.shape[:2], *pictures.shape[1:])
    return clips


def free_guidance(weight: float) -> list[Guidance]:
    """Classifier-free guidance of a weight; none at 1, which would cost a second pass for nothing."""
    return [] if weight == 1.0 else [ClassifierFreeGuidance(weight)]


def with_pictures(
    condition: TextCondition,
    pictures: Mapping[int, UInt8[np.ndarray, "rows cols 3"]],
    codec: VideoCodec,
    layout: ClipLayout,
    *,
    horizon: int,
) -> TextCondition:
    """The condition with known frames, the same ones for each of its sentences.

    Args:
        condition: of one or several sentences.
        pictures: by the number of their frame, of the size that the pipeline makes.
        codec: makes latents of them.
        layout: how these lie in states; see `layout_of`.
        horizon: frames of a clip.

    Raises:
        ValueError: if a number is none of a clip's frames, or a picture has another size.
    """
    size = (layout.height * codec.factor, layout.width * codec.factor, 3)
    for number, picture in pictures.items():
        check_integer(
            "number of a known frame", number, least=0, most=horizon - 1, most_is="the clip's last frame"
        )
        check_array("known picture", picture, (np.dtype(np.uint8),), size)
    states = layout.to_states(codec.encode(np.stack(list(pictures.values())))[None])[0]
    known = torch.zeros(horizon, states.shape[1])
    steps = torch.zeros(horizon, dtype=torch.bool)
    known[list(pictures)], steps[list(pictures)] = states, True
    count = len(condition)
    return condition.with_frames(
        known.expand(count, -1, -1).to(condition.device), steps.expand(count, -1).to(condition.device)
    )


@final
@dataclass(frozen=True, kw_only=True)
class ClipJob(PlanJob):
    """A pipeline with a sentence. All clips are as good as each other: the first is the plan.

    Attributes:
        pipeline: makes latents.
        condition: the sentence.
        codec: makes pictures of latents.
        text: the sentence.
        guidance: weight of classifier-free guidance.
        settings: of the command.
    """

    pipeline: TwoStagePipeline
    condition: TextCondition
    codec: VideoCodec
    text: str
    guidance: float
    settings: PlanSettings

    makes_films = True

    @property
    def name(self) -> str:
        """The sentence."""
        return self.text

    @property
    def rule(self) -> str:
        """What a valid plan does: any clip will do."""
        return "is finite"

    def plan(self, options: PlanOptions, *, return_trace: bool = False) -> Plan:
        """Make clips, always from the same seed."""

        def score(clips: torch.Tensor, condition: TextCondition) -> tuple[torch.Tensor, torch.Tensor]:
            finite = clips.isfinite().flatten(1).all(dim=1)
            return finite, torch.zeros(len(clips), device=clips.device)

        return self.pipeline.plan(
            self.condition.to(self.pipeline.device),
            candidates=self.settings.num_samples,
            judge=FunctionJudge(score),
            horizon=self.settings.horizon,
            guidance=free_guidance(self.guidance),
            generator=torch.Generator().manual_seed(self.settings.seed),
            return_trace=return_trace,
            **options.given(),
        )

    def measure(self, plan: Plan) -> dict[str, Any]:
        """What is said of the clips."""
        clips = plan.generation.trajectory
        return {
            "text": self.text,
            "clips": len(clips),
            "frames": clips.shape[1],
            "guidance": self.guidance,
            "latent_deviation": float(clips.std()),
        }

    def rows(self, metrics: Mapping[str, Any]) -> dict[str, str]:
        """The rows of the table."""
        return {
            "text": str(metrics["text"]),
            "clips": f"{metrics['clips']} of {metrics['frames']} frames",
            "guidance": f"{metrics['guidance']:g}",
        }

    def pictures(self, plan: Plan) -> "Mapping[str, Figure]":
        """The first clip with its key frames, and the first frames of all clips."""
        from anchordiff.domains.video.plots import draw_strip

        clips = self.clips(plan)
        key = plan.chosen.anchors.index[0]
        keyframes = pictures_of(plan.chosen.keypoints, self.codec, self._layout)
        shown = clips[: min(len(clips), 8)]
        return {
            "plan": draw_strip(clips[int(plan.index[0])][None], title=self.text),
            "keyframes": draw_strip(keyframes, title=f"{self.text}: key frames", numbers=key.tolist()),
            "samples": draw_strip(shown, title=f"{self.text}: {len(shown)} clips", every=3),
        }

    def draw_step(self, plan: Plan, step: Step) -> "Figure":
        """The frames of the clip."""
        from anchordiff.domains.video.plots import draw_strip

        whole = step.coarse if step.trajectory is None else step.trajectory
        pictures = pictures_of(whole[None], self.codec, self._layout)
        pictures[:, step.made or len(whole) :] = 255  # not there yet
        return draw_strip(pictures, title=step.title)

    def arrays(self, plan: Plan) -> Mapping[str, torch.Tensor]:
        """All clips as latents and as pictures, and their key frames."""
        made = plan.generation
        return {
            "latents": self._layout.to_latents(made.trajectory),
            "pictures": torch.from_numpy(self.clips(plan)),
            "keypoints": made.keypoints,
            "anchors": made.anchors.index,
            "chosen": plan.index,
        }

    def files(self, plan: Plan, out: "Path") -> list[str]:
        """Write a film of each clip."""
        names = []
        for number, clip in enumerate(self.clips(plan)):
            names.append(f"clip-{number:02d}.{self.settings.film or FILM}")
            write_film(out / names[-1], clip, fps=self.settings.fps)
        return names

    def clips(self, plan: Plan) -> UInt8[np.ndarray, "clips frames rows cols 3"]:
        """All clips as pictures."""
        return pictures_of(plan.generation.trajectory, self.codec, self._layout)

    @property
    def _layout(self) -> ClipLayout:
        return layout_of(self.pipeline, self.codec)


def _config(pipeline: TwoStagePipeline) -> VideoEncoderConfig:
    config = pipeline.keypoints.config.encoder
    if not isinstance(config, VideoEncoderConfig):
        raise ValueError(f"pipeline must be one of clips, found one of {type(config).__name__}")
    return config
