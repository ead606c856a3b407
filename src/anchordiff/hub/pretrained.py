"""The hub's three verbs."""

import tempfile
from pathlib import Path
from typing import Any, TypedDict, TypeVar, overload

import torch
from torch import nn

from anchordiff.configs import config_to_json
from anchordiff.errors import CorruptFileError
from anchordiff.files import write_json, write_whole
from anchordiff.hub.folders import (
    CLASS_NAME,
    CONFIG,
    VERSION,
    check_saveable,
    class_of,
    header,
    load_model,
    move_files,
    parse_config,
    read_json,
    save_model,
)
from anchordiff.hub.registry import Composite
from anchordiff.hub.sources import INDEX, locate

Kind = TypeVar("Kind")
_COMPONENTS = "components"
_PIPELINE_CONFIG = "config"


class PushOptions(TypedDict, total=False):
    """Options of `push_to_hub`; see there."""

    revision: str | None
    token: str | bool | None
    private: bool | None
    message: str
    card: str | None
    dtype: torch.dtype | None


def save_pretrained(
    thing: nn.Module | Composite, folder: str | Path, *, dtype: torch.dtype | None = None
) -> Path:
    """Write a network or a pipeline into a folder, which is made if needed; other files in it stay.

    Each file is whole or not there. A save that fails leaves an older one in the folder as it was; one that is killed
    leaves it, the new one, or a folder that cannot be loaded, but never files of both.

    Args:
        thing: a network with a `config`, or a pipeline.
        folder: where to.
        dtype: how floating-point weights are stored: float32 (default), float16 or bfloat16. They are float32
            again when loaded.

    Returns:
        The folder.

    Raises:
        ValueError: if `thing` could not be loaded again (unregistered class, a config that JSON cannot
            hold, weights that are not finite in `dtype`).
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".saving-", dir=folder) as scratch:
        _write(thing, Path(scratch), dtype)
        move_files(Path(scratch), folder)
    return folder


def _write(thing: nn.Module | Composite, folder: Path, dtype: torch.dtype | None) -> None:
    if isinstance(thing, nn.Module):
        save_model(thing, folder, dtype=dtype)
        return
    index = header(check_saveable(thing)) | {
        _PIPELINE_CONFIG: config_to_json(thing.config),
        _COMPONENTS: {name: check_saveable(model) for name, model in thing.components.items()},
    }
    for name, model in thing.components.items():
        save_model(model, folder / name, dtype=dtype)
    write_json(folder / INDEX, index)


@overload
def from_pretrained(
    source: str | Path,
    kind: type[Kind],
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    subfolder: str | None = None,
) -> Kind: ...


@overload
def from_pretrained(
    source: str | Path,
    kind: None = None,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    subfolder: str | None = None,
) -> Any: ...  # noqa: ANN401


def from_pretrained(
    source: str | Path,
    kind: type[Kind] | None = None,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    subfolder: str | None = None,
) -> Any:
    """Load a network or a pipeline, on the CPU, in float32 and in evaluation mode.

    `source` is looked up in this order:

    1. a name bundled with the package (`bundled_names`); write "./name" or pass a `Path` for a folder of
       that name;
    2. a folder;
    3. an id "org/repo" of the Hub, downloaded as one snapshot of one commit.

    Args:
        source: what to load.
        kind: the class that is expected, for example `KeypointDiffusion`.
        revision: branch, tag or commit, for a Hub id.
        token: as in huggingface_hub: a token, True for the stored one, False for none.
        cache_dir: where snapshots are kept.
        local_files_only: take the snapshot from the cache, without a connection.
        subfolder: a folder inside `source`: "keypoints" loads stage 1 of a pipeline alone.

    Raises:
        ValueError: if `source` is nothing of the three, or holds another class than `kind`.
        FileNotFoundError: if a folder or a file in it is missing.
        CorruptFileError: if a file does not hold what this version can read, or holds weights that are not finite;
            the message names the file and the keys or weights.
    """
    folder = locate(
        source, revision=revision, token=token, cache_dir=cache_dir, local_files_only=local_files_only,
        subfolder=subfolder,
    )  # fmt: skip
    loaded = _load(folder)
    if kind is not None and not isinstance(loaded, kind):
        raise ValueError(
            f"source must hold something of class {kind.__name__}, found {type(loaded).__name__} in {folder}"
        )
    return loaded


def push_to_hub(
    thing: nn.Module | Composite,
    repo_id: str,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    private: bool | None = None,
    message: str = "Upload with anchordiff",
    card: str | None = None,
    dtype: torch.dtype | None = None,
) -> str:
    """Upload a network or a pipeline to the Hub in one commit; the repository is made if needed.

    Args:
        thing: as for `save_pretrained`.
        repo_id: "org/repo".
        revision: branch to commit to, made if needed; the main one if left out.
        token: as in huggingface_hub.
        private: whether a new repository is private; the organisation's default if left out.
        message: of the commit.
        card: text of README.md; the one in the repository stays if left out.
        dtype: as for `save_pretrained`.

    Returns:
        The commit's id.
    """
    from huggingface_hub import HfApi

    from anchordiff.version import __version__

    api = HfApi(token=token, library_name="anchordiff", library_version=__version__)
    with tempfile.TemporaryDirectory() as folder:
        save_pretrained(thing, folder, dtype=dtype)
        if card is not None:
            write_whole(Path(folder) / "README.md", card.encode())
        api.create_repo(repo_id, private=private, exist_ok=True)
        if revision is not None:
            api.create_branch(repo_id, branch=revision, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo_id, folder_path=folder, revision=revision, commit_message=message
        )
    return commit.oid


def _load(folder: Path) -> nn.Module | Composite:
    if (folder / INDEX).is_file():
        return _load_composite(folder)
    if (folder / CONFIG).is_file():
        return load_model(folder)
    raise FileNotFoundError(f"{folder} must hold {INDEX} (a pipeline) or {CONFIG} (a network), found neither")


def _load_composite(folder: Path) -> Composite:
    path = folder / INDEX
    index = read_json(path)
    cls = class_of(index, path)
    if issubclass(cls, nn.Module):
        raise CorruptFileError(f"{path}: {cls.__name__} is not a pipeline")
    if unknown := index.keys() - {CLASS_NAME, VERSION, _PIPELINE_CONFIG, _COMPONENTS}:
        raise CorruptFileError(f"{path}: {min(unknown)} is not a key of {INDEX}")
    fields = index.get(_PIPELINE_CONFIG, {})
    if not isinstance(fields, dict):
        raise CorruptFileError(f"{path}: {_PIPELINE_CONFIG} must be an object, found {fields!r}")
    config = parse_config(cls, {VERSION: index.get(VERSION), **fields}, path)
    components = index.get(_COMPONENTS)
    if not isinstance(components, dict) or not all(name.isidentifier() for name in components):
        raise CorruptFileError(f"{path}: {_COMPONENTS} must map names to classes, found {components!r}")
    models = {}
    for name, class_name in components.items():
        models[name] = load_model(folder / name)
        if type(models[name]).__name__ != class_name:
            raise CorruptFileError(
                f"{folder / name / CONFIG} must hold the {class_name} that {INDEX} names, "
                f"found {type(models[name]).__name__}"
            )
    try:
        pipeline: Composite = cls(**models, config=config)
    except (TypeError, ValueError) as error:
        raise CorruptFileError(f"{path}: {error}") from error
    return pipeline
