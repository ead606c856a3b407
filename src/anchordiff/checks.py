"""Checks of single values that several configs and calls share."""


def check_integer(
    name: str, value: object, *, least: int = 1, most: int | None = None, most_is: str = "limit"
) -> None:
    """Refuse what is not an integer between `least` and `most`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, found {value!r}")
    if most is not None and value > most:
        raise ValueError(f"{name} must be at most {most_is} = {most}, found {value}")


def check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Refuse what is not among `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, found {value!r}")
