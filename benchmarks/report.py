"""Write the tables of the README and of pages in docs from the files that the other commands wrote.

    python benchmarks/report.py            # rewrite them
    python benchmarks/report.py --check    # fail where one differs

A table stands between `<!-- table: NAME -->` and `<!-- end -->`. One whose file is missing becomes empty.
"""

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Final

import tyro

import report_method as method
from _timing import format_seconds
from anchordiff.domains.maze import SUITES

ROOT: Final = Path(__file__).parent.parent
RESULTS: Final = ROOT / "docs" / "results"
PAGES: Final = (
    ROOT / "README.md",
    *(ROOT / "docs" / f"{name}.md" for name in ("experiments", "maze2d", "speed")),
)
_PLACE: Final = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Write the tables of the README and of pages in docs.

    Attributes:
        check: change nothing; fail if a page differs from what its files give.
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
        f"| one plan | anchordiff | its cost | {' | '.join(f'{name}, times as long' for name in names)} |",
        "|---" * (3 + len(names)) + "|",
    ]
    for row in content["rows"]:
        ratios = {name.split(" (")[0]: ratio for name, ratio in row["ratios"].items()}
        cells = " | ".join(f"{ratios[name]:.3g}" for name in names)
        lines.append(f"| {row['work']} | {format_seconds(row['seconds'])} | {row['note']} | {cells} |")
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


def training_table(content: Mapping[str, Any]) -> str:
    """Speed of both stages and their wait for data."""
    lines = ["| stage | steps/s | samples/s | waiting for data |", "|---|---|---|---|"]
    lines += [
        f"| {stage['stage']} ({stage['parameters'] / 1e6:.2f} M) | {stage['steps_per_second']:.3g} "
        f"| {stage['samples_per_second']:.3g} | {stage['waiting']:.2%} |"
        for stage in content["stages"]
    ]
    machine = content["machine"]
    where = f"{machine['device']}, {machine['threads']} threads, {machine['precision']}"
    return "\n".join([*lines, "", f"({where}, batch size {machine['batch size']})"])


def suites_table(results: Path) -> str:
    """Success on each suite that was evaluated."""
    lines = [
        "| suite | pipeline, one sample | plan | causal, one sample | plan | full-sequence diffusion, 16 steps |",
        "|---|---|---|---|---|---|",
    ]
    for suite in sorted(SUITES):
        found = [_success(results / folder / suite) for folder in ("", "causal")]
        if found[0]:
            cells = [told.get(name, "-") for told in found for name in ("pipeline, one sample", "plan")]
            baseline = found[0].get("full-sequence diffusion, 16 steps", "-")
            lines.append(f"| {suite} | {' | '.join([*cells, baseline])} |")
    return "\n".join(lines) if len(lines) > 2 else ""


def _success(folder: Path) -> dict[str, str]:
    """Success of each method of an evaluation, a plan's whatever the number of its candidates."""
    path = folder / "evaluation.json"
    if not path.exists():
        return {}
    methods = json.loads(path.read_text("utf-8"))["methods"]
    return {
        "plan" if name.startswith("plan,") else name: f"{figures['success']:.1%}"
        for name, figures in methods.items()
    }


MAZE2D: Final = tuple(product(("umaze", "medium", "large"), ("single", "multi")))


