"""Frozen config dataclasses to JSON and back, with nothing lost and nothing guessed.

Dataclasses become objects and tuples arrays; the way back follows the fields' annotations, so that nested
configs and tuples return as what they were.

Example:
    >>> from dataclasses import dataclass, field
    >>> @dataclass(frozen=True, kw_only=True)
    ... class Body:
    ...     sizes: tuple[int, ...] = (64, 128)
    >>> @dataclass(frozen=True, kw_only=True)
    ... class Network:
    ...     body: Body = field(default_factory=Body)
    ...     rate: float | None = None
    >>> data = config_to_json(Network())
    >>> data
    {'body': {'sizes': [64, 128]}, 'rate': None}
    >>> config_from_json(Network, data) == Network()
    True
    >>> config_from_json(Network, {"body": {"size": [1]}})
    Traceback (most recent call last):
    ...
    ValueError: config.body.size is not a field of Body, which has: sizes
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from numbers import Integral, Real
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

Config = TypeVar("Config")
Class = TypeVar("Class", bound=type)
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


def exact(cls: Class) -> Class:
    """Make a frozen dataclass refuse values that its annotations do not allow, when it is made.

    Written below `@dataclass`. Numbers of NumPy become Python's, since they would neither be saved nor compared as
    what they look like; an integer where a real number is asked for becomes one. Fields of other classes are looked
    at by `isinstance`; what is no class (callables, type variables) is let through.

    Example:
        >>> from dataclasses import dataclass
        >>> import numpy as np
        >>> @dataclass(frozen=True, kw_only=True)
        ... @exact
        ... class Rate:
        ...     start: float = 0.1
        ...     steps: int = 100
        >>> Rate(start=np.float64(0.5), steps=np.int64(3))
        Rate(start=0.5, steps=3)
        >>> Rate(steps=2.5)
        Traceback (most recent call last):
        ...
        ValueError: steps must be an integer, found 2.5
    """
    rules: Callable[[Any], None] | None = cls.__dict__.get("__post_init__")

    def check(self: Any) -> None:  # noqa: ANN401
        for name, hint in _hints(cls).items():
            value = getattr(self, name)
            found = _exact(hint, value)
            if found is _UNFIT:
                raise ValueError(f"{name} must be {_told(hint)}, found {value!r}")
            if found is not value:
                object.__setattr__(self, name, found)
        if rules is not None:
            rules(self)

    cls.__post_init__ = check  # type: ignore[attr-defined]
    return cls


def config_to_json(config: object) -> dict[str, Json]:
    """Turn a dataclass into what `json.dumps` takes.

    Raises:
        ValueError: if a field holds what JSON cannot (or a number that is not finite).
    """
    if not is_dataclass(config) or isinstance(config, type):
        raise ValueError(f"config must be an instance of a dataclass, found {config!r}")
    return {f.name: _to_json(getattr(config, f.name), f"config.{f.name}") for f in fields(config)}


def config_from_json(cls: type[Config], data: Mapping[str, object], *, where: str = "config") -> Config:
    """Build a dataclass from what `config_to_json` made of one.

    A field that `data` leaves out takes its default: configs written before the field existed stay readable. What
    changed otherwise a dataclass may put right itself, by a static method `upgrade(data) -> data`. A family of configs
    is annotated by its base, whose class method `resolve(data)` gives the class that `data` is of.

    Args:
        cls: the dataclass.
        data: the parsed JSON object.
        where: how messages call `data`.

    Raises:
        ValueError: if `data` holds an unknown key, lacks a field without a default, or a value does not
            fit its annotation; the message names the key.
    """
    if not is_dataclass(cls):
        raise ValueError(f"cls must be a dataclass, found {cls!r}")
    if (resolve := getattr(cls, "resolve", None)) is not None:
        cls = resolve(data)
    if (upgrade := getattr(cls, "upgrade", None)) is not None:
        data = upgrade(data)
    hints = get_type_hints(cls)
    known = [f.name for f in fields(cls) if f.init]  # type: ignore[arg-type]
    for key in data:
        if key not in known:
            raise ValueError(f"{where}.{key} is not a field of {cls.__name__}, which has: {', '.join(known)}")
    values = {key: _from_json(hints[key], value, f"{where}.{key}") for key, value in data.items()}
    try:
        config: Config = cls(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} is no {cls.__name__}: {error}") from error
    return config


def differences(saved: Mapping[str, Any], given: Mapping[str, Any], *, prefix: str = "") -> list[str]:
    """Name the entries in which two nested configs differ, one "name=new (saved: old)" each.

    Example:
        >>> differences({"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "c": 2}})
        ['a.b=3 (saved: 1)']
    """
    found = []
    for name in dict.fromkeys([*saved, *given]):
        old, new = saved.get(name, "nothing"), given.get(name, "nothing")
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, prefix=f"{prefix}{name}.")
        elif _plain(old) != _plain(new):
            found.append(f"{prefix}{name}={new!r} (saved: {old!r})")
    return found


@cache
def _hints(cls: type) -> dict[str, Any]:
    hints = get_type_hints(cls)
    return {f.name: hints[f.name] for f in fields(cls)}


_UNFIT = object()


def _exact(hint: Any, value: Any) -> Any:  # noqa: ANN401
    """The value as `hint` means it, or `_UNFIT`."""
    origin, choices = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        fits = (
            _exact(choice, value) for choice in sorted(choices, key=lambda choice: type(value) is not choice)
        )
        return next((fit for fit in fits if fit is not _UNFIT), _UNFIT)
    if origin is Literal:
        return value if any(isinstance(value, type(c)) and value == c for c in choices) else _UNFIT
    if hint in (None, NoneType):
        return None if value is None else _UNFIT
    if hint is bool:
        return bool(value) if isinstance(value, bool | np.bool_) else _UNFIT
    if hint is int or hint is float:
        kind = Integral if hint is int else Real
        if not isinstance(value, kind) or isinstance(value, bool):
            return _UNFIT
        number: Any = value
        return number if type(number) is hint else hint(number)
    if origin in (tuple, list):
        return _exact_items(origin, choices, value)
    kind = origin or hint
    if kind is Callable:  # its own rule says what it is a function of
        return value
    return value if not isinstance(kind, type) or isinstance(value, kind) else _UNFIT


def _exact_items(kind: type, hints: tuple[Any, ...], value: object) -> object:
    if not isinstance(value, kind):
        return _UNFIT
    if kind is list or (len(hints) == 2 and hints[1] is Ellipsis):
        hints = (hints[0],) * len(value)  # type: ignore[arg-type]
    if len(hints) != len(value):  # type: ignore[arg-type]
        return _UNFIT
    items = [_exact(hint, item) for hint, item in zip(hints, value, strict=True)]  # type: ignore[call-overload]
    if any(item is _UNFIT for item in items):
        return _UNFIT
    same = all(item is old for item, old in zip(items, value, strict=True))  # type: ignore[call-overload]
    return value if same else kind(items)


def _told(hint: Any) -> str:  # noqa: ANN401
    """What an annotation asks for, in words."""
    words = {bool: "True or False", int: "an integer", float: "a number", str: "a text", NoneType: "None"}
    origin, choices = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(map(_told, choices))
    if origin is Literal:
        return f"one of {', '.join(map(repr, choices))}"
    if origin is tuple:
        every = len(choices) == 2 and choices[1] is Ellipsis
        inner = f"each {_told(choices[0])}" if every else ", ".join(map(_told, choices))
        return f"a tuple ({inner})"
    if hint in words:
        return words[hint]
    return f"a {getattr(origin or hint, '__name__', hint)}"


def _to_json(value: object, where: str) -> Json:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):  # NumPy's, too
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{where} must be finite, found {value}")
        return value
    if isinstance(value, list | tuple):
        return [_to_json(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _to_json(item, f"{where}.{key}") for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _to_json(getattr(value, f.name), f"{where}.{f.name}") for f in fields(value)}
    raise ValueError(f"{where} must be something that JSON can hold, found {type(value).__name__}")


def _from_json(hint: Any, value: Any, where: str) -> Any:  # noqa: ANN401
    origin, choices = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _first_fit(choices, value, where)
    if origin is Literal:
        if any(value == choice and type(value) is type(choice) for choice in choices):
            return value
        raise ValueError(f"{where} must be one of {', '.join(map(repr, choices))}, found {value!r}")
    if is_dataclass(hint) and isinstance(value, dict):
        return config_from_json(hint, value, where=where)  # type: ignore[arg-type]
    if origin in (tuple, list) and isinstance(value, list):
        return _sequence(origin, choices, value, where)
    if origin is dict and isinstance(value, dict):
        return {key: _from_json(choices[1], item, f"{where}.{key}") for key, item in value.items()}
    if hint in (None, NoneType) and value is None:
        return None
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint in (bool, int, str) and type(value) is hint:
        return value
    raise ValueError(f"{where} must be {getattr(hint, '__name__', hint)}, found {value!r}")


def _first_fit(choices: tuple[Any, ...], value: object, where: str) -> object:
    reasons = []
    # Exact types first, so that an int stays an int in `float | int`.
    for choice in sorted(choices, key=lambda choice: type(value) is not choice):
        try:
            return _from_json(choice, value, where)
        except ValueError as error:
            reasons.append(str(error))
    raise ValueError("; ".join(reasons))


def _sequence(kind: type, parts: tuple[Any, ...], value: list[object], where: str) -> object:
    if kind is tuple and not (len(parts) == 2 and parts[1] is Ellipsis):
        if len(parts) != len(value):
            raise ValueError(f"{where} must have {len(parts)} entries, found {len(value)}")
    else:
        parts = (parts[0],) * len(value)
    items = zip(parts, value, strict=True)
    return kind(_from_json(hint, item, f"{where}[{i}]") for i, (hint, item) in enumerate(items))


def _plain(value: object) -> object:
    """Tuples as lists, as they come back from JSON."""
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
