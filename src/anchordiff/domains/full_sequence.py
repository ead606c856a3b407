"""The full-sequence baseline: diffusion over every step, with the transformer of stage 1."""

from pathlib import Path

from anchordiff import hub
from anchordiff.domains.domain import FULL_SEQUENCE
from anchordiff.pipeline import TwoStagePipeline
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.training.load import load_stage


def load_full_sequence(
    folder: Path | None, pipeline: TwoStagePipeline, source: str
) -> KeypointDiffusion | None:
    """The full-sequence baseline: from its folder, or from beside a pipeline's stages, if it is there.

    Args:
        folder: of a run of `train keypoints` with as many keypoints as steps; none for that beside the pipeline.
        pipeline: on whose device it is put.
        source: where the pipeline is from.

    Raises:
        FileNotFoundError: if `folder` holds none.
    """
    if folder is not None:
        return load_stage(folder, KeypointDiffusion, name="--full-sequence").to(pipeline.device)
    try:
        return hub.from_pretrained(source, KeypointDiffusion, subfolder=FULL_SEQUENCE).to(pipeline.device)
    except FileNotFoundError:
        return None
