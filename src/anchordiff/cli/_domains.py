"""Which domain a command is for, and the flags that the domain brings.

A union of all domains' settings would break nested flags, so `--domain` is read first; the command's class is then made
with the fields of that domain alone.
"""

import sys
from collections.abc import Sequence
from dataclasses import field, make_dataclass
from itertools import pairwise
from typing import Any, Final, TypeVar

from anchordiff.domains.domain import Domain, domain_names, find_domain
from anchordiff.errors import AnchorDiffError
from anchordiff.hub.sources import domain_of

Command = TypeVar("Command")

DEFAULT: Final = "maze"

_FLAG: Final = "--domain"
_PIPELINE: Final = "--pipeline"
# What version 0.1 called things that are a domain's now.
_POINT_MAZE: Final = (("--maze", ("umaze", "medium", "large")), ("--suite", ("maze2d",)))


def take_domain(words: Sequence[str]) -> tuple[str | None, list[str]]:
    """The domain that the words name, and the words without it.

    D4RL's mazes and its suite name their domain themselves, and so does a pipeline that is on this machine.

    Raises:
        ValueError: if `--domain` comes without a name, or twice.

    Example:
        >>> take_domain(["--out", "x", "--domain", "vector"])
        ('vector', ['--out', 'x'])
        >>> take_domain(["--suite", "maze2d", "--maze", "medium"])
        ('pointmaze', ['--maze', 'medium'])
        >>> take_domain(["--pipeline", "moving-shapes"])
        ('video', ['--pipeline', 'moving-shapes'])
    """
    rest: list[str] = []
    found: list[str] = []
    words = list(_renamed(words))
    while words:
        word = words.pop(0)
        if word.startswith(f"{_FLAG}="):
            found.append(word.split("=", 1)[1])
        elif word == _FLAG:
            if not words or words[0].startswith("--"):
                raise ValueError(f"{_FLAG} must be one of {', '.join(domain_names())}, found none")
            found.append(words.pop(0))
        else:
            rest.append(word)
    if len(found) > 1:
        raise ValueError(f"{_FLAG} must be given once, found {', '.join(found)}")
    implied = any(
        word == f"{flag}={value}" or (word == flag and following == value)
        for flag, values in _POINT_MAZE
        for value in values
        for word, following in pairwise([*rest, ""])
    )
    if implied and not found:
        found = ["pointmaze"]
    if not found:
        found = _of_pipeline(rest)
    if found == ["pointmaze"]:
        rest = _without_suite(rest)
    return (found[0] if found else None), rest


def _of_pipeline(words: Sequence[str]) -> list[str]:
    """The domain of the pipeline that the words name, where it tells one that is installed.

    What cannot be read is left for the command, which says what is wrong with it.
    """
    named = [word.split("=", 1)[1] for word in words if word.startswith(f"{_PIPELINE}=")]
    named += [following for word, following in pairwise(words) if word == _PIPELINE]
    try:
        domains = {domain_of(source) for source in named}
    except (AnchorDiffError, OSError, ValueError):
        return []
    return [domain for domain in domains if domain in domain_names()][:1]


def hint(text: str) -> str:
    """A message about a flag, with those of its values that would have named another domain.

    Example:
        >>> hint("--suite must be another")
        '--suite must be another (--suite maze2d: of --domain pointmaze)'
    """
    for flag, values in _POINT_MAZE:
        if text.startswith(f"{flag} "):
            return f"{text} ({flag} {', '.join(values)}: of --domain pointmaze)"
    return text


def _without_suite(words: Sequence[str]) -> list[str]:
    """The words without `--suite maze2d`, the one benchmark of its domain."""
    flag, (value,) = _POINT_MAZE[1]
    kept: list[str] = []
    for word in words:
        if word == value and kept and kept[-1] == flag:
            kept.pop()
        elif word != f"{flag}={value}":
            kept.append(word)
    return kept


def _renamed(words: Sequence[str]) -> Sequence[str]:
    """Words of version 0.1 in today's: `--dataset pointmaze` and `--pointmaze.*`."""
    joined = [
        part for word in words for part in (word.split("=", 1) if word.startswith("--dataset=") else [word])
    ]
    if "--dataset" not in joined:
        return words
    place = joined.index("--dataset")
    name = joined[place + 1] if place + 1 < len(joined) else ""
    today = {"pointmaze": "pointmaze", "particle": "maze"}.get(name)
    if today is None:
        return words
    sys.stderr.write(f"--dataset {name} is called --domain {today} now, and its flags --data.*\n")
    rest = joined[:place] + joined[place + 2 :]
    if today == "pointmaze":
        rest = [
            "--data." + w.removeprefix("--pointmaze.") if w.startswith("--pointmaze.") else w for w in rest
        ]
    return ["--domain", today, *rest]


def with_domain(
    command: type[Command], domain: str | None, fields: dict[str, tuple[Any, Any]]
) -> type[Command]:
    """A command's class with the fields that a domain brings.

    Args:
        command: the class that has all the others, and the field `domain`.
        domain: its name; by default mazes.
        fields: by name the type and the default's factory; without one it is needed.
    """
    added: list[Any] = []
    for name, (kind, factory) in fields.items():
        added.append((name, kind) if factory is None else (name, kind, field(default_factory=factory)))
    made: type[Command] = make_dataclass(
        command.__name__, added, bases=(command,), frozen=True, kw_only=True, namespace={"domain": domain}
    )
    made.__doc__ = command.__doc__
    return made


def open_domain(name: str | None) -> Domain:
    """The domain of that name, by default mazes.

    Raises:
        ValueError: if there is none.
    """
    try:
        return find_domain(name or DEFAULT)
    except ValueError as error:
        raise ValueError(f"--{error}") from error
