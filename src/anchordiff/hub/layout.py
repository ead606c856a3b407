"""What files of saved networks and pipelines are called, and how those that tell of them are read."""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

from anchordiff.errors import CorruptFileError

INDEX: Final = "model_index.json"
CONFIG: Final = "config.json"
WEIGHTS: Final = "model.safetensors"
CLASS_NAME: Final = "_class_name"
VERSION: Final = "anchordiff_version"
DIGESTS: Final = "_sha256"


def digests_of(folder: Path, names: list[str]) -> dict[str, str]:
    """The SHA-256 of files in a folder, by name."""
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


def read_verified(path: Path, name: str, digests: object) -> bytes:
    """A file's bytes, if they are those that an index tells the digest of.

    Args:
        path: of the file.
        name: what the index calls it.
        digests: of the index; none in folders of 0.1.0.

    Raises:
        FileNotFoundError: if the file is missing.
        CorruptFileError: if it is no ordinary file, or others are in it.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing")
    if not path.is_file():
        raise CorruptFileError(f"{path} is not an ordinary file")
    content = path.read_bytes()
    if digests is None:
        return content
    if not isinstance(digests, dict) or hashlib.sha256(content).hexdigest() != digests.get(name):
        raise CorruptFileError(
            f"{path} is not the file that was saved: its SHA-256 is another than {DIGESTS} tells"
        )
    return content


def read_json(path: Path, *, name: str = "", digests: object = None) -> dict[str, Any]:
    """Parse a JSON object.

    Args:
        path: of the file.
        name: what an index calls it.
        digests: of the index, if there is one.

    Raises:
        FileNotFoundError: if the file is missing.
        CorruptFileError: if it holds no JSON object, or another one than the index tells.
    """
    try:
        data = json.loads(read_verified(path, name, digests).decode("utf-8"))
    except (RecursionError, ValueError) as error:
        raise CorruptFileError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise CorruptFileError(f"{path} must hold a JSON object, found {type(data).__name__}")
    return data
