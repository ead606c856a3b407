"""Recorded trajectories in files of arrays: .npz and .safetensors.

A file holds these arrays, and no others:

- `states`: (episodes, steps, dim) where all episodes have one length; else (rows, dim), one episode after another;
- `lengths`: integers (episodes,), the states of each episode, for `states` of two axes alone;
- `context`, optional: (episodes, features);
- `tokens`, optional: (episodes, places, features), with `token_mask`, optional: booleans (episodes, places), True where
  there is a token.

Numbers may be of any real type; they are read as float32.
"""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import save
from safetensors.torch import load_file

from anchordiff.domains.vector.data.episodes import Episodes, as_numpy
from anchordiff.errors import CorruptFileError
from anchordiff.files import replacing, write_whole

_NAMES: Final[tuple[str, ...]] = ("states", "lengths", "context", "tokens", "token_mask")
# What reading a damaged archive raises; RuntimeError where it asks for a password or a way to unpack that there is not.
_UNREADABLE: Final = (
    ValueError, EOFError, KeyError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error,
)  # fmt: skip


def read_episodes(path: str | Path) -> Episodes:
    """Read a file of trajectories; its name ends in .npz or .safetensors. Pickled objects are never loaded.

    Args:
        path: of the file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if its name ends otherwise.
        CorruptFileError: if it is cut short or altered, or holds other arrays than it should.
    """
    arrays = read_arrays(path)
    try:
        return _episodes(arrays)
    except ValueError as error:
        raise CorruptFileError(f"{path} holds no trajectories that can be read: {error}") from error


def read_arrays(path: str | Path) -> dict[str, np.ndarray]:
    """Read all arrays of a .npz or .safetensors file. Pickled objects are never loaded.

    Args:
        path: of the file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if its name ends otherwise.
        CorruptFileError: if it is cut short or altered.
    """
    path = Path(path)
    _check_end(path)
    if not path.is_file():
        raise FileNotFoundError(f"path must be of a file of arrays, found none at {path}")
    return _READERS[path.suffix](path)


def write_episodes(path: str | Path, episodes: Episodes) -> None:
    """Write a file of trajectories, whole or not at all; the format follows from the end of its name.

    Args:
        path: of the file, which ends in .npz or .safetensors; one that is there is replaced.
        episodes: what to write.

    Raises:
        ValueError: if the name ends otherwise.
    """
    path = Path(path)
    _check_end(path)
    arrays = episodes.arrays()
    if "visible" in arrays:
        arrays["token_mask"] = arrays.pop("visible")
    lengths = arrays.pop("lengths")
    if (lengths == lengths[0]).all():
        arrays["states"] = episodes.states.reshape(len(episodes), int(lengths[0]), episodes.dim)
    else:
        arrays["lengths"] = lengths
    content = {name: np.ascontiguousarray(arrays[name]) for name in _NAMES if name in arrays}
    if path.suffix == ".safetensors":
        write_whole(path, save(content))
        return
    with replacing(path) as stream:
        np.savez(stream, allow_pickle=False, **content)


def _check_end(path: Path) -> None:
    if path.suffix not in _READERS:
        raise ValueError(f"path must end in {' or '.join(_READERS)}, found {str(path)!r}")


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as stream:
        try:
            found = np.load(stream, allow_pickle=False)
            if not isinstance(found, np.lib.npyio.NpzFile):
                raise ValueError("it is a single array")
            with found:
                return {name: found[name] for name in found.files}
        except _UNREADABLE as error:
            raise CorruptFileError(
                f"{path} is corrupt, or no .npz file without pickled objects: {error}"
            ) from error


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    try:
        # Through torch, which knows bfloat16.
        return {name: as_numpy(name, tensor) for name, tensor in load_file(path).items()}
    except (SafetensorError, ValueError, TypeError, KeyError) as error:
        raise CorruptFileError(f"{path} is corrupt, or no .safetensors file: {error}") from error


_READERS: Final[dict[str, Callable[[Path], dict[str, np.ndarray]]]] = {
    ".npz": _read_npz,
    ".safetensors": _read_safetensors,
}


def _episodes(arrays: dict[str, np.ndarray]) -> Episodes:
    for name in arrays:
        if name not in _NAMES:
            raise ValueError(f"arrays must be among {', '.join(_NAMES)}, found {name!r}")
    if "states" not in arrays:
        raise ValueError(f"states must be among the arrays, found {', '.join(arrays) or 'none'}")
    states, lengths, visible = arrays["states"], arrays.get("lengths"), arrays.get("token_mask")
    if states.ndim == 2 and lengths is None:
        raise ValueError("lengths must be given for states of two axes, found none")
    if states.ndim != 2 and lengths is not None:
        raise ValueError(f"lengths must be left out unless states have two axes, found states {states.shape}")
    if visible is not None and (visible.dtype != np.bool_ or visible.ndim != 2):
        raise ValueError(
            f"token_mask must have 2 axes of booleans, found {visible.dtype} of shape {visible.shape}"
        )
    return Episodes.from_arrays(
        states, lengths=lengths, context=arrays.get("context"), tokens=arrays.get("tokens"), visible=visible
    )
