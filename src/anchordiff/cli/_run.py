"""From words to a command that runs, and from errors to one line and an exit code."""

import io
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from importlib import import_module
from itertools import pairwise
from typing import Final, Protocol, get_args

import tyro

from anchordiff.cli._configs import read_config, take_config, words_of
from anchordiff.cli._domains import hint, take_domain
from anchordiff.errors import AnchorDiffError

_UNKNOWN: Final = "Unrecognized options:"


class Command(Protocol):
    """What every command is: a dataclass of flags that can be executed.

    One that can go on with earlier work has `recall(words)`, which adds the words of that, and gets all its words.
    """

    def execute(self) -> None:
        """Do the work."""


def run_command(name: str, module: str, cls: str, words: Sequence[str]) -> int:
    """Parse the flags of the command `name`, execute it, and return the exit code."""
    command_class: type[Command] | None = None
    try:
        _check_words(words)
        command_class = getattr(import_module(module), cls)
        command_class, words = _prepared(name, command_class, words)
        _check_words(words)
        command = _parse(name, command_class, words)
        if command is not None:
            command.execute()
    except BrokenPipeError:
        raise
    except ValueError as error:
        return _complain(name, error, command_class, code=2)
    except (AnchorDiffError, OSError) as error:
        return _complain(name, error, command_class, code=1)
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        return _complain(name, f"out of memory: {str(error).splitlines()[0] or 'no details'}", None, code=1)
    except KeyboardInterrupt as interrupt:
        return _complain(name, str(interrupt) or "interrupted", None, code=130)
    return 0


def _prepared(
    name: str, command_class: type[Command], words: Sequence[str]
) -> tuple[type[Command], Sequence[str]]:
    """The command of the domain that is meant, and its words: those of earlier work, of a file, and those given."""
    file, words = take_config(words)
    told = {} if file is None else read_config(file)
    for_domain = getattr(command_class, "for_domain", None)
    if for_domain is None:
        if _names_domain(words):
            raise ValueError(f"--domain must be left out of {name}")
        return command_class, words if file is None else [*words_of(told, command_class, source=file), *words]
    recall = getattr(command_class, "recall", None)
    domain = told.pop("domain", None)
    if domain is not None and not _names_domain(words):
        words = ["--domain", str(domain), *words]
    if file is not None:
        domain, _ = take_domain(words if recall is None else recall(words))
        words = [*words_of(told, for_domain(domain), source=file), *words]
    domain, words = take_domain(words if recall is None else recall(words))
    command_class = for_domain(domain)
    if recall is not None:
        given = [] if domain is None else ["--domain", domain]
        setattr(command_class, "words", (*given, *words))  # noqa: B010
    return command_class, words


def _names_domain(words: Sequence[str]) -> bool:
    return "--domain" in (word.split("=", 1)[0] for word in words)


def _check_words(words: Sequence[str]) -> None:
    """Refuse values that are empty: as a path that would be the current folder."""
    for flag, value in pairwise((*words, "--")):
        if flag.startswith("--") and (value == "" or flag.endswith("=")):
            raise ValueError(f"{flag.removesuffix('=')} must not be empty")


def _is_out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or "memory" in text or "storage size" in text


def _parse(name: str, command_class: type[Command], words: Sequence[str]) -> Command | None:
    """The command that the words mean; none where they ask for help, which is printed.

    Raises:
        ValueError: if a flag is wrong.
    """
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            return tyro.cli(command_class, prog=f"anchordiff {name}", args=list(words))
    except SystemExit as stop:
        if stop.code:
            raise ValueError(one_line(said.getvalue())) from None
        return None


def one_line(box: str) -> str:
    r"""What the parser's box of several lines says first, what flags it does not know, and one that is like them.

    Example:
        >>> one_line("╭─ Title ──╮\n│ Unrecognized │\n│ options: --a │\n│ ──── │\n│ Run --help │\n╰────╯")
        'Unrecognized options: --a'
    """
    parts: list[list[str]] = [[]]
    for line in (line.strip("│ ") for line in box.splitlines()[1:]):
        if line and not line.strip("─-╭╮╰╯"):
            parts.append([])
        else:
            parts[-1].append(line)
    # The title comes first, and without line-drawing characters a rule after it.
    parts = [part for part in parts if part]
    if len(parts) < 2:
        return box.strip()
    said = " ".join(parts[0])
    place = next((i for i, part in enumerate(parts) if " ".join(part).startswith(_UNKNOWN)), None)
    if place is None:
        return said
    unknown = parts.pop(place)
    if place > 0:
        said += f"; {unknown[0].lower()} {', '.join(unknown[1:])}"
    known = {line.split()[0] for part in parts for line in part if line.startswith("--")}
    # What the parser suggests is near enough by its own measure; a flag that is missing need not be.
    nearness = 0.6 if place > 0 else 0.0
    for word in " ".join(unknown).split():
        wrong = word.split("=")[0].strip(",")
        if wrong.startswith("--") and (
            closest := get_close_matches(wrong, known - {wrong}, n=1, cutoff=nearness)
        ):
            return f"{said} (perhaps {closest[0]}?)"
    return said


def in_flags(text: str, command_class: type[Command] | None) -> str:
    """What the library says of a parameter, said of the flag that gave it: messages begin with the parameter's name.

    Args:
        text: a message.
        command_class: whose fields are flags, and whose `FLAGS` tell those, and groups of them, that are called
            otherwise.

    Example:
        >>> from dataclasses import make_dataclass
        >>> in_flags("even_share must lie in [0, 1], found 2", make_dataclass("Train", ["even_share"]))
        '--even-share must lie in [0, 1], found 2'
    """
    word, _, rest = text.partition(" ")
    if command_class is None or not is_dataclass(command_class):
        return text
    flags: Mapping[str, str] = getattr(command_class, "FLAGS", {})
    head, dot, tail = word.partition(".")
    path = flags.get(word, flags.get(head, head) + dot + tail)
    if path.split(".")[0] not in _flag_names(command_class):
        return text
    return f"--{path.replace('_', '-')} {rest}"


def _flag_names(command_class: type) -> set[str]:
    """The fields of a command, with those of its parts whose flags have no prefix."""
    names = set()
    for field in fields(command_class):
        names.add(field.name)
        marks = getattr(field.type, "__metadata__", ())
        if any(getattr(mark, "name", None) == "" for mark in marks):
            names |= {part.name for part in fields(get_args(field.type)[0])}
    return names


def _complain(name: str, error: Exception | str, command_class: type[Command] | None, *, code: int) -> int:
    notes = "; ".join(getattr(error, "__notes__", ()))
    text = hint(in_flags(str(error), command_class))
    text = f"{text} ({notes})" if notes else text
    sys.stderr.write(f"anchordiff {name}: {' '.join(text.split())}\n")
    return code
