"""One network in a folder: config.json and model.safetensors.

Files are written under another name and renamed when they are whole; weights come first, so that a
config.json never stands beside weights that are not there yet. It holds the weights' digest, so that a file that was
damaged, or belongs to another save, is not taken for them.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from anchordiff.configs import config_from_json, config_to_json
from anchordiff.errors import DAMAGE, CorruptFileError
from anchordiff.files import write_json, write_whole
from anchordiff.hub.layout import (
    CLASS_NAME,
    CONFIG,
    DIGESTS,
    VERSION,
    WEIGHTS,
    digests_of,
    read_json,
    read_verified,
)
from anchordiff.hub.registry import config_class, find_class

_STORED: Final = (torch.float16, torch.bfloat16, torch.float32)


def save_model(model: nn.Module, folder: Path, *, dtype: torch.dtype | None = None) -> None:
    """Write a network's config and weights.

    Raises:
        ValueError: if the class is not registered, the config cannot be written as JSON, the network is not what its
            config makes, or a weight is not finite in `dtype`.
    """
    name = check_saveable(model)
    check_is_of_config(model)
    data = {**header(name), **config_to_json(model.config)}
    weights = {key: _stored(key, value, dtype) for key, value in model.state_dict().items()}
    write_whole(folder / WEIGHTS, save(weights, metadata={"format": "pt"}))
    write_json(folder / CONFIG, {**data, DIGESTS: digests_of(folder, [WEIGHTS])})


def check_is_of_config(model: nn.Module) -> None:
    """Refuse a network that its config would not make again.

    Raises:
        ValueError: says what differs: a part, a weight's shape or an attribute.
    """
    with torch.random.fork_rng(devices=[]):
        twin: nn.Module = type(model)(model.config)
    theirs = dict(twin.named_modules())
    for name, part in model.named_modules():
        if type(theirs.get(name)) is not type(part):
            found = type(theirs[name]).__name__ if name in theirs else "nothing"
            raise ValueError(
                f"{name} must be what the config makes, which is {found}, found {type(part).__name__}"
            )
        for key, value in vars(part).items():
            if not (key.startswith("_") or key == "training") and _differs(
                value, getattr(theirs[name], key, None)
            ):
                raise ValueError(
                    f"{f'{name}.' if name else ''}{key} must be what the config makes, "
                    f"{getattr(theirs[name], key, None)!r}, found {value!r}"
                )
    problems = _misfits(twin.state_dict(), model.state_dict())
    if problems:
        raise ValueError(f"model must be what its config makes: {problems[0]}")


def _differs(value: object, expected: object) -> bool:
    """Whether a plain attribute is another one; objects that are compared by identity are so by what they hold."""
    if type(value) is not type(expected):
        return True
    if isinstance(value, Tensor):
        return not (isinstance(expected, Tensor) and value.shape == expected.shape)
    if callable(value) and not hasattr(value, "__dict__"):
        return value is not expected
    if type(value).__eq__ is object.__eq__:
        mine, others = getattr(value, "__dict__", {}), getattr(expected, "__dict__", {})
        return mine.keys() != others.keys() or any(_differs(mine[key], others[key]) for key in mine)
    return bool(value != expected)


def load_model(folder: Path, *, digests: Mapping[str, str] | None = None) -> nn.Module:
    """Build the network that a folder holds, on the CPU in float32 and in evaluation mode.

    Args:
        folder: with config.json and model.safetensors.
        digests: their SHA-256 by name, where an index tells it.

    Raises:
        FileNotFoundError: if config.json or model.safetensors is missing.
        CorruptFileError: if they do not fit this version's classes or each other; the message names what
            does not.
    """
    data = read_json(folder / CONFIG, name=CONFIG, digests=digests)
    cls = class_of(data, folder / CONFIG)
    if not issubclass(cls, nn.Module):
        raise CorruptFileError(f"{folder / CONFIG}: {cls.__name__} is not a network")
    config = parse_config(cls, data, folder / CONFIG)
    if digests is None or WEIGHTS not in digests:
        digests = data.get(DIGESTS)
    weights = _read_weights(folder / WEIGHTS, digests)
    # First weights are overwritten, so they must not cost the caller's random state.
    with torch.random.fork_rng(devices=[]), _in_float32(), _no_larger_than(weights):
        try:
            model: nn.Module = cls(config)
        except DAMAGE as error:
            raise CorruptFileError(f"{folder / CONFIG} does not fit {WEIGHTS}: {error}") from error
    if (upgrade := getattr(model, "upgrade_weights", None)) is not None:
        weights = upgrade(weights)
    _check_weights(model.state_dict(), weights, folder / WEIGHTS)
    model.load_state_dict(weights)
    return model.eval()


@contextmanager
def _in_float32() -> Iterator[None]:
    """Weights are float32, whatever the caller's default is."""
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(default)


@contextmanager
def _no_larger_than(weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Refuse a network while it is made, as soon as it has clearly more parameters than a file has weights.

    Memory of a parameter is asked for but not touched before it is registered, so that absurd sizes cost nothing.
    """
    # Twice as many, and some: weights of an earlier version may be padded.
    most, largest = 2 * len(weights) + 100, 2 * sum(map(Tensor.numel, weights.values())) + 1_000_000
    count = size = 0

    def look(_module: nn.Module, _name: str, parameter: nn.Parameter | None) -> None:
        nonlocal count, size
        count += 1
        size += 0 if parameter is None else parameter.numel()
        if count > most or size > largest:
            raise ValueError(f"config asks for more than the {len(weights)} weights that are there")

    handle = register_module_parameter_registration_hook(look)
    try:
        yield
    finally:
        handle.remove()


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
    fields = {key: value for key, value in data.items() if key not in (CLASS_NAME, VERSION, DIGESTS)}
    try:
        return config_from_json(config_class(cls), fields)
    except ValueError as error:
        written = data.get(VERSION, "an unknown version")
        raise CorruptFileError(f"{path} (written by anchordiff {written}): {error}") from error


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


def _read_weights(path: Path, digests: object) -> dict[str, Tensor]:
    content = read_verified(path, path.name, digests)
    try:
        return load(content)
    except (SafetensorError, *DAMAGE) as error:
        raise CorruptFileError(f"{path} is not a whole safetensors file: {error}") from error


def _check_weights(expected: Mapping[str, Tensor], found: Mapping[str, Tensor], path: Path) -> None:
    """Compare names, shapes and dtypes, and look for NaN; every problem is named (the first few of many)."""
    problems = _misfits(expected, found)
    problems += [
        f"{name} must be finite, found NaN or infinity"
        for name, value in found.items()
        if name in expected and value.is_floating_point() and not bool(torch.isfinite(value).all())
    ]
    if problems:
        more = f"; and {len(problems) - 8} more" if len(problems) > 8 else ""
        raise CorruptFileError(f"{path}: {'; '.join(problems[:8])}{more}")


def _misfits(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    """Names, shapes and dtypes that differ."""
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
    return problems
