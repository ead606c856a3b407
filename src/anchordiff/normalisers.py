"""How numbers of data are centred and scaled before a network sees them."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float

Normaliser = Literal["deviation", "range", "quantiles"]
"""How `StateSpace.fit` measures a number: mean and standard deviation, middle and half range, or the same between the
1st and the 99th percentile, which few outliers cannot stretch."""

# Of a scale: over the largest, what varies less counts as constant; over the number itself, rounding of a mean.
_LEAST, _ROUNDING = 1e-6, 1e-12
_QUANTILES = (0.01, 0.99)


def measure(
    values: Float[np.ndarray, "rows numbers"], *, angles: Sequence[int] = (), method: Normaliser = "deviation"
) -> tuple[Float[np.ndarray, " numbers"], Float[np.ndarray, " numbers"]]:
    """The centre and the scale of each number.

    A number that hardly varies gets the scale 1, so that it stays what it is. Angles are measured around their mean
    direction, at most as wide as the circle.

    Args:
        values: finite numbers, one row a state.
        angles: which of them are angles, in radians.
        method: see `Normaliser`.
    """
    turns = list(angles)
    middle = np.zeros(values.shape[1])
    middle[turns] = np.angle(np.exp(1j * values[:, turns]).mean(axis=0))
    values = values.copy()
    values[:, turns] = _wrapped(values[:, turns] - middle[turns])
    if method == "deviation":
        centre, scale = values.mean(axis=0), values.std(axis=0)
    else:
        low, high = (
            (values.min(axis=0), values.max(axis=0))
            if method == "range"
            else np.quantile(values, _QUANTILES, axis=0)
        )
        centre, scale = (low + high) / 2, (high - low) / 2
    rounding = _ROUNDING * np.abs(values).max(axis=0)
    scale = np.where(scale > np.maximum(_LEAST * scale.max(), rounding), scale, 1.0)
    centre[turns] = _wrapped(centre[turns] + middle[turns])
    return centre, scale


def _wrapped(angles: np.ndarray) -> np.ndarray:
    return np.asarray((angles + math.pi) % (2 * math.pi) - math.pi)