def maze2d_table(results: Path) -> str:
    """Scores of all agents on each maze and task that was evaluated, and of plans by weights that never saw them."""
    contents, zero_shot = (
        [
            json.loads(path.read_text("utf-8"))
            for maze, task in MAZE2D
            if (path := folder / f"{maze}-{task}" / "evaluation.json").exists()
        ]
        for folder in (results / "maze2d", results / "maze2d" / "zero-shot")
    )
    if not contents:
        return ""
    heads = [f"{content['maze']}, {content['task']}" for content in contents]
    lines = [f"| agent | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    own = [name for name in contents[0]["agents"] if name.startswith("plan of")]
    lines += [_scores(name, name, contents) for name in contents[0]["agents"]]
    if len(zero_shot) == len(contents):
        lines += [_scores(f"{zero_shot[0]['source']}, zero-shot: {name}", name, zero_shot) for name in own]
    settings = contents[0]["settings"]
    versions = ", ".join(f"{name} {settings['versions'][name]}" for name in ("mujoco", "gymnasium-robotics"))
    return "\n".join([*lines, "", f"({settings['episodes']} stored episodes a column; {versions})"])


def _scores(title: str, agent: str, contents: Sequence[Mapping[str, Any]]) -> str:
    figures = (content["agents"][agent] for content in contents)
    cells = [f"{each['score']:.1f} ± {each['score_standard_error']:.1f}" for each in figures]
    return f"| {title} | {' | '.join(cells)} |"


def ablation_table(results: Path) -> str:
    """What one change makes of a score, in pairs of episodes."""
    contents = [
        json.loads(path.read_text("utf-8"))
        for maze, task in MAZE2D
        if (path := results / "maze2d" / f"ablation-{maze}-{task}.json").exists()
    ]
    if not contents:
        return ""
    heads = [f"{content['maze']}, {content['task']}" for content in contents]
    lines = [f"| variation, follower | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    default, *variations = contents[0]["variations"].items()
    lines += [_scores(each["agent"], each["agent"], contents) for each in default[1].values()]
    for name, followers in variations:
        for follower in followers:
            gains = (content["variations"][name][follower]["difference"] for content in contents)
            cells = [f"{gain['mean']:+.1f} ± {gain['standard_error']:.1f}" for gain in gains]
            lines.append(f"| {name}, {follower} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"({contents[0]['settings']['episodes']} stored episodes a column)"])


SHORT: Final = (
    "eager, horizon 64, batch 1",
    "eager, horizon 128, batch 64",
    "eager, horizon 384, batch 1",
    "shortest path 256×256, 4-connected",
    "exact distance 512×512, 20.0% walls",
    "a whole sample 21×21, 64 points, smooth expert",
    "interpolate kernel, B 64, K 8, 64 steps, D 2",
)
"""Works that the README's short tables show."""


def shortened(make: Callable[[Mapping[str, Any]], str]) -> Callable[[Mapping[str, Any]], str]:
    """The same table of a few rows."""

    def table(content: Mapping[str, Any]) -> str:
        return make({**content, "rows": [row for row in content["rows"] if row["work"] in SHORT]})

    return table


def from_file(file: str, make: Callable[[Mapping[str, Any]], str]) -> Callable[[Path], str]:
    """The table of one file, empty where there is none."""

    def table(results: Path) -> str:
        path = results / file
        return make(json.loads(path.read_text("utf-8"))) if path.exists() else ""

    return table


TABLES: Final[dict[str, Callable[[Path], str]]] = {
    "evaluation": from_file("particle-21/evaluation.json", evaluation_table),
    "suites": suites_table,
    "maze2d": maze2d_table,
    "ablation": ablation_table,
    "planning_maze2d": from_file("planning-maze2d.json", planning_table),
    "planning": from_file("planning.json", planning_table),
    "kernels": from_file("kernels.json", kernels_table),
    "planning_short": from_file("planning.json", shortened(planning_table)),
    "kernels_short": from_file("kernels.json", shortened(kernels_table)),
    "training": from_file("training.json", training_table),
    "samplers": from_file("method-ablation/ablation.json", method.samplers_table),
    "parts": from_file("method-ablation/ablation.json", method.parts_table),
    "anchors": from_file("anchors.json", method.anchors_table),
    "way_points": from_file("way-points.json", method.way_points_table),
    "streaming": from_file("streaming.json", method.streaming_table),
}


def render(text: str, results: Path = RESULTS) -> str:
    """The text with all its tables made anew."""

    def place(match: re.Match[str]) -> str:
        begin, name, end = match.groups()
        content = TABLES[name](results)
        return f"{begin}\n{content}\n\n{end}" if content else begin + end

    return _PLACE.sub(place, text)


def main(options: Options) -> None:
    """Rewrite or check."""
    for page in PAGES:
        before = page.read_text("utf-8")
        after = render(before)
        if options.check and before != after:
            sys.exit(f"{page.relative_to(ROOT)} differs from docs/results: run python benchmarks/report.py")
        if not options.check:
            page.write_text(after, "utf-8")


if __name__ == "__main__":
    main(tyro.cli(Options))
