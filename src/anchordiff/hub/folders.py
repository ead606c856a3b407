"""One network in a folder: config.json and model.safetensors.

Files are written under another name and renamed when they are whole; weights come first, so that a
config.json never stands beside weights that are not there yet.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from anchordiff.configs import config_from_json, config_to_json
from anchordiff.errors import CorruptFileError
from anchordiff.files import write_json, write_whole
from anchordiff.hub.registry import config_class, find_class

CONFIG: Final = "config.json"
WEIGHTS: Final = "model.safetensors"
CLASS_NAME: Final = "_class_name"
VERSION: Final = "anchordiff_version"
_STORED: Final = (torch.float16, torch.bfloat16, torch.float32)


def save_model(model: nn.Module, folder: Path, *, dtype: torch.dtype | None = None) -> None:
    """Write a network's config and weights.

    Raises:
        ValueError: if the class is not registered, the config cannot be written as JSON, or a weight is
            not finite in `dtype`.
    """
    name = check_saveable(model)
    data = {**header(name), **config_to_json(model.config)}
    weights = {key: _stored(key, value, dtype) for key, value in model.state_dict().items()}
    write_whole(folder / WEIGHTS, save(weights, metadata={"format": "pt"}))
    write_json(folder / CONFIG, data)


def load_model(folder: Path) -> nn.Module:
    """Build the network that a folder holds, on the CPU in float32 and in evaluation mode.

    Raises:
        FileNotFoundError: if config.json or model.safetensors is missing.
        CorruptFileError: if they do not fit this version's classes or each other; the message names what
            does not.
    """
    data = read_json(folder / CONFIG)
    cls = class_of(data, folder / CONFIG)
    if not issubclass(cls, nn.Module):
        raise CorruptFileError(f"{folder / CONFIG}: {cls.__name__} is not a network")
    config = parse_config(cls, data, folder / CONFIG)
    # First weights are overwritten, so they must not cost the caller's random state.
    with torch.random.fork_rng(devices=[]):
        model: nn.Module = cls(config)
    weights = _read_weights(folder / WEIGHTS)
    if (upgrade := getattr(model, "upgrade_weights", None)) is not None:
        weights = upgrade(weights)
    _check_weights(model.state_dict(), weights, folder / WEIGHTS)
    model.load_state_dict(weights)
    return model.eval()


def move_files(source: Path, target: Path) -> None:
    """Move what a folder holds into another one, over older files of the same names.

    A JSON file that names others is away while they are moved, and the outermost one comes last: whoever reads the
    folder meanwhile, or after a crash, finds a whole old thing, a whole new one, or no thing at all.
    """
    files = [path.relative_to(source) for path in source.rglob("*") if path.is_file()]
    indices = sorted((file for file in files if file.suffix == ".json"), key=lambda file: -len(file.parts))
    for index in reversed(indices):
        (target / index).unlink(missing_ok=True)
    for file in (*(file for file in files if file not in indices), *indices):
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        (source / file).replace(target / file)


def header(name: str) -> dict[str, str]:
    """What every config.json opens with: the class and the version that wrote it."""
    from anchordiff.version import __version__

    return {CLASS_NAME: name, VERSION: __version__}


def check_saveable(thing: object) -> str:
    """The registered name of an object's class.

    Raises:
        ValueError: if it could not be loaded again.
    """
    cls = type(thing)
    if find_class(cls.__name__) is not cls:
        raise ValueError(f"class must be the registered {cls.__name__}, found another class of that name")
    return cls.__name__


def class_of(data: Mapping[str, Any], path: Path) -> type[Any]:
    """The class that a parsed config.json or model_index.json names."""
    try:
        return find_class(str(data.get(CLASS_NAME)))
    except ValueError as error:
        raise CorruptFileError(f"{path}: {CLASS_NAME}: {error}") from error


def parse_config(cls: type, data: Mapping[str, Any], path: Path) -> object:
    """The config in a parsed config.json."""
    fields = {key: value for key, value in data.items() if key not in (CLASS_NAME, VERSION)}
    try:
        return config_from_json(config_class(cls), fields)
    except ValueError as error:
        written = data.get(VERSION, "an unknown version")
        raise CorruptFileError(f"{path} (written by anchordiff {written}): {error}") from error


def read_json(path: Path) -> dict[str, Any]:
    """Parse a JSON object.

    Raises:
        FileNotFoundError: if the file is missing.
        CorruptFileError: if it holds no JSON object.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise CorruptFileError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise CorruptFileError(f"{path} must hold a JSON object, found {type(data).__name__}")
    return data


def _stored(name: str, value: Tensor, dtype: torch.dtype | None) -> Tensor:
    if dtype is not None and dtype not in _STORED:
        raise ValueError(f"dtype must be one of {', '.join(map(str, _STORED))}, found {dtype}")
    value = value.detach().cpu()
    if not value.is_floating_point():
        return value.contiguous()
    stored = value.to(dtype or torch.float32)
    if not bool(torch.isfinite(stored).all()):
        raise ValueError(f"{name} must be finite in {stored.dtype}, found NaN or infinity")
    # A copy of its own: safetensors refuses tensors that share memory.
    return stored.clone(memory_format=torch.contiguous_format)


def _read_weights(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise CorruptFileError(f"{path} is not a whole safetensors file: {error}") from error


def _check_weights(expected: Mapping[str, Tensor], found: Mapping[str, Tensor], path: Path) -> None:
    """Compare names, shapes and dtypes, and look for NaN; every problem is named (the first few of many)."""
    problems = [f"{name} is missing" for name in expected if name not in found]
    problems += [f"{name} is not a weight of the network" for name in found if name not in expected]
    for name, value in found.items():
        if name not in expected:
            continue
        want = expected[name]
        if want.shape != value.shape:
            problems.append(f"{name} must have the shape {tuple(want.shape)}, found {tuple(value.shape)}")
        elif value.dtype != want.dtype and not (want.is_floating_point() and value.dtype in _STORED):
            problems.append(f"{name} must be {want.dtype}, found {value.dtype}")
        elif value.is_floating_point() and not bool(torch.isfinite(value).all()):
            problems.append(f"{name} must be finite, found NaN or infinity")
    if problems:
        more = f"; and {len(problems) - 8} more" if len(problems) > 8 else ""
        raise CorruptFileError(f"{path}: {'; '.join(problems[:8])}{more}")
