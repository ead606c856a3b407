"""Evaluation: methods compared on the same samples in one run."""

from anchordiff.evaluation.comparison import run_methods
from anchordiff.evaluation.methods import Attempt, Method
from anchordiff.evaluation.results import Column, Evaluation, MethodResult
from anchordiff.evaluation.statistics import wilson_interval

__all__ = ["Attempt", "Column", "Evaluation", "Method", "MethodResult", "run_methods", "wilson_interval"]
