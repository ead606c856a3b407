"""Where a run writes what it does: JSON lines, TensorBoard, a progress bar."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from anchordiff.errors import CorruptFileError
from anchordiff.training.loop import TrainStep

Scalars = Mapping[str, float]


class JsonLog:
    """A file with one JSON object a line; each line is appended whole, by one system call.

    Numbers that JSON lacks (nan, infinities) are written as null.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     with JsonLog(Path(folder) / "log.jsonl") as log:
        ...         log.write(event="train", step=1, loss=0.5)
        ...     read_log(Path(folder) / "log.jsonl")
        [{'event': 'train', 'step': 1, 'loss': 0.5}]
    """

    def __init__(self, path: str | Path, *, keep_until: int | None = None) -> None:
        """Open or make the file; with `keep_until`, first drop what comes after that step."""
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if keep_until is not None and self.path.exists():
            os.truncate(self.path, _end_of_step(self.path, keep_until))
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, **entry: object) -> None:
        """Append one line."""
        line = json.dumps({name: _writable(value) for name, value in entry.items()}, allow_nan=False)
        os.write(self._file, line.encode() + b"\n")

    def flush(self) -> None:
        """Bring what was written to the disk."""
        os.fsync(self._file)

    def __enter__(self) -> "JsonLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)


def read_log(path: str | Path) -> list[dict[str, Any]]:
    """Read a log's lines; a last line that a killed process left unfinished is left out.

    Raises:
        CorruptFileError: if a line before the last is no JSON object.
    """
    return [entry for _, entry in _entries(Path(path))]


def _entries(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each whole line's entry with the file offset at which the line ends."""
    end = 0
    for number, line in enumerate(path.read_bytes().splitlines(keepends=True), start=1):
        if not line.endswith(b"\n"):
            return
        end += len(line)
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise CorruptFileError(f"{path}, line {number}: not JSON ({error})") from error
        if not isinstance(entry, dict):
            raise CorruptFileError(f"{path}, line {number}: not a JSON object")
        yield end, entry


def _end_of_step(path: Path, step: int) -> int:
    return max((end for end, entry in _entries(path) if entry.get("step", 0) <= step), default=0)


def _writable(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {name: _writable(item) for name, item in value.items()}
    return value


class Window:
    """Means over the steps since the last line of the log; a skipped step has no gradient to count."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    def add(self, step: TrainStep) -> None:
        """Take one step in."""
        values = {"loss": step.loss, **step.terms, "seconds": step.seconds, "data_seconds": step.data_seconds}
        values |= {"skipped": 1.0} if step.skipped else {"grad_norm": step.grad_norm}
        for name, value in values.items():
            self._values.setdefault(name, []).append(value)

    def take(self) -> dict[str, float]:
        """The means (and how many steps were skipped, if any); the window is empty afterwards."""
        means = {name: sum(values) / len(values) for name, values in self._values.items()}
        if "skipped" in means:
            means["skipped"] = float(len(self._values["skipped"]))
        self._values = {}
        return means


class Board:
    """TensorBoard's event files, where tensorboard is installed and wanted; else nothing."""

    def __init__(self, folder: Path, *, start: int, wanted: bool = True) -> None:
        self._writer: Any = None
        if wanted and find_spec("tensorboard") is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(folder), purge_step=start + 1 if start else None)

    def write(self, group: str, step: int, scalars: Scalars) -> None:
        """Add scalars under `group`/name."""
        if self._writer is not None:
            for name, value in scalars.items():
                self._writer.add_scalar(f"{group}/{name}", value, step)

    def close(self) -> None:
        """Write out what is left."""
        if self._writer is not None:
            self._writer.close()
