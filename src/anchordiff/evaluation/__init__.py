"""Evaluation: metrics, fixed suites of held-out mazes, and methods compared in one run.

Example:
    >>> from anchordiff.evaluation import SUITES, is_success
    >>> batch = SUITES["particle-21"].load(range(20))
    >>> bool(is_success(batch.condition, batch.trajectory).all())
    True
"""

from anchordiff.evaluation.metrics import (
    collision_rate,
    diversity,
    is_success,
    length_ratio,
    path_length,
    smoothness,
    wilson_interval,
)
from anchordiff.evaluation.suites import SUITES, Suite, find_suite

__all__ = [
    "SUITES",
    "Suite",
    "collision_rate",
    "diversity",
    "find_suite",
    "is_success",
    "length_ratio",
    "path_length",
    "smoothness",
    "wilson_interval",
]
