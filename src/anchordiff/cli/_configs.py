"""Flags in files: what `--config` reads and `anchordiff config` prints.

A file's tables are the groups of flags: `[train]` with `steps = 9000` is `--train.steps 9000`. Flags on the command
line go before those of the file.
"""

import textwrap
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints

import docstring_parser
import tomlkit
import tyro
import yaml  # type: ignore[import-untyped]

FLAG: Final = "--config"
_READERS: Final = {".toml": tomllib.loads, ".yaml": yaml.safe_load, ".yml": yaml.safe_load}
_LINE: Final = 110
_WORDS: Final = (bool, int, float, str, Path, NoneType)
_FIXED: Final = get_args(tyro.conf.Fixed[int])[1]
_NO_PAIR: Final = get_args(tyro.conf.FlagCreatePairsOff[bool])[1]


@dataclass(frozen=True, kw_only=True)
class Flag:
    """A flag of a command.

    Attributes:
        path: its name, after those of the groups that it is in.
        kind: its type.
        value: by default; `dataclasses.MISSING` where it must be given.
        about: what it is.
    """

    path: tuple[str, ...]
    kind: Any
    value: Any
    about: str

    def words(self, value: object) -> list[str]:
        """The words that give it a value.

        Raises:
            ValueError: if that is no value of a flag.
        """
        name = "--" + ".".join(self.path).replace("_", "-")
        if _bare(self.kind) is bool:
            if not isinstance(value, bool):
                raise ValueError(f"{name} must be true or false, found {value!r}")
            group, _, last = name.rpartition(".")
            off = f"{group}.no-{last}" if group else f"--no-{name.removeprefix('--')}"
            return [name] if value else [] if _NO_PAIR in get_args(self.kind) else [off]
        parts = list(value) if isinstance(value, list) else [value]
        rows = [entry for part in parts for entry in (part if isinstance(part, list) else [part])]
        if not all(isinstance(row, (bool, int, float, str, NoneType)) for row in rows):
            raise ValueError(
                f"{name} must be a number, a text, true, false or a list of these, found {value!r}"
            )
        return [name, *map(str, rows)]


def flags_of(command: type, default: object = None, path: tuple[str, ...] = ()) -> Iterator[Flag]:
    """All flags of a command, group by group.

    Args:
        command: a dataclass whose fields are flags, or groups of them.
        default: an instance that tells defaults; without one those of the fields.
        path: of the group.
    """
    hints = get_type_hints(command, include_extras=True)
    about, usual = _told(command), None if default is None else _usual(command)
    for entry in fields(command):
        kind, value = hints[entry.name], entry.default
        marks = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
        if entry.default_factory is not MISSING:
            value = entry.default_factory()
        # A default that others decide (`None` for "half of `steps`") is told as it is written.
        if default is not None and getattr(default, entry.name) != getattr(usual, entry.name, MISSING):
            value = getattr(default, entry.name)
        sub = path if any(getattr(mark, "name", None) == "" for mark in marks) else (*path, entry.name)
        group = type(value) if is_dataclass(value) else _bare(kind)
        if is_dataclass(group):
            yield from flags_of(group, None if value is MISSING else value, sub)
        elif isinstance(value, Mapping):
            for name, part in value.items():
                yield from flags_of(type(part), part, (*sub, str(name)))
        elif _FIXED not in marks and _is_said_in_words(kind):
            yield Flag(path=sub, kind=kind, value=value, about=about.get(entry.name, ""))


def take_config(words: Sequence[str]) -> tuple[Path | None, list[str]]:
    """The file that the words name, and the words without it.

    Raises:
        ValueError: if `--config` comes without a file, or twice.

    Example:
        >>> take_config(["--out", "x", "--config=my.toml"])
        (PosixPath('my.toml'), ['--out', 'x'])
    """
    found: list[str] = []
    rest: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word.startswith(f"{FLAG}="):
            found.append(word.split("=", 1)[1])
        elif word == FLAG:
            if not left or left[0].startswith("--"):
                raise ValueError(f"{FLAG} must be a file, found none")
            found.append(left.pop(0))
        else:
            rest.append(word)
    if len(found) > 1:
        raise ValueError(f"{FLAG} must be given once, found {', '.join(found)}")
    return (Path(found[0]) if found else None), rest


