"""A recording on disk.

A cache file holds the arrays, the maze, what they were read from (id, version, numbers of episodes and steps, sizes
and times of its files) and a SHA-256 of all of it. One that was read from something else counts as none.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from anchordiff.configs import Json, config_from_json
from anchordiff.data.digests import content_digest
from anchordiff.domains.maze.maze import Maze
from anchordiff.domains.pointmaze.data.recording import Recording
from anchordiff.errors import CorruptFileError

_FORMAT: Final = "anchordiff pointmaze recording 1"
_ARRAYS: Final = ("observations", "actions", "goals", "episode_starts", "episode_ends")


@dataclass(frozen=True, kw_only=True)
class _Layout:
    text: str
    cell_size: float
    origin: tuple[float, float]
    flip_y: bool


def pack_recording(recording: Recording, source: Mapping[str, Json]) -> bytes:
    """The content of a cache file."""
    maze = recording.maze
    layout = _Layout(text=str(maze), cell_size=maze.cell_size, origin=maze.origin, flip_y=maze.flip_y)
    header = {
        "format": _FORMAT,
        "source": json.dumps(source, sort_keys=True),
        "maze": json.dumps(asdict(layout), sort_keys=True),
    }
    arrays = {name: np.ascontiguousarray(getattr(recording, name)) for name in _ARRAYS}
    return save(arrays, metadata={**header, "sha256": content_digest(header, arrays)})


def load_recording(path: Path, source: Mapping[str, Json]) -> Recording | None:
    """What the cache holds of this source; none where it holds nothing, or something else.

    Raises:
        CorruptFileError: if the file was altered.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, "np") as file:
            header = dict(file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise CorruptFileError(f"{path} is corrupt: {error}; remove it to read the data set anew") from error
    digest = header.pop("sha256", None)
    if digest != content_digest(header, arrays):
        raise CorruptFileError(
            f"{path} is corrupt: its content does not match its SHA-256; remove it to read the data set anew"
        )
    if header.get("format") != _FORMAT or json.loads(header["source"]) != json.loads(json.dumps(source)):
        return None
    layout = config_from_json(_Layout, json.loads(header["maze"]), where=f"{path}: maze")
    walls = Maze.from_text(layout.text).walls
    maze = Maze(walls, cell_size=layout.cell_size, origin=layout.origin, flip_y=layout.flip_y)
    return Recording(maze=maze, **arrays)
