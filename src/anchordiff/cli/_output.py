"""What commands write and print."""

from __future__ import annotations

import io
import sys
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from anchordiff.errors import AnchorDiffError, CorruptFileError
from anchordiff.files import write_json, write_whole
from anchordiff.hub.layout import CLASS_NAME, CONFIG, INDEX, WEIGHTS, read_json
from anchordiff.training.layout import TRAINING
from anchordiff.version import __version__

LARGEST_SEED: Final = 2**63 - 1


class WorkError(AnchorDiffError):
    """A command whose arguments are right could not do its work."""


@contextmanager
def working() -> Iterator[None]:
    """Where a command works: a `ValueError` in here is no wrong argument any more."""
    try:
        yield
    except ValueError as error:
        raise WorkError(str(error)) from error


def check_folder(out: Path) -> None:
    """Refuse a place for results that is no folder, or lies below something that is none.

    Raises:
        ValueError: says which file is there.
    """
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not there.is_dir():
        raise ValueError(f"--out must be a folder, found the file {there}")


def check_out(out: Path, *, own: Collection[str] = ()) -> None:
    """Refuse a place for results that is no folder, or that holds a model or a run, which they would spoil.

    Args:
        out: the folder; it need not be there yet.
        own: names of what may be there because the command itself writes it.

    Raises:
        ValueError: says what is there.
    """
    check_folder(out)
    for name in (INDEX, CONFIG, WEIGHTS, TRAINING):
        if name not in own and _is_kept(out / name):
            raise ValueError(f"--out must not hold a model or a run, found {name} in {out}")


def write_settings(out: Path, command: object) -> None:
    """Write a command's flags, defaults filled in, to config.json in `out`."""
    settings = _plain(command)
    assert isinstance(settings, dict)
    domain = getattr(command, "domain", None)
    told = {} if domain is None else {"domain": domain}
    write_json(out / "config.json", {"anchordiff_version": __version__, **told, **settings})


def write_arrays(path: Path, **arrays: torch.Tensor) -> None:
    """Write tensors as a compressed .npz file, atomically."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **{n: v.cpu().numpy() for n, v in arrays.items()})
    write_whole(path, buffer.getvalue())


def show_table(rows: Mapping[str, str]) -> None:
    """Print names and values in two columns."""
    width = max(map(len, rows))
    sys.stdout.write("".join(f"{name:<{width}}  {value}\n" for name, value in rows.items()))


def _is_kept(path: Path) -> bool:
    """Whether a file or folder of that name is a part of a model or a run: flags are in a config.json too."""
    if path.name == TRAINING:
        return path.is_dir()
    if path.name != CONFIG or not path.is_file():
        return path.is_file()
    try:
        return CLASS_NAME in read_json(path)
    except CorruptFileError:
        return False


def _plain(value: object) -> object:
    """A flag's value in JSON's terms."""
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
