"""`anchordiff config`."""

import sys
from dataclasses import dataclass
from importlib import import_module
from typing import ClassVar

import tyro

from anchordiff.cli import COMMANDS, PACKAGE
from anchordiff.cli._configs import print_config
from anchordiff.cli._domains import with_domain


@dataclass(frozen=True, kw_only=True)
class Config:
    """Print the flags of a command with their defaults, as a file for --config.

    Attributes:
        command: whose flags, as "train denoiser" or train-denoiser.
    """

    domain: ClassVar[str | None] = None

    command: tyro.conf.Positional[tuple[str, ...]]

    @classmethod
    def for_domain(cls, name: str | None) -> type["Config"]:
        """The command, of a domain."""
        return with_domain(cls, name, {})

    def execute(self) -> None:
        """Print."""
        asked = " ".join(self.command).replace("-", " ")
        found = {name: (module, cls) for name, module, cls, _ in COMMANDS if name != "config"}
        if asked not in found:
            raise ValueError(f"command must be one of {', '.join(found)}, found {asked!r}")
        module, cls = found[asked]
        command = getattr(import_module(f"{PACKAGE}.{module}"), cls)
        if (for_domain := getattr(command, "for_domain", None)) is not None:
            command = for_domain(self.domain)
        elif self.domain is not None:
            raise ValueError(f"--domain must be left out of {asked}")
        sys.stdout.write(print_config(command, domain=self.domain))
