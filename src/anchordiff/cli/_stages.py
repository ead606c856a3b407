"""Loading what commands work on: pipelines, and stages from runs, finished or not."""

import json
import sys
from pathlib import Path
from typing import Any, Final, TypeVar

import torch
from torch import nn

from anchordiff import hub
from anchordiff.configs import config_from_json
from anchordiff.errors import CorruptFileError
from anchordiff.hub.registry import config_class
from anchordiff.keypoints import KeypointDiffusion
from anchordiff.pipeline import TwoStagePipeline
from anchordiff.training import read_checkpoint

Stage = TypeVar("Stage", bound=nn.Module)

TRAINING: Final = "training"
FULL_SEQUENCE: Final = "full_sequence"


def pick_device(name: str | None) -> torch.device:
    """The device of that name, or a GPU where there is one.

    Raises:
        ValueError: if there is no such device.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"--device must name a device of this machine, found {name!r} ({reason})") from error
    return device


def default_pipeline(*, d4rl: bool) -> str:
    """The bundled pipeline for D4RL's mazes, or for any others."""
    return "pointmaze" if d4rl else "particle-maze"


def load_pipeline(source: str, device: torch.device) -> TwoStagePipeline:
    """A pipeline by bundled name, folder or Hub id, on a device."""
    return TwoStagePipeline.from_pretrained(source).to(device)


def load_full_sequence(source: str | None, pipeline: str, device: torch.device) -> KeypointDiffusion | None:
    """The full-sequence baseline: from `source`, or from beside a pipeline's stages, if it is there."""
    if source is not None:
        return load_stage(Path(source), KeypointDiffusion, flag="--full-sequence").to(device)
    try:
        model = hub.from_pretrained(pipeline, KeypointDiffusion, subfolder=FULL_SEQUENCE)
    except FileNotFoundError:
        return None
    return model.to(device)


def load_stage(folder: Path, kind: type[Stage], *, flag: str) -> Stage:
    """A stage from its folder; from the last checkpoint's averaged weights where its training goes on.

    Args:
        folder: of a run or of a saved stage.
        kind: which stage.
        flag: that gave the folder, for messages.

    Raises:
        FileNotFoundError: if there is no such folder, or it holds neither.
    """
    if not folder.is_dir():
        what = "a bundled name" if str(folder) in hub.bundled_names() else "no folder"
        raise FileNotFoundError(
            f"{flag} must be the folder of a run, or of a saved {kind.__name__}, found {str(folder)!r}, which is {what}"
        )
    checkpoint = folder / TRAINING / "checkpoints" / "last.pt"
    if (folder / "config.json").exists() or not checkpoint.exists():
        return hub.from_pretrained(folder, kind)
    content = read_checkpoint(checkpoint)
    sys.stderr.write(f"{folder} is not finished: taking the weights after step {content['step']}\n")
    with (folder / TRAINING / "config.json").open("rb") as file:
        data: dict[str, Any] = json.load(file)["model"]
    make: Any = kind
    model: Stage = make(config_from_json(config_class(kind), data))
    try:
        model.load_state_dict(content["model"])
        if content["ema"] is not None:
            model.load_state_dict({**content["ema"]["average"], **content["ema"]["buffers"]}, strict=False)
    except RuntimeError as error:
        raise CorruptFileError(
            f"{checkpoint} does not fit this version: {' '.join(str(error).split())}"
        ) from error
    return model.eval()
