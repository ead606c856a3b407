"""What installed packages add: looked up by entry point, so that no room needs to know a higher one.

A package that has a domain or a network of its own names it in its `pyproject.toml`:

    [project.entry-points."anchordiff.domains"]
    kitchen = "my_package.kitchen:DOMAIN"
    [project.entry-points."anchordiff.classes"]
    KitchenDenoiser = "my_package.networks:KitchenDenoiser"

anchordiff's own domains and classes are found in the same way.
"""

from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final

DOMAINS: Final = "anchordiff.domains"
"""Entry points whose names are domains, and whose values are `Domain` objects."""

CLASSES: Final = "anchordiff.classes"
"""Entry points whose names are those of classes in saved folders, and whose values are the classes."""


def names(group: str) -> tuple[str, ...]:
    """What installed packages offer in a group.

    Example:
        >>> "maze" in names(DOMAINS)
        True
    """
    return tuple(_points(group))


def package_of(group: str, name: str) -> str | None:
    """The package that a name's object lives in; none where no installed package offers the name.

    Example:
        >>> package_of(CLASSES, "InterpDenoiser")
        'anchordiff'
    """
    point = _points(group).get(name)
    return None if point is None else point.module.split(".")[0]


def load(group: str, name: str) -> object:
    """Import what a name stands for.

    Raises:
        KeyError: if no installed package offers that name.
    """
    return _points(group)[name].load()


@lru_cache(maxsize=8)
def _points(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=group), key=lambda point: point.name)}
