"""Stages from the folders of their runs, finished or not."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from torch import nn

from anchordiff import hub
from anchordiff.configs import config_from_json
from anchordiff.errors import CorruptFileError
from anchordiff.files import write_json
from anchordiff.horizons import AdaptiveHorizon
from anchordiff.hub.layout import CONFIG, INDEX, read_json
from anchordiff.hub.registry import config_class
from anchordiff.training.checkpoint import read_checkpoint
from anchordiff.training.layout import COMMAND, TRAINING, has_run
from anchordiff.training.process import is_first

Stage = TypeVar("Stage", bound=nn.Module)


def load_stage(source: str | Path, kind: type[Stage], *, name: str = "source") -> Stage:
    """A stage, wherever it is; from the last checkpoint's averaged weights where its training goes on.

    Args:
        source: folder of a run, of a saved stage or of a pipeline, whose stage of that kind is meant; or a bundled
            name, or "org/repo" on the Hub.
        kind: which stage.
        name: what messages call `source`.

    Raises:
        ValueError: if `source` is nothing of these, or a pipeline has no stage of that kind.
        FileNotFoundError: if there is no such folder, or it holds nothing of these.
        CorruptFileError: if a file does not hold what this version can read.
    """
    folder = locate_stage(source, kind, name=name)
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


def locate_stage(source: str | Path, kind: type[nn.Module], *, name: str = "source") -> Path:
    """The folder of a stage, wherever it is; see `load_stage`."""
    try:
        folder = hub.locate(source)
    except (FileNotFoundError, ValueError) as error:
        raise FileNotFoundError(
            f"{name} must be the folder of a run, of a saved {kind.__name__} or of a pipeline, a bundled name or "
            f"'org/repo' on the Hub, found {str(source)!r}, which is none"
        ) from error
    if (folder / INDEX).is_file():
        parts = read_json(folder / INDEX).get("components", {})
        found = [part for part, cls in parts.items() if cls == kind.__name__]
        if not found:
            raise ValueError(f"{name} must hold a {kind.__name__}, found {parts} in {folder}")
        folder = folder / found[0]
    return folder


def recorded_horizons(folder: Path) -> AdaptiveHorizon | None:
    """How the data of the run in this folder chose their horizons; none where all had one.

    Raises:
        CorruptFileError: if the run's record tells it in a way that this version cannot read.
    """
    path = folder / TRAINING / CONFIG
    told = read_json(path).get("data", {}).get("horizons") if path.exists() else None
    if told is None:
        return None
    try:
        return config_from_json(AdaptiveHorizon, told, where="data.horizons")
    except ValueError as error:
        raise CorruptFileError(f"{path}: {error}") from error


def write_command(out: Path, words: Sequence[str]) -> None:
    """Keep the words that a run is started with."""
    if words and is_first() and not (out / COMMAND).exists():
        write_json(out / COMMAND, {"words": list(words)})
