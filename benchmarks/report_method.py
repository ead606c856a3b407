"""Tables of what the method's parts are worth; `report.py` places them."""

from collections.abc import Mapping, Sequence
from typing import Any


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown of a table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def samplers_table(content: Mapping[str, Any]) -> str:
    """Success of each sampler at each number of steps, before and after stage 2."""
    rows = [row for row in content["rows"] if row["group"] == "sampler"]
    steps = list(dict.fromkeys(row["steps"] for row in rows))
    found = {(row["name"], row["steps"]): row for row in rows}
    lines = []
    for name in dict.fromkeys(row["name"] for row in rows):
        for kind, title in (("coarse", "interpolated"), ("success", "with stage 2")):
            lines.append([name, title, *(f"{found[name, count][kind]:.1%}" for count in steps)])
    return table(["sampler", "", *(f"{count} steps" if count > 1 else "1 step" for count in steps)], lines)


def parts_table(content: Mapping[str, Any]) -> str:
    """Success with one part of the pipeline changed."""
    rows = [row for row in content["rows"] if row["group"] != "sampler"]
    lines = [
        [
            row["group"],
            row["name"],
            f"{row['success']:.1%}",
            f"{row['coarse']:.1%}",
            f"{row['smoothness']:.5f}",
        ]
        for row in rows
    ]
    return table(["part", "", "success", "interpolated", "smoothness"], lines)


def anchors_table(content: Mapping[str, Any]) -> str:
    """Success of one sample at each number and kind of anchors, interpolated and with stage 2."""
    counts = list(dict.fromkeys(row["K"] for row in content["rows"]))
    found = {(row["suite"], row["anchors"], row["K"]): row for row in content["rows"]}
    lines = []
    for suite, kind in dict.fromkeys((row["suite"], row["anchors"]) for row in content["rows"]):
        cells = (found[suite, kind, count] for count in counts)
        lines.append([suite, kind, *(f"{cell['coarse']:.1%} / {cell['final']:.1%}" for cell in cells)])
    return table(["suite", "anchors", *(f"K = {count}" for count in counts)], lines)


def way_points_table(content: Mapping[str, Any]) -> str:
    """Success through way points."""
    lines = [
        [count, f"{row['one_sample']:.1%}", f"{row['plan']:.1%}", f"{row['farthest_from_a_way_point']:g}"]
        for count, row in content["rows"].items()
    ]
    heads = [
        "way points",
        "one sample",
        f"plan of {content['candidates']}",
        "farthest from a way point, cells",
    ]
    return table(heads, lines)


def streaming_table(content: Mapping[str, Any]) -> str:
    """How much longer than the first chunk other ways to the trajectory take."""
    names = list(content["rows"][0]["ratios"])
    lines = [[row["work"], *(f"{row['ratios'][name]:.3g}" for name in names)] for row in content["rows"]]
    return table(["", *(f"{name}, times as long" for name in names)], lines)
