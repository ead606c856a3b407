"""One shard of a cache on disk: its format, how it is read and checked.

A shard is a safetensors file. Its tensors, for `count` samples:

- `walls`: uint8, the grids' bits, rows after one another (`numpy.packbits`), each sample on its own bytes;
- `start`, `goal`: float32 (count, 2); `positions`: float32 (count, horizon, 2).

Signed distances, velocities and distances along the grid follow from these and are not stored. The metadata
holds the config that made the samples, the place of the shard in the cache, and a SHA-256 of all of it.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8
from safetensors.numpy import save

from anchordiff.configs import config_from_json, config_to_json
from anchordiff.data.digests import content_digest
from anchordiff.domains.maze.data.config import ParticleMazeConfig
from anchordiff.errors import CorruptFileError

Arrays = dict[str, np.ndarray]

_FORMAT = "anchordiff particle shard 1"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a shard stands in a cache.

    Attributes:
        size: samples of the whole cache.
        shard_size: samples of every shard but the last, which may be shorter.
        number: which shard, from 0.
    """

    size: int
    shard_size: int
    number: int

    @property
    def shards(self) -> int:
        """Number of shards in the cache."""
        return -(-self.size // self.shard_size)

    @property
    def indices(self) -> range:
        """Indices of the samples in this shard."""
        first = self.number * self.shard_size
        return range(first, min(first + self.shard_size, self.size))

    @property
    def name(self) -> str:
        """The shard's file name."""
        return f"shard-{self.number:05d}-of-{self.shards:05d}.safetensors"


@dataclass(frozen=True, kw_only=True)
class Shard:
    """A shard that was read and found whole; the arrays are views of the file."""

    config: ParticleMazeConfig
    place: Place
    arrays: Arrays


def pack(config: ParticleMazeConfig, place: Place, arrays: Arrays) -> bytes:
    """The content of a shard's file."""
    header = {
        "format": _FORMAT,
        "config": json.dumps(config_to_json(config), sort_keys=True),
        "place": json.dumps(asdict(place), sort_keys=True),
    }
    return save(arrays, metadata={**header, "sha256": content_digest(header, arrays)})


def read_shard(path: Path) -> Shard:
    """Map a shard's file into memory and check all of its content.

    Raises:
        FileNotFoundError: if there is no such file.
        CorruptFileError: if the file is cut short, altered, or no shard.
        ValueError: if its config is not of this version.
    """
    header, arrays = _map_file(path)
    digest = header.pop("sha256", None)
    if header.get("format") != _FORMAT:
        raise CorruptFileError(f"{path} is not a shard of this version ({_FORMAT})")
    if digest != content_digest(header, arrays):
        raise CorruptFileError(f"{path} is corrupt: its content does not match its SHA-256")
    try:
        place = Place(**json.loads(header["place"]))
        settings = json.loads(header["config"])
        count = len(place.indices)
        positions = (count, settings["horizon"], 2)
        shapes = {"walls": (count,), "start": (count, 2), "goal": (count, 2), "positions": positions}
        if arrays.keys() != shapes.keys():
            raise ValueError(f"it holds {', '.join(sorted(arrays))} instead of {', '.join(sorted(shapes))}")
        for name, shape in shapes.items():
            if arrays[name].shape[: len(shape)] != shape:
                raise ValueError(f"{name} must have the shape {shape}, found {arrays[name].shape}")
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise CorruptFileError(f"{path} is corrupt: {error}") from error
    if place.name != path.name:
        raise CorruptFileError(f"{path} is misplaced: it was written as {place.name}")
    config = config_from_json(ParticleMazeConfig, settings, where=f"{path}: config")
    return Shard(config=config, place=place, arrays=arrays)


def _map_file(path: Path) -> tuple[dict[str, str], Arrays]:
    """A safetensors file's metadata and views of its tensors; every byte is accounted for."""
    if path.stat().st_size < 8:
        raise CorruptFileError(f"{path} is corrupt: too short for a header")
    data: UInt8[np.ndarray, " bytes"] = np.memmap(path, dtype=np.uint8, mode="r")
    body = 8 + int.from_bytes(data[:8].tobytes(), "little")
    try:
        if body > len(data):
            raise ValueError(f"the header is {body} bytes long, the file {len(data)}")
        entries: dict[str, Any] = json.loads(data[8:body].tobytes())
        metadata: dict[str, str] = entries.pop("__metadata__")
        arrays, position = {}, body
        for name, entry in sorted(entries.items(), key=lambda item: item[1]["data_offsets"]):
            first, last = entry["data_offsets"]
            if body + first != position:
                raise ValueError(f"tensor {name} does not begin where the one before it ends")
            dtype = {"U8": np.uint8, "F32": np.float32}[entry["dtype"]]
            position = body + last
            arrays[name] = data[body + first : position].view(dtype).reshape(entry["shape"])
        if position != len(data):
            raise ValueError(f"the tensors end at byte {position}, the file at {len(data)}")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptFileError(f"{path} is corrupt: {error}") from error
    return dict(metadata), arrays
