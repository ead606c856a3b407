"""The hub's three verbs."""

import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypedDict, TypeVar, overload

import torch
from torch import nn

from anchordiff.configs import config_to_json
from anchordiff.errors import CorruptFileError
from anchordiff.files import locked, write_json, write_whole
from anchordiff.hub.card import CARD, make_card
from anchordiff.hub.folders import (
    check_saveable,
    class_of,
    header,
    load_model,
    move_files,
    parse_config,
    save_model,
)
from anchordiff.hub.layout import CLASS_NAME, CONFIG, DIGESTS, INDEX, VERSION, WEIGHTS, digests_of, read_json
from anchordiff.hub.registry import Composite
from anchordiff.hub.sources import locate

Kind = TypeVar("Kind")
_COMPONENTS = "components"
_PIPELINE_CONFIG = "config"
_NOT_PUSHED = (".*", "checkpoints", "tensorboard", "__pycache__")
_SAVING = ".saving-"
_WAIT = 60.0
_TRIES, _PAUSE = 40, 0.05


class PushOptions(TypedDict, total=False):
    """Options of `push_to_hub`; see there."""

    revision: str | None
    token: str | bool | None
    private: bool | None
    message: str
    card: str | None
    folder: str | Path | None
    dtype: torch.dtype | None


def save_pretrained(
    thing: nn.Module | Composite, folder: str | Path, *, dtype: torch.dtype | None = None
) -> Path:
    """Write a network or a pipeline into a folder, which is made if needed; other files in it stay.

    Each file is whole or not there. A save that fails leaves an older one in the folder as it was; one that is killed
    leaves it, the new one, or a folder that cannot be loaded. Digests tell files of two saves apart, and processes that
    save into one folder wait for each other. A folder without a README.md gets a model card.

    Args:
        thing: a network with a `config`, or a pipeline.
        folder: where to.
        dtype: how floating-point weights are stored: float32 (default), float16 or bfloat16. They are float32
            again when loaded.

    Returns:
        The folder.

    Raises:
        ValueError: if `thing` could not be loaded again (unregistered class, a config that JSON cannot
            hold, parts that its config does not make, weights that are not finite in `dtype`), or `folder` holds a
            pipeline and `thing` is a network, or the other way round.
        FolderInUseError: if another process saves into the folder for a minute.
    """
    folder = Path(folder)
    _check_kind(thing, folder)
    with locked(folder, wait=_WAIT):
        for leftover in folder.glob(f"{_SAVING}*"):
            shutil.rmtree(leftover)
        with tempfile.TemporaryDirectory(prefix=_SAVING, dir=folder) as scratch:
            _write(thing, Path(scratch), dtype)
            if not (folder / CARD).exists():
                write_whole(Path(scratch) / CARD, make_card(thing).encode())
            move_files(Path(scratch), folder)
    return folder


def _check_kind(thing: nn.Module | Composite, folder: Path) -> None:
    """Refuse to save a network where a pipeline would be loaded again, and the other way round."""
    name, what = (INDEX, "pipeline") if isinstance(thing, nn.Module) else (CONFIG, "network")
    path = folder / name
    if path.is_file() and CLASS_NAME in read_json(path):
        raise ValueError(f"folder must not hold a {what} for a {type(thing).__name__}, found {path}")


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
    seal(folder, index)


