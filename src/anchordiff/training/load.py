"""Stages from the folders of their runs, finished or not."""

import sys
from pathlib import Path
from typing import Any, Final, TypeVar

from torch import nn

from anchordiff import hub
from anchordiff.configs import config_from_json
from anchordiff.errors import CorruptFileError
from anchordiff.hub.folders import CONFIG, read_json
from anchordiff.hub.registry import config_class
from anchordiff.training.checkpoint import read_checkpoint

Stage = TypeVar("Stage", bound=nn.Module)

TRAINING: Final = "training"
"""Folder, within that of a stage, of the run that trained it."""


def has_run(out: Path) -> bool:
    """Whether a run of a stage has started in this folder."""
    return (out / TRAINING / "checkpoints" / "last.pt").exists()


def load_stage(folder: str | Path, kind: type[Stage], *, name: str = "folder") -> Stage:
    """A stage from its folder; from the last checkpoint's averaged weights where its training goes on.

    Args:
        folder: of a run or of a saved stage.
        kind: which stage.
        name: what messages call `folder`.

    Raises:
        FileNotFoundError: if there is no such folder, or it holds neither.
        CorruptFileError: if a file does not hold what this version can read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "a bundled name" if str(folder) in hub.bundled_names() else "no folder"
        raise FileNotFoundError(
            f"{name} must be the folder of a run, or of a saved {kind.__name__}, found {str(folder)!r}, which is {what}"
        )
    if (folder / CONFIG).exists() or not has_run(folder):
        return hub.from_pretrained(folder, kind)
    checkpoint = folder / TRAINING / "checkpoints" / "last.pt"
    content = read_checkpoint(checkpoint)
    sys.stderr.write(f"{folder} is not finished: taking the weights after step {content['step']}\n")
    make: Any = kind
    model: Stage = make(recorded_config(folder, kind))
    try:
        model.load_state_dict(content["model"])
        if content["ema"] is not None:
            model.load_state_dict({**content["ema"]["average"], **content["ema"]["buffers"]}, strict=False)
    except RuntimeError as error:
        raise CorruptFileError(
            f"{checkpoint} does not fit this version: {' '.join(str(error).split())}"
        ) from error
    return model.eval()


def recorded_config(folder: Path, kind: type[nn.Module]) -> Any:  # noqa: ANN401
    """The config of the model in the run of a stage in this folder.

    Raises:
        CorruptFileError: if the run's record does not hold one.
    """
    path = folder / TRAINING / CONFIG
    model = read_json(path).get("model")
    if not isinstance(model, dict):
        raise CorruptFileError(f"{path}: model must be an object, found {model!r}")
    try:
        return config_from_json(config_class(kind), model, where="model")
    except ValueError as error:
        raise CorruptFileError(f"{path}: {error}") from error
