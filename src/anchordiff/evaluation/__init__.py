"""Evaluation: metrics, fixed suites of held-out mazes, and methods compared in one run.

Example:
    >>> from anchordiff.evaluation import SUITES, is_success
    >>> batch = SUITES["particle-21"].load(range(20))
    >>> bool(is_success(batch.condition, batch.trajectory).all())
    True
"""

from anchordiff.evaluation.comparison import evaluate, run_methods
from anchordiff.evaluation.methods import Attempt, Method
from anchordiff.evaluation.metrics import (
    collision_rate,
    diversity,
    is_success,
    length_ratio,
    path_length,
    smoothness,
    wilson_interval,
)
from anchordiff.evaluation.results import Evaluation, MethodResult
from anchordiff.evaluation.suites import SUITES, Suite, find_suite

__all__ = [
    "SUITES",
    "Attempt",
    "Evaluation",
    "Method",
    "MethodResult",
    "Suite",
    "collision_rate",
    "diversity",
    "evaluate",
    "find_suite",
    "is_success",
    "length_ratio",
    "path_length",
    "run_methods",
    "smoothness",
    "wilson_interval",
]
