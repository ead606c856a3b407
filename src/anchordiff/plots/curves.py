"""Training curves from a run's log."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from anchordiff.plots.style import BLACK, CYCLE, add_title, panels, styled

_HOUSEKEEPING: Final = ("event", "step", "learning_rate", "seconds", "data_seconds", "grad_norm", "skipped")
_SHARES: Final = ("success", "rate", "share")  # of names: measures between 0 and 1
_MARKS: Final = ("o", "s", "^", "D", "v", "P", "X")

Entry = Mapping[str, Any]


@styled
def draw_curves(log: Sequence[Entry], *, title: str = "", ax: Axes | Sequence[Axes] | None = None) -> Figure:
    """Loss and its terms, what was measured on held-out samples, learning rate and gradient norm over steps.

    Args:
        log: a run's entries, as `anchordiff.training.read_log` gives them.
        title: a line above.
        ax: axes to draw on, one for each panel: loss, learning rate, and one each for shares and errors that were
            measured; a figure of its own where none is given.

    Raises:
        ValueError: if `log` holds no training steps, or `ax` another number of axes.
    """
    train = [entry for entry in log if entry["event"] == "train"]
    held_out = [entry for entry in log if entry["event"] == "evaluation"]
    if not train:
        raise ValueError('log must hold entries of event "train", found none')
    terms = [name for name in _names(train) if name not in _HOUSEKEEPING]
    measured = [name for name in _names(held_out) if name not in (*_HOUSEKEEPING, *terms)]
    shares = [name for name in measured if name.endswith(_SHARES)]
    errors = [name for name in measured if name not in shares]
    groups = [
        (names, heading)
        for names, heading in ((shares, "held out: shares"), (errors, "held out: errors"))
        if names
    ]
    figure, axes = panels(2 + len(groups), columns=4, size=(3.9, 3.5), ax=ax)
    _draw_terms(axes[0], terms, train, held_out)
    for axis, (names, heading) in zip(axes[1:], groups, strict=False):
        _draw_measured(axis, names, held_out, heading=heading)
        if names is shares:
            axis.set_ylim(-0.02, 1.02)
    _draw_optimiser(axes[-1], train)
    for axis in axes:
        axis.set_xlabel("optimiser step")
        axis.set_xlim(0, log[-1]["step"])
    add_title(figure, axes, title, own=ax is None)
    return figure


def _draw_terms(axis: Axes, terms: Sequence[str], train: Sequence[Entry], held_out: Sequence[Entry]) -> None:
    for place, name in enumerate(terms):
        color = CYCLE[place % len(CYCLE)]
        axis.plot(*_series(train, name), color=color, linewidth=1.3, label=name)
        if any(name in entry for entry in held_out):
            axis.plot(
                *_series(held_out, name),
                color=color,
                linestyle="none",
                marker=_MARKS[place % len(_MARKS)],
                markersize=5,
                markeredgecolor=BLACK,
            )
    axis.set_yscale("log")
    axis.set_title("loss and its terms" + (" (marks: held out)" if held_out else ""))
    _legend_below(axis)


def _draw_measured(axis: Axes, names: Sequence[str], held_out: Sequence[Entry], *, heading: str) -> None:
    for place, name in enumerate(names):
        axis.plot(
            *_series(held_out, name),
            color=CYCLE[place % len(CYCLE)],
            marker=_MARKS[place % len(_MARKS)],
            markersize=4,
            label=name.replace("_", " "),
        )
    axis.set_ylim(bottom=0)
    axis.set_title(heading)
    _legend_below(axis)


def _draw_optimiser(axis: Axes, train: Sequence[Entry]) -> None:
    rate, norm = CYCLE[0], CYCLE[1]
    axis.plot(*_series(train, "learning_rate"), color=rate, linewidth=1.8)
    axis.set_ylim(bottom=0)
    axis.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    axis.set_title("learning rate", color=rate)
    other = axis.twinx()
    other.plot(*_series(train, "grad_norm"), color=norm, linewidth=0.8, alpha=0.55)
    other.set_yscale("log")
    other.grid(visible=False)
    other.set_title("gradient norm", color=norm, loc="right")


def _legend_below(axis: Axes) -> None:
    axis.legend(fontsize=8.5, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, columnspacing=1.2)


def _names(entries: Iterable[Entry]) -> list[str]:
    return list(dict.fromkeys(name for entry in entries for name in entry))


def _series(entries: Iterable[Entry], name: str) -> tuple[list[int], list[float]]:
    """Steps and values where there is a value; a value that JSON lacks (nan) is logged as none."""
    pairs = [(entry["step"], entry[name]) for entry in entries if entry.get(name) is not None]
    return [step for step, _ in pairs], [value for _, value in pairs]
