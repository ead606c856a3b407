"""An unfinished generation on disk: chunks of the stream, each whole or not there, and where to go on after it."""

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np

from anchordiff.configs import Json
from anchordiff.domains.pointmaze.data.rollout import Chunk
from anchordiff.errors import CorruptFileError
from anchordiff.files import write_json, write_whole

CHUNK_STEPS: Final = 20_000
_MEMORY: Final = "memory"
_FIRST: Final = "first"


@dataclass(frozen=True, kw_only=True)
class ChunkFolder:
    """Where an unfinished generation is kept.

    Attributes:
        path: the folder.
        steps: of the whole stream.
    """

    path: Path
    steps: int

    def open(self, provenance: dict[str, Json]) -> None:
        """Make the folder, or check that it belongs to a generation of the same provenance.

        Raises:
            ValueError: if it belongs to another one; the message names what differs.
        """
        file = self.path / "provenance.json"
        if not file.exists():
            self.path.mkdir(parents=True, exist_ok=True)
            write_json(file, provenance)
            return
        check_provenance(json.loads(file.read_text("utf-8")), provenance, where=file)

    @property
    def count(self) -> int:
        """Number of chunks of the whole stream."""
        return -(-self.steps // CHUNK_STEPS)

    @property
    def done(self) -> int:
        """Number of chunks that are there, from the first on."""
        return next((n for n in range(self.count) if not self._file(n).exists()), self.count)

    def size(self, number: int) -> int:
        """Steps of a chunk."""
        return min(CHUNK_STEPS, self.steps - number * CHUNK_STEPS)

    def write(self, number: int, chunk: Chunk, *, first: bool, memory: dict[str, Any]) -> None:
        """Keep a chunk.

        Args:
            number: which.
            chunk: its arrays.
            first: whether the goal was touched before the chunk's first step.
            memory: of the rollout, after the chunk.
        """
        buffer = io.BytesIO()
        arrays = {field.name: getattr(chunk, field.name) for field in fields(chunk)}
        after = np.frombuffer(json.dumps(memory).encode(), np.uint8)
        np.savez(buffer, allow_pickle=False, **arrays, **{_MEMORY: after, _FIRST: np.array(first)})
        write_whole(self._file(number), buffer.getvalue())

    def read(self, number: int) -> tuple[Chunk, bool, dict[str, Any]]:
        """A chunk, whether the goal was touched before it, and the rollout's memory after it.

        Raises:
            CorruptFileError: if the file was altered.
        """
        file = self._file(number)

        def parse(content: Any) -> tuple[Chunk, bool, dict[str, Any]]:  # noqa: ANN401
            chunk = Chunk(**{field.name: content[field.name] for field in fields(Chunk)})
            return chunk, bool(content[_FIRST]), json.loads(content[_MEMORY].tobytes())

        chunk, first, memory = _read(file, parse)
        if len(chunk.states) != self.size(number):
            raise CorruptFileError(
                f"{file} must hold {self.size(number)} steps, found {len(chunk.states)}; remove it to make it anew"
            )
        return chunk, first, memory

    def _file(self, number: int) -> Path:
        return self.path / f"chunk-{number:05d}.npz"


def check_provenance(theirs: Any, wanted: dict[str, Json], *, where: Path) -> None:  # noqa: ANN401
    """Refuse what was made in another way.

    Raises:
        ValueError: naming what differs.
    """
    known = theirs if isinstance(theirs, dict) else {}
    found = [
        f"{key}={known.get(key)!r} instead of {wanted[key]!r}"
        for key in wanted
        if known.get(key) != wanted[key]
    ]
    if found:
        raise ValueError(f"{where} must be of the same generation, found {', '.join(found)}")


def _read(
    file: Path, parse: Callable[[Any], tuple[Chunk, bool, dict[str, Any]]]
) -> tuple[Chunk, bool, dict[str, Any]]:
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as content:
            return parse(content)
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise CorruptFileError(f"{file} is corrupt: {error}; remove it to make it anew") from error
