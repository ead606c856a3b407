"""Class names in saved folders, and the classes they mean.

A model class is built as `cls(config)` and has `.config`; a pipeline class is built as `cls(**components,
config=config)` and has `.config` and `.components`. Its config is a dataclass, named in the annotation of the
parameter `config`. Classes make themselves known by `register` when their module is imported; one that is not
imported yet is found by the entry point of the package that offers it (`anchordiff.plugins`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from typing import Any, Protocol, TypeVar, get_args, get_type_hints

import torch

from anchordiff import plugins

Kind = TypeVar("Kind", bound=type)

_REGISTERED: dict[str, type] = {}


class Composite(Protocol):
    """What the hub needs to know of a pipeline."""

    @property
    def config(self) -> object:
        """Its config, a dataclass."""

    @property
    def components(self) -> Mapping[str, torch.nn.Module]:
        """Its networks by name: the names of folders and of the class's parameters."""


def register(cls: Kind) -> Kind:
    """Make a class of your own known to `from_pretrained`; use it as a decorator.

    Raises:
        ValueError: if another class has the name, or `cls` takes no `config` that is a dataclass.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True, kw_only=True)
        ... class LineConfig:
        ...     width: int = 4
        >>> @register
        ... class Line(torch.nn.Linear):
        ...     def __init__(self, config: LineConfig) -> None:
        ...         super().__init__(config.width, config.width)
        ...         self.config = config
        >>> find_class("Line") is Line
        True
    """
    name = cls.__name__
    config_class(cls)
    # The same class again is one whose definition was run again, as in a notebook.
    other = _REGISTERED.get(name, cls)
    is_another = (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__)
    owner = plugins.package_of(plugins.CLASSES, name)
    if is_another or owner not in (None, cls.__module__.split(".")[0]):
        raise ValueError(f"cls must have a name of its own, found {name!r}, which is taken")
    _REGISTERED[name] = cls
    return cls


def find_class(name: str) -> type[Any]:
    """The class of that name.

    Raises:
        ValueError: if no class has it.
    """
    if name not in _REGISTERED and name in plugins.names(plugins.CLASSES):
        plugins.load(plugins.CLASSES, name)
    if name in _REGISTERED:
        return _REGISTERED[name]
    known = ", ".join(dict.fromkeys([*plugins.names(plugins.CLASSES), *_REGISTERED]))
    raise ValueError(f"class name must be one of {known}, found {name!r}; see anchordiff.hub.register")


def config_class(cls: type) -> type[Any]:
    """The dataclass that `cls` takes as `config`.

    Raises:
        ValueError: if it takes none.
    """
    hint = get_type_hints(cls.__init__).get("config")  # type: ignore[misc]
    for choice in (hint, *get_args(hint)):
        if isinstance(choice, type) and is_dataclass(choice):
            return choice
    raise ValueError(f"{cls.__name__} must take a parameter config annotated with a dataclass, found {hint}")
