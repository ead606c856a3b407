"""Write the README's tables from the files that the other commands wrote.

    python benchmarks/report.py            # rewrite README.md
    python benchmarks/report.py --check    # fail where it differs

A table stands between `<!-- table: NAME -->` and `<!-- end -->`. One whose file is missing becomes empty.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tyro

from _timing import format_seconds

ROOT: Final = Path(__file__).parent.parent
RESULTS: Final = ROOT / "docs" / "results"
_PLACE: Final = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Write the README's tables.

    Attributes:
        check: change nothing; fail if README.md differs from what its files give.
    """

    check: tyro.conf.FlagCreatePairsOff[bool] = False


def evaluation_table(content: Mapping[str, Any]) -> str:
    """Success, length and time of each method."""
    lines = [
        "| method | success | 95 % interval | length / expert's, median | a plan alone |",
        "|---|---|---|---|---|",
    ]
    for name, figures in content["methods"].items():
        low, high = figures["success_interval_95"]
        ratio, seconds = figures["length_ratio_median"], figures["seconds_alone"]
        lines.append(
            f"| {name} | {figures['success']:.1%} | {low:.1%} to {high:.1%} "
            f"| {'' if ratio is None else f'{ratio:.3f}'} "
            f"| {'' if seconds is None else f'{1000 * seconds:.1f} ms'} |"
        )
    settings = content["settings"]
    machine = f"{settings['device']}, torch {settings['torch']}, {settings['threads']} threads"
    return "\n".join([*lines, "", f"({content['mazes']} mazes of {content['suite']}; {machine})"])


def planning_table(content: Mapping[str, Any]) -> str:
    """Time of a plan and the peers' over it."""
    names = dict.fromkeys(name.split(" (")[0] for row in content["rows"] for name in row["ratios"])
    lines = [
        f"| one plan | anchordiff | {' | '.join(f'{name}, times as long' for name in names)} |",
        "|---" * (2 + len(names)) + "|",
    ]
    for row in content["rows"]:
        ratios = {name.split(" (")[0]: ratio for name, ratio in row["ratios"].items()}
        cells = " | ".join(f"{ratios[name]:.3g}" for name in names)
        lines.append(f"| {row['work']} | {format_seconds(row['seconds'])} | {cells} |")
    machine = content["machine"]
    where = f"{machine['device']}, {machine['threads']} threads, torch {machine['torch']}"
    return "\n".join([*lines, "", f"({where}; matmul peak {machine['matmul peak']})"])


def kernels_table(content: Mapping[str, Any]) -> str:
    """The kernels for which a ratio was asked."""
    lines = ["| kernel | anchordiff | peers, times as long |", "|---|---|---|"]
    for row in content["rows"]:
        asked = ", ".join(f"{peer} {row['ratios'][peer]:.3g}" for peer in row["targets"])
        if asked:
            lines.append(f"| {row['work']} | {format_seconds(row['seconds'])} | {asked} |")
    return "\n".join(lines)


TABLES: Final[dict[str, tuple[str, Callable[[Mapping[str, Any]], str]]]] = {
    "evaluation": ("particle-21/evaluation.json", evaluation_table),
    "planning": ("planning.json", planning_table),
    "kernels": ("kernels.json", kernels_table),
}


def render(text: str, results: Path = RESULTS) -> str:
    """The text with all its tables made anew."""

    def place(match: re.Match[str]) -> str:
        begin, name, end = match.groups()
        file, make = TABLES[name]
        path = results / file
        if not path.exists():
            return begin + end
        content = make(json.loads(path.read_text("utf-8")))
        return f"{begin}\n{content}\n\n{end}"

    return _PLACE.sub(place, text)


def main(options: Options) -> None:
    """Rewrite or check."""
    readme = ROOT / "README.md"
    before = readme.read_text("utf-8")
    after = render(before)
    if options.check and before != after:
        sys.exit("README.md differs from docs/results: run python benchmarks/report.py")
    if not options.check:
        readme.write_text(after, "utf-8")


if __name__ == "__main__":
    main(tyro.cli(Options))
