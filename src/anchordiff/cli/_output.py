"""What commands write and print."""

import io
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from anchordiff import __version__
from anchordiff.configs import config_to_json
from anchordiff.files import write_json, write_whole


def write_settings(out: Path, command: object) -> None:
    """Write a command's flags, defaults filled in, to config.json in `out`."""
    settings = {f.name: _plain(getattr(command, f.name)) for f in fields(command)}  # type: ignore[arg-type]
    write_json(out / "config.json", {"anchordiff_version": __version__, **settings})


def write_arrays(path: Path, **arrays: Tensor) -> None:
    """Write tensors as a compressed .npz file, atomically."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **{n: v.cpu().numpy() for n, v in arrays.items()})
    write_whole(path, buffer.getvalue())


def show_table(rows: Mapping[str, str]) -> None:
    """Print names and values in two columns."""
    width = max(map(len, rows))
    sys.stdout.write("".join(f"{name:<{width}}  {value}\n" for name, value in rows.items()))


def _plain(value: object) -> object:
    if isinstance(value, Path):
        return str(value)
    return config_to_json(value) if is_dataclass(value) else value
