"""The figures of the arm's evaluation."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from anchordiff.evaluation import wilson_interval
from anchordiff.evaluation.tables import markdown_table, show_number

Arrays = Mapping[str, Any]

_HEAD: Final = (
    "method", "success", "95 % interval", "where OMPL's run succeeds", "where the line hits", "length / OMPL's",
    "where the line hits", "ms a plan", "ms without the check", "given",
)  # fmt: skip
_TASK: Final = "start, goal, spheres"


def describe(found: Arrays, worlds: Arrays) -> dict[str, Any]:
    """One method's figures, in JSON's terms.

    Args:
        found: `success`, `exact_ends` and `length` of each world, and seconds.
        worlds: the held-out worlds, with the planner's own figures.
    """
    success = found["success"].astype(bool)
    solved = worlds["planner_success"][: len(success)]
    hits = ~worlds["straight_free"][: len(success)]
    both = success & solved
    ratios = found["length"] / worlds["planner_length"][: len(success)]
    ratio, bent = ratios[both], ratios[both & hits]
    return {
        **_share("success", success),
        **_share("success_where_planner_succeeds", success[solved]),
        **_share("success_where_line_hits", success[hits]),
        "successes_where_planner_fails": int(success[~solved].sum()),
        "worlds_where_planner_fails": int((~solved).sum()),
        "length_over_planner_median": float(np.median(ratio)) if len(ratio) else None,
        "length_over_planner_median_where_line_hits": float(np.median(bent)) if len(bent) else None,
        "length_over_planner_90th": float(np.quantile(ratio, 0.9)) if len(ratio) else None,
        "exact_ends": float(found["exact_ends"].mean()),
        "cpu_seconds_alone": _number(found["seconds"]),
        "cpu_seconds_alone_without_check": _number(found["seconds_unchecked"]),
        "failures": np.flatnonzero(~success).tolist(),
    }


def make_table(
    found: Mapping[str, Arrays], names: Mapping[str, str], worlds: Arrays, *, candidates: int
) -> str:
    """All methods, in Markdown."""
    rows = [_row(key, names[key], describe(arrays, worlds), candidates) for key, arrays in found.items()]
    return markdown_table(_HEAD, rows)


def _row(key: str, name: str, told: Mapping[str, Any], candidates: int) -> list[str]:
    low, high = told["success_interval_95"]
    chosen = "plan" in key and key != "planner"
    checked, bare = told["cpu_seconds_alone"], told["cpu_seconds_alone_without_check"]
    if not chosen and key != "planner":
        checked, bare = None, checked
    given = {"line": "start, goal", "planner": "start, goal, the check at every state it tries"}.get(
        key, _TASK
    )
    if "guided" in key:
        given += ", their distance to the arm"
    if chosen:
        given += f"; the check of up to {candidates} paths"
    return [
        name,
        f"{told['success']:.3f}",
        f"{low:.3f} to {high:.3f}",
        show_number(told["success_where_planner_succeeds"], "{:.3f}"),
        show_number(told["success_where_line_hits"], "{:.3f}"),
        show_number(told["length_over_planner_median"], "{:.3f}"),
        show_number(told["length_over_planner_median_where_line_hits"], "{:.3f}"),
        show_number(checked if checked is not None else bare, "{:.0f}", scale=1000.0),
        show_number(bare, "{:.0f}", scale=1000.0),
        given,
    ]


def _share(name: str, success: Any) -> dict[str, Any]:  # noqa: ANN401
    """How often, with its interval; none where there is nothing to count."""
    if not len(success):
        return {name: None, f"{name}_interval_95": None}
    low, high = wilson_interval(int(success.sum()), len(success))
    return {name: float(success.mean()), f"{name}_interval_95": [low, high]}


def _number(value: Any) -> float | None:  # noqa: ANN401
    return None if np.isnan(value) else float(value)
