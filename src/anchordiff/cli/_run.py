"""From words to a command that runs, and from errors to one line and an exit code."""

import sys
from collections.abc import Sequence
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
        tyro.cli(command_class, prog=f"anchordiff {name}", args=list(words)).execute()
    except SystemExit as stop:  # how the parser ends after --help (0) and after wrong flags (2)
        return stop.code if isinstance(stop.code, int) else 2
    except ValueError as error:
        return _complain(name, error, code=2)
    except (AnchorDiffError, OSError) as error:
        return _complain(name, error, code=1)
    except KeyboardInterrupt:
        return _complain(name, "interrupted", code=130)
    return 0


def _complain(name: str, error: Exception | str, *, code: int) -> int:
    sys.stderr.write(f"anchordiff {name}: {error}\n")
    return code