def read_config(path: Path) -> dict[str, Any]:
    """The tables of a file.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is none of a known kind, or holds no table.
    """
    if path.suffix not in _READERS:
        raise ValueError(f"{FLAG} must end in {', '.join(_READERS)}, found {path}")
    if not path.is_file():
        raise FileNotFoundError(f"{FLAG} must be a file, found none at {path}")
    try:
        told = _READERS[path.suffix](path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{FLAG} {path} cannot be read: {error}") from error
    if not isinstance(told, dict):
        raise ValueError(f"{FLAG} {path} must hold a table, found {type(told).__name__}")
    return told


def words_of(told: Mapping[str, Any], command: type, *, source: Path) -> list[str]:
    """A file's tables as the words of a command.

    Args:
        told: the tables.
        command: whose flags they are to be.
        source: the file.

    Raises:
        ValueError: if there is no such flag, or its value is none.
    """
    known = {flag.path: flag for flag in flags_of(command)}
    words: list[str] = []
    for path, value in _leaves(told):
        flag = known.get(tuple(part.replace("-", "_") for part in path))
        if flag is None:
            raise ValueError(f"{FLAG} {source} must hold flags of the command alone, found {'.'.join(path)}")
        try:
            words += flag.words(value)
        except ValueError as error:
            raise ValueError(f"{FLAG} {source}: {error}") from error
    return words


def print_config(command: type, *, domain: str | None) -> str:
    """The flags of a command with their defaults, as a file for `--config`.

    What must be given, and what is none by default, stands there as a comment.
    """
    document = tomlkit.document()
    if domain is not None:
        document.add("domain", domain)
    # What stands after a group's own groups would be of these.
    flags = list(flags_of(command))
    groups = dict.fromkeys(flag.path[:place] for flag in flags for place in range(len(flag.path)))
    for group in groups:
        table: Any = document
        for name in group:
            if name not in table:
                table.add(name, tomlkit.table())
            table = table[name]
        for flag in (flag for flag in flags if flag.path[:-1] == group):
            for line in textwrap.wrap(flag.about, _LINE):
                table.add(tomlkit.comment(line))
            name = flag.path[-1]
            if flag.value is MISSING:
                table.add(tomlkit.comment(f"{name} = (must be given)"))
            elif flag.value is None:
                table.add(tomlkit.comment(f"{name} = (none)"))
            else:
                table.add(name, _plain(flag.value))
    return tomlkit.dumps(document)


def _told(command: type) -> dict[str, str]:
    """What the docstrings of a class and its bases say of its fields."""
    about: dict[str, str] = {}
    for kind in reversed(command.__mro__):
        told = docstring_parser.parse(kind.__doc__ or "", style=docstring_parser.DocstringStyle.GOOGLE)
        about |= {entry.arg_name: " ".join((entry.description or "").split()) for entry in told.params}
    return about


def _usual(command: type) -> object:
    """An instance of nothing but defaults; none where something must be given."""
    needed = any(f.default is MISSING and f.default_factory is MISSING for f in fields(command))
    return None if needed else command()


def _leaves(told: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in told.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, str(name)))
        else:
            yield (*path, str(name)), value


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def _bare(kind: Any) -> Any:  # noqa: ANN401
    return get_args(kind)[0] if get_origin(kind) is Annotated else kind


def _is_said_in_words(kind: Any) -> bool:  # noqa: ANN401
    """Whether the parser can read a value of that type."""
    kind = _bare(kind)
    if get_origin(kind) is Literal or kind in _WORDS or kind is Ellipsis:
        return True
    parts = get_args(kind)
    return bool(parts) and all(map(_is_said_in_words, parts))
