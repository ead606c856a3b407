"""`anchordiff bundle`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import tyro

import anchordiff as ad
from anchordiff.cli._output import check_out
from anchordiff.domains import video
from anchordiff.domains.domain import FULL_SEQUENCE
from anchordiff.domains.video.codec_files import CODEC
from anchordiff.files import write_whole
from anchordiff.hub.layout import CONFIG, INDEX, WEIGHTS
from anchordiff.pipeline.config import PipelineConfig
from anchordiff.samplers import Spacing
from anchordiff.stages.config import Clamp, ClampDims
from anchordiff.training.layout import TRAINING, has_run


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """Join two trained stages into the folder of a pipeline.

    The folder is what `--pipeline` of other commands, `TwoStagePipeline.from_pretrained` and the Hub take.
    Where stage 2 was trained on the encoder of stage 1 they share it, and where its data chose horizons by the length
    of the way, so does the pipeline. Configs and logs of runs go along. A stage whose training
    goes on is taken from its last checkpoint.

    Attributes:
        keypoints: stage 1: folder of a run of `train keypoints` or of a pipeline, bundled name or "org/repo" on the
            Hub.
        denoiser: stage 2, as `keypoints`; folder of a run of `train denoiser`.
        out: folder of the pipeline.
        full_sequence: folder of a run of `train keypoints` with as many keypoints as steps, a baseline.
        codec: folder of a run of `train codec`, for stages of clips.
        steps: sampler steps by default.
        sampler: sampler of stage 1 by default.
        spacing: how the sampler's times lie between noise and data by default.
        clamp: what stage 2 may not move by default.
        clamp_dims: and in which numbers of a state.
        keypoint_blocks: blocks of stage 1's transformer to keep, from the first; by default all. Each block's
            estimate is trained, so the last ones can be left out where they gain nothing.
        half: store weights as 16-bit numbers, in half the space.
    """

    keypoints: str
    denoiser: str
    out: Path
    full_sequence: Path | None = None
    codec: Path | None = None
    steps: int = PipelineConfig.steps
    sampler: Literal["flow", "heun", "ddim", "ddpm"] = PipelineConfig.sampler
    spacing: Spacing = PipelineConfig.spacing
    clamp: Clamp = PipelineConfig.clamp
    clamp_dims: ClampDims = PipelineConfig.clamp_dims
    keypoint_blocks: int | None = None
    half: tyro.conf.FlagCreatePairsOff[bool] = False

    def execute(self) -> None:
        """Check, load, write."""
        from anchordiff.training.load import locate_stage, recorded_horizons

        self._check_out()
        keypoints = ad.training.load_stage(self.keypoints, ad.KeypointDiffusion, name="--keypoints")
        if self.keypoint_blocks is not None:
            keypoints = keypoints.first_blocks(self.keypoint_blocks)
        folder = locate_stage(self.denoiser, ad.InterpDenoiser, name="--denoiser")
        denoiser = ad.training.load_stage(folder, ad.InterpDenoiser, name="--denoiser")
        config = PipelineConfig(
            horizon=denoiser.config.horizon,
            num_keypoints=keypoints.config.num_keypoints,
            adaptive=recorded_horizons(folder),
            shared_encoder=_is_one(keypoints.encoder, denoiser.encoder),
            steps=self.steps,
            sampler=self.sampler,
            spacing=self.spacing,
            clamp=self.clamp,
            clamp_dims=self.clamp_dims,
        )
        dtype = torch.float16 if self.half else None
        ad.TwoStagePipeline(keypoints, denoiser, config).save_pretrained(self.out, dtype=dtype)
        runs: dict[str, Path] = {"keypoints": Path(self.keypoints), "denoiser": Path(self.denoiser)}
        if self.full_sequence is not None:
            model = ad.training.load_stage(self.full_sequence, ad.KeypointDiffusion, name="--full-sequence")
            ad.save_pretrained(model, self.out / FULL_SEQUENCE, dtype=dtype)
            runs[FULL_SEQUENCE] = self.full_sequence
        if self.codec is not None:
            codec = ad.training.load_stage(self.codec, video.FrameAutoencoder, name="--codec")
            ad.save_pretrained(codec, self.out / CODEC, dtype=dtype)
            runs[CODEC] = self.codec
        for name, run in runs.items():
            for file in ("config.json", "log.jsonl"):
                source = run / TRAINING / file
                if source.exists():
                    write_whole(self.out / name / TRAINING / file, source.read_bytes())
        size = sum(path.stat().st_size for path in self.out.rglob("*") if path.is_file())
        sys.stdout.write(f"wrote {self.out}: {size / 2**20:.1f} MB\n")

    def _check_out(self) -> None:
        """Let a bundle take the place of an older one alone, never that of a run, be it one of its own stages."""
        check_out(self.out, own=(INDEX,))
        for name in ("keypoints", "denoiser", FULL_SEQUENCE, CODEC):
            part = self.out / name
            older = (self.out / INDEX).is_file() and not has_run(part)
            check_out(part, own=(CONFIG, WEIGHTS, TRAINING) if older else ())


def _is_one(first: "ad.nn.Encoder[Any, Any]", second: "ad.nn.Encoder[Any, Any]") -> bool:
    """Whether stage 2 was trained on the very encoder of stage 1, so that a plan needs it once."""
    own = dict(second.named_parameters())
    return first.config == second.config and all(
        torch.equal(value, own[name]) for name, value in first.named_parameters()
    )
