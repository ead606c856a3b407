"""Kernels against named peers, through the public Python wrappers; ratios from interleaved runs.

    pip install -c constraints.txt ".[bench]"
    python benchmarks/kernels.py --json runs/benchmarks/kernels.json

Each section can also be run alone, for example `python benchmarks/_kernels_paths.py`.
"""

import platform
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal

import numba
import torch
import tyro

from _timing import Row, format_table, write_json

Section = Literal["paths", "geometry", "interpolation"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Time kernels against named peers.

    Attributes:
        sections: which parts to run.
        json: file for times and ratios.
    """

    sections: tuple[Section, ...] = ("paths", "geometry", "interpolation")
    json: Path | None = None


def main(options: Options) -> None:
    """Run the sections, print their tables, write the file."""
    torch.set_num_threads(1)
    rows: list[Row] = []
    for section in options.sections:
        print(f"\n{section}\n")
        made: list[Row] = import_module(f"_kernels_{section}").rows()
        print(format_table(made))
        rows += made
    if options.json is not None:
        machine = {"device": platform.machine(), "numba": numba.__version__, "torch": torch.__version__}
        write_json(rows, options.json, machine=machine)


if __name__ == "__main__":
    main(tyro.cli(Options))