def seal(folder: Path, index: Mapping[str, Any]) -> None:
    """Write a pipeline's index with the digests of its components' files."""
    parts = [f"{name}/{file}" for name in index[_COMPONENTS] for file in (CONFIG, WEIGHTS)]
    write_json(folder / INDEX, {**index, DIGESTS: digests_of(folder, parts)})


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
        CorruptFileError: if a file does not hold what this version can read, is not the one that was saved, or holds
            weights that are not finite; the message names the file and the keys or weights.
        DownloadError: if a download broke off.
    """
    folder = locate(
        source, revision=revision, token=token, cache_dir=cache_dir, local_files_only=local_files_only,
        subfolder=subfolder,
    )  # fmt: skip
    loaded = _load_steady(folder)
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
    folder: str | Path | None = None,
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
        card: text of README.md; if left out, the one in `folder` or the one in the repository stays, and a repository
            without one gets a model card.
        folder: where the thing was saved or trained before: what else lies there is uploaded, too (training logs,
            tables, pictures), but neither checkpoints nor hidden files.
        dtype: as for `save_pretrained`.

    Returns:
        The commit's id.
    """
    from huggingface_hub import HfApi

    from anchordiff.version import __version__

    api = HfApi(token=token, library_name="anchordiff", library_version=__version__)
    with tempfile.TemporaryDirectory() as scratch:
        whole = Path(scratch)
        if folder is not None:
            shutil.copytree(folder, whole, ignore=shutil.ignore_patterns(*_NOT_PUSHED), dirs_exist_ok=True)
        save_pretrained(thing, whole, dtype=dtype)
        api.create_repo(repo_id, private=private, exist_ok=True)
        if revision is not None:
            api.create_branch(repo_id, branch=revision, exist_ok=True)
        if card is not None:
            write_whole(whole / CARD, card.encode())
        elif folder is None and api.file_exists(repo_id, CARD, revision=revision):
            (whole / CARD).unlink()
        commit = api.upload_folder(
            repo_id=repo_id, folder_path=whole, revision=revision, commit_message=message
        )
    return commit.oid


def _load_steady(folder: Path) -> nn.Module | Composite:
    """Load a folder; where another process is saving into it, again until nothing changed meanwhile."""
    tries = 0
    while True:
        before = _stamp(folder)
        try:
            return _load(folder)
        except (CorruptFileError, FileNotFoundError):
            tries += 1
            if tries == _TRIES or (_stamp(folder) == before and not any(folder.glob(f"{_SAVING}*"))):
                raise
            time.sleep(_PAUSE)


def _stamp(folder: Path) -> list[bytes | None]:
    return [path.read_bytes() if (path := folder / name).is_file() else None for name in (INDEX, CONFIG)]


def _load(folder: Path) -> nn.Module | Composite:
    if (folder / INDEX).is_file():
        return _load_composite(folder)
    if (folder / CONFIG).exists():
        if _is_run(folder):
            raise ValueError(
                f"{folder} holds a training run, not a saved model: after training, write the model by "
                f"save_pretrained(model, other_folder); its weights are in {folder / 'weights.safetensors'} when the "
                "run is finished, for load_state_dict"
            )
        return load_model(folder)
    raise FileNotFoundError(f"{folder} must hold {INDEX} (a pipeline) or {CONFIG} (a network), found neither")


def _is_run(folder: Path) -> bool:
    """Whether `fit` wrote a folder's config.json, which tells the settings of a run and no class."""
    data = read_json(folder / CONFIG)
    return "train" in data and CLASS_NAME not in data


def _load_composite(folder: Path) -> Composite:
    path = folder / INDEX
    index = read_json(path)
    cls = class_of(index, path)
    if issubclass(cls, nn.Module):
        raise CorruptFileError(f"{path}: {cls.__name__} is not a pipeline")
    if unknown := index.keys() - {CLASS_NAME, VERSION, DIGESTS, _PIPELINE_CONFIG, _COMPONENTS}:
        raise CorruptFileError(f"{path}: {min(unknown)} is not a key of {INDEX}")
    fields = index.get(_PIPELINE_CONFIG, {})
    if not isinstance(fields, dict):
        raise CorruptFileError(f"{path}: {_PIPELINE_CONFIG} must be an object, found {fields!r}")
    config = parse_config(cls, {VERSION: index.get(VERSION), **fields}, path)
    components = index.get(_COMPONENTS)
    if not isinstance(components, dict) or not all(name.isidentifier() for name in components):
        raise CorruptFileError(f"{path}: {_COMPONENTS} must map names to classes, found {components!r}")
    digests = index.get(DIGESTS)
    if not (digests is None or isinstance(digests, dict)):
        raise CorruptFileError(f"{path}: {DIGESTS} must map files to digests, found {digests!r}")
    models = {}
    for name, class_name in components.items():
        models[name] = load_model(folder / name, digests=_own(digests, name))
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


def _own(digests: Mapping[str, str] | None, name: str) -> dict[str, str] | None:
    """The digests of one component's files."""
    if digests is None:
        return None
    start = f"{name}/"
    return {file.removeprefix(start): digest for file, digest in digests.items() if file.startswith(start)}
