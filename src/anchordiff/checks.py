"""Checks of values that several configs and calls share."""

import math
from collections.abc import Mapping
from contextlib import suppress
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
BOOLS = (np.dtype(np.bool_),)
INTEGERS = tuple(np.dtype(code) for code in "bhilqBHILQ")


def check_integer(
    name: str, value: object, *, least: int = 1, most: int | None = None, most_is: str = "limit"
) -> None:
    """Refuse what is not an integer between `least` and `most`."""
    if value.__class__ is int and least <= value and (most is None or value <= most):
        return
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise ValueError(f"{name} must be an integer of at least {least}, found {value!r}")
    if most is not None and int(value) > most:
        raise ValueError(f"{name} must be at most {most_is} = {most}, found {value}")


def check_number(
    name: str,
    value: object,
    *,
    least: float | None = None,
    above: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> float:
    """Return a finite number between limits as a float, or refuse it.

    Args:
        name: what the message calls it.
        value: to look at.
        least: the smallest that is allowed.
        above: it must be larger than this.
        below: it must be smaller than this.
        most: the largest that is allowed.
    """
    if value.__class__ is float and (
        -math.inf < value < math.inf
        and (least is None or value >= least)
        and (above is None or value > above)
        and (below is None or value < below)
        and (most is None or value <= most)
    ):
        return value
    found = math.nan
    if isinstance(value, Real) and not isinstance(value, bool):
        with suppress(OverflowError):
            found = float(value)
    limits = (
        ("at least", least, least is None or found >= least),
        ("more than", above, above is None or found > above),
        ("less than", below, below is None or found < below),
        ("at most", most, most is None or found <= most),
    )
    if not (math.isfinite(found) and all(holds for _, _, holds in limits)):
        rules = " and ".join(f"{word} {limit:g}" for word, limit, _ in limits if limit is not None)
        raise ValueError(f"{name} must be a finite number{rules and ' of '}{rules}, found {value!r}")
    return found


def check_array(
    name: str,
    value: object,
    dtypes: tuple[np.dtype[np.generic], ...],
    shape: tuple[int | str, ...],
    *,
    finite: bool = False,
) -> npt.NDArray[Any]:
    """Return an array as kernels need it, contiguous and in the machine's byte order, or refuse it.

    Args:
        name: what the message calls it.
        value: to look at.
        dtypes: which are allowed, in whatever byte order.
        shape: for each axis its size, or a name where any size will do.
        finite: whether NaN and infinities are refused.

    Raises:
        ValueError: says what was expected and what was found.
    """
    # Words are made where they are needed: the work of a kernel may take less time than they do.
    if not isinstance(value, np.ndarray):
        raise ValueError(f"{name} must be {_array_in_words(dtypes, shape)}, found {type(value).__name__}")
    native = value.dtype in dtypes
    if not (native or value.dtype.newbyteorder("=") in dtypes) or not _has_shape(value, shape):
        raise ValueError(
            f"{name} must be {_array_in_words(dtypes, shape)}, found {value.dtype} {value.shape}"
        )
    if finite and not np.isfinite(value).all():
        place = tuple(int(axis[0]) for axis in np.nonzero(~np.isfinite(value)))
        raise ValueError(f"{name} must be finite, found {value[place]} at {list(place)}")
    if native and value.flags.c_contiguous:
        return value
    return np.ascontiguousarray(value, value.dtype.newbyteorder("="))


def _has_shape(value: npt.NDArray[Any], shape: tuple[int | str, ...]) -> bool:
    found = value.shape
    if len(found) != len(shape):
        return False
    for size, axis in zip(shape, found, strict=True):  # noqa: SIM110  (a loop is quicker than a generator)
        if size.__class__ is int and size != axis:
            return False
    return True


def _array_in_words(dtypes: tuple[np.dtype[np.generic], ...], shape: tuple[int | str, ...]) -> str:
    kinds = "integer" if dtypes == INTEGERS else " or ".join(kind.name for kind in dtypes)
    axes = ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "")
    return f"{'an' if kinds[0] == 'i' else 'a'} {kinds} array ({axes})"


def check_type(name: str, value: object, *kinds: type) -> None:
    """Refuse what is of none of these classes."""
    if not isinstance(value, kinds):
        wanted = " or ".join(
            f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__}" for kind in kinds
        )
        raise ValueError(f"{name} must be {wanted}, found {value!r}")


def check_choice(name: str, value: object, choices: tuple[object, ...]) -> None:
    """Refuse what is not among `choices`."""
    if not any(isinstance(value, type(choice)) and value == choice for choice in choices):
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
