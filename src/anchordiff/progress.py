"""Progress bars, the same in every long call."""

from collections.abc import Iterable
from typing import Any

from tqdm import tqdm


def progress_bar(
    title: str,
    unit: str,
    *,
    shown: bool | None,
    total: int,
    start: int = 0,
    over: Iterable[Any] | None = None,
    leave: bool = True,
) -> "tqdm[Any]":
    """A bar with steps per second and time left, to be used in a `with` block or, given `over`, a loop.

    Args:
        title: what goes on.
        unit: what is counted, in the singular.
        shown: whether it is shown; None shows it on a terminal only.
        total: where the count ends.
        start: where it begins.
        over: what a loop over the bar goes through; else its `update` counts.
        leave: whether the bar stays when it is done.
    """
    return tqdm(
        over,
        total=total,
        initial=start,
        desc=title,
        unit=unit,
        unit_scale=total >= 100_000,
        disable=None if shown is None else not shown,
        leave=leave,
        dynamic_ncols=True,
    )
