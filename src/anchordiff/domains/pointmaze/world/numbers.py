"""One place that checks the numbers that callers hand to the world: real, finite and of the right shape."""

from typing import Any

import numpy as np
from jaxtyping import Float


def check_numbers(
    name: str,
    values: Any,  # noqa: ANN401
    shape: tuple[Any, ...],
) -> Float[np.ndarray, "..."]:
    """Copy numbers as float64.

    Args:
        name: what messages call them.
        values: an array, or what becomes one.
        shape: that they must have; None stands for any length of at least 1, a tuple for one of its lengths.

    Raises:
        ValueError: if they are no real numbers, have another shape, or are not finite.

    Example:
        >>> check_numbers("goal", [1, 2], (2,)).tolist()
        [1.0, 2.0]
    """
    choices = tuple((length,) if isinstance(length, int) else length for length in shape)
    wanted = ", ".join("n >= 1" if lengths is None else " or ".join(map(str, lengths)) for lengths in choices)
    rule = f"{name} must be finite numbers of shape ({wanted}{',' if len(shape) == 1 else ''})"
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{rule}, found {error}") from error
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{rule}, found {array.dtype}")
    fits = array.ndim == len(choices) and all(
        found >= 1 if lengths is None else found in lengths
        for found, lengths in zip(array.shape, choices, strict=True)
    )
    if not fits:
        raise ValueError(f"{rule}, found shape {array.shape}")
    if not np.isfinite(array).all():
        found = str(array.tolist()) if array.size <= 8 else "numbers that are not finite"
        raise ValueError(f"{rule}, found {found}")
    return np.array(array, np.float64)


def check_above_zero(name: str, value: float) -> None:
    """Refuse what is not a finite number above 0.

    Raises:
        ValueError: says what was found.
    """
    check_numbers(name, value, ())
    if not value > 0.0:
        raise ValueError(f"{name} must be finite and above 0, found {value}")
