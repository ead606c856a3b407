"""Minari and its folder of data sets."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from anchordiff.errors import MissingExtraError

_VARIABLE: Final = "MINARI_DATASETS_PATH"


def import_minari() -> Any:  # noqa: ANN401
    """Minari with its HDF5 storage.

    Raises:
        MissingExtraError: if it, h5py or Pillow is not installed.
    """
    try:
        import h5py  # noqa: F401
        import minari
        import PIL  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "minari", "pointmaze") from error
    return minari


def find_root(root: str | Path | None) -> Path:
    """The folder of data sets: the given one, or Minari's own."""
    if root is not None:
        return Path(root).absolute()
    found: Path = import_minari().storage.get_dataset_path()
    return found.absolute()


@contextmanager
def minari_root(root: Path) -> Iterator[None]:
    """Let Minari, which reads an environment variable, work in a folder."""
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = str(root)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before


def check_id(dataset_id: str) -> None:
    """Refuse what Minari would not take as an id.

    Raises:
        ValueError: if it is not of Minari's form, with a version.
    """
    match = import_minari().dataset.minari_dataset.DATASET_ID_RE.fullmatch(dataset_id)
    if match is None or match["version"] is None:
        raise ValueError(f"dataset_id must have the form namespace/name-v0, found {dataset_id!r}")


def add_namespace(root: Path, dataset_id: str) -> None:
    """Make an id's namespace known in a folder of data sets, where it is not."""
    minari = import_minari()
    namespace = minari.dataset.minari_dataset.parse_dataset_id(dataset_id)[0]
    with minari_root(root):
        if namespace is not None and namespace not in minari.namespace.list_local_namespaces():
            minari.namespace.create_namespace(namespace)
