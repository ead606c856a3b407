"""Numbers that bundled weights made once: written by `make_golden_*.py`, and held to by the tests beside them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def save(name: str, made: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    """Write the arrays of each call of a pipeline."""
    arrays = {f"{call}.{part}": value for call, parts in made.items() for part, value in parts.items()}
    np.savez_compressed(HERE / f"{name}.npz", **arrays)


def check(name: str, call: str, made: Mapping[str, np.ndarray], *, atol: float) -> None:
    """Hold the arrays of a call against the saved ones."""
    with np.load(HERE / f"{name}.npz") as golden:
        for part, value in made.items():
            np.testing.assert_allclose(value, golden[f"{call}.{part}"], rtol=0, atol=atol)
