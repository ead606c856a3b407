"""From words to a command that runs, and from errors to one line and an exit code."""

import io
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr
from difflib import get_close_matches
from importlib import import_module
from typing import Protocol

import tyro

from anchordiff.errors import AnchorDiffError


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
    r"""What the parser's box of several lines says first, and the first flag that it suggests.

    Example:
        >>> one_line("╭─ Title ──╮\n│ Unrecognized │\n│ options: --a │\n│ ──── │\n│ Run --help │\n╰────╯")
        'Unrecognized options: --a'
    """
    lines = [line.strip("│ ") for line in box.splitlines()[1:]]
    # The title comes first, and without line-drawing characters a rule after it.
    rules = [place for place, line in enumerate(lines) if line and not line.strip("─-╭╮╰╯")]
    if len(rules) < 2:
        return box.strip()
    after = 1 if rules[0] == 0 else 0
    first, rest = lines[after : rules[after]], lines[rules[after] :]
    similar = [line.split()[0] for line in rest if line.startswith("--")]
    wrong = [word.strip(",") for line in first for word in line.split() if word.startswith("--")]
    if not wrong or not similar or set(wrong) & set(similar):
        return " ".join(first)
    (closest,) = get_close_matches(wrong[0], similar, n=1, cutoff=0.0)
    return f"{' '.join(first)} (perhaps {closest}?)"


def _complain(name: str, error: Exception | str, *, code: int) -> int:
    sys.stderr.write(f"anchordiff {name}: {error}\n")
    return code
