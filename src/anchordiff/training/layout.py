"""What lies where in the folder of a stage that is trained."""

from pathlib import Path
from typing import Final

TRAINING: Final = "training"
"""Folder, within that of a stage, of the run that trained it."""

COMMAND: Final = "command.json"
"""File of a run's folder that tells the words it was started with."""


def has_run(out: Path) -> bool:
    """Whether a run of a stage has started in this folder."""
    return (out / TRAINING / "checkpoints" / "last.pt").exists()
