"""Checks of values that several configs and calls share."""

from collections.abc import Mapping
from numbers import Integral


def check_integer(
    name: str, value: object, *, least: int = 1, most: int | None = None, most_is: str = "limit"
) -> None:
    """Refuse what is not an integer between `least` and `most`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise ValueError(f"{name} must be an integer of at least {least}, found {value!r}")
    if most is not None and int(value) > most:
        raise ValueError(f"{name} must be at most {most_is} = {most}, found {value}")


def check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Refuse what is not among `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, found {value!r}")


def check_rules(config: object, rules: Mapping[str, tuple[bool, str]]) -> None:
    """Refuse a config whose attributes break a rule.

    Args:
        config: with the attributes that `rules` names.
        rules: for each attribute whether its rule holds, and the rule, as in "be at least 1".

    Raises:
        ValueError: names the first attribute that breaks its rule, the rule and what was found.
    """
    for name, (holds, rule) in rules.items():
        if not holds:
            raise ValueError(f"{name} must {rule}, found {getattr(config, name)!r}")
