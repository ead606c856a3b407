"""Checkpoint files: whole or not there, safe to load, at home on any device."""

import zipfile
from pathlib import Path
from typing import Any

import torch

from anchordiff.errors import DAMAGE, CorruptFileError
from anchordiff.files import replacing
from anchordiff.training.state import TrainState

_FORMAT = "anchordiff checkpoint 1"
_ENTRIES = frozenset({"step", "skipped", "best", "config", "model", "ema", "optimizer", "scaler"})


def save_checkpoint(path: str | Path, state: TrainState) -> None:
    """Write a run's state so that `path` always holds a whole checkpoint: the old one or the new one."""
    path = Path(path)
    content = {"format": _FORMAT, **state.state_dict()}
    with replacing(path) as file:
        torch.save(content, file)
    state.saved = path


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint's entries to CPU memory: step, best, config, model, ema, optimizer, scaler.

    Raises:
        FileNotFoundError: if there is no such file.
        CorruptFileError: if the file is no whole checkpoint.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} must be the file of a checkpoint, found none")
    try:
        with zipfile.ZipFile(path) as archive:
            spoilt = archive.testzip()
        content = None if spoilt else torch.load(path, map_location="cpu", weights_only=True)
    except (zipfile.BadZipFile, *DAMAGE) as error:
        reason = " ".join(str(error).split())
        raise CorruptFileError(f"{path} is not a readable checkpoint: {reason}") from error
    if spoilt:
        raise CorruptFileError(f"{path} is not a readable checkpoint: {spoilt} fails its checksum")
    if isinstance(content, dict):
        content.setdefault("skipped", 0)  # 0.1.0 did not count them
    if not isinstance(content, dict) or content.pop("format", None) != _FORMAT or content.keys() != _ENTRIES:
        raise CorruptFileError(f"{path} is not a checkpoint of this version ({_FORMAT})")
    return content


def load_checkpoint(path: str | Path, state: TrainState) -> None:
    """Put a run's saved state into `state`, on whatever device its model is.

    Raises:
        FileNotFoundError: if there is no such file.
        CorruptFileError: if the file is no whole checkpoint.
        ValueError: if it was saved under another config.
    """
    content = read_checkpoint(path)
    state.check(content)
    try:
        state.load_state_dict(content)
    except DAMAGE as error:
        reason = " ".join(str(error).split())
        raise CorruptFileError(f"{path} does not fit the model: {reason}") from error
    state.saved = Path(path)
