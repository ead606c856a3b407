"""From words to a command that runs, and from errors to one line and an exit code."""

import io
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr
from difflib import get_close_matches
from importlib import import_module
from typing import Final, Protocol

import tyro

from anchordiff.errors import AnchorDiffError

_UNKNOWN: Final = "Unrecognized options:"


class Command(Protocol):
    """What every command is: a dataclass of flags that can be executed."""

    def execute(self) -> None:
        """Do the work."""


def run_command(name: str, module: str, cls: str, words: Sequence[str]) -> int:
    """Parse the flags of the command `name`, execute it, and return the exit code."""
    try:
        command_class: type[Command] = getattr(import_module(module), cls)
        command = _parse(name, command_class, words)
        if command is not None:
            command.execute()
    except ValueError as error:
        return _complain(name, error, code=2)
    except (AnchorDiffError, OSError) as error:
        return _complain(name, error, code=1)
    except KeyboardInterrupt as interrupt:
        return _complain(name, str(interrupt) or "interrupted", code=130)
    return 0


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


def _complain(name: str, error: Exception | str, *, code: int) -> int:
    notes = "; ".join(getattr(error, "__notes__", ()))
    text = f"{error} ({notes})" if notes else str(error)
    sys.stderr.write(f"anchordiff {name}: {' '.join(text.split())}\n")
    return code
