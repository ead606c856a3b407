"""Figures as tables in Markdown that read well as plain text too."""

from collections.abc import Sequence


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of one width each, the first to the left and the others to the right.

    Example:
        >>> print(markdown_table(["method", "success"], [["plan", "100.0 %"]]))
        | method | success |
        | ------ | ------: |
        | plan   | 100.0 % |
    """
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_join(entries, widths) for entries in (head, rule, *rows))


def show_number(value: float | None, form: str, *, scale: float = 1.0) -> str:
    """A number, scaled, or a dash where there is none."""
    return "-" if value is None else form.format(scale * value)


def _join(entries: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(entries, widths, strict=True)
    return f"| {first[0]:<{first[1]}} | " + " | ".join(f"{entry:>{width}}" for entry, width in others) + " |"
