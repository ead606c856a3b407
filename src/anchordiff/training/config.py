"""What decides the course of a training run: the optimiser's settings and their schedules over the steps."""

import math
from dataclasses import dataclass
from typing import Literal

from anchordiff.checks import check_integer, check_rules
from anchordiff.configs import exact

Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, kw_only=True)
@exact
class TrainConfig:
    """Settings of a run; two runs with equal configs, data and first weights are the same run.

    The learning rate climbs linearly over `warmup_steps`, then falls along half a cosine from
    `learning_rate` to `learning_rate * final_ratio` at the last step; steps that a loss scaler skips do not
    count. The averaged weights m follow m <- d m + (1 - d) w, with d = min(ema_decay, (1 + n) / (ema_warmup + n))
    at the n-th update.

    Attributes:
        steps: optimiser steps of the whole run.
        batch_size: samples that one optimiser step sees, over all ranks and accumulated parts. With the same
            config a step sees the same samples on one process or many; noise is each process's own.
        accumulate: parts that each rank computes one after the other before an optimiser step.
        learning_rate: the highest learning rate.
        warmup_steps: steps of the linear climb, at most `steps`; where none are given, 500, or half of `steps` where
            that is less.
        final_ratio: last learning rate over the highest.
        weight_decay: AdamW's decay of matrices; vectors (biases, norms' scales) are never decayed.
        betas: AdamW's two averages.
        clip_norm: largest L2 norm of the gradient; None leaves it as it is.
        ema_decay: decay of the averaged weights; None keeps no average.
        ema_warmup: how slowly the decay grows at the start; higher averages over fewer steps early on.
        precision: "fp32", or autocast to "bf16", or to "fp16" with a loss scaler.
        seed: decides the noise of every step.

    Raises:
        ValueError: if a value is out of its range.

    Example:
        >>> config = TrainConfig(steps=100, warmup_steps=10, learning_rate=1e-3)
        >>> [round(config.learning_rate_at(step), 6) for step in (0, 9, 55, 99)]
        [0.0001, 0.001, 0.000488, 1e-05]
    """

    steps: int = 10_000
    batch_size: int = 64
    accumulate: int = 1
    learning_rate: float = 3e-4
    warmup_steps: int | None = None
    final_ratio: float = 0.01
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.99)
    clip_norm: float | None = 1.0
    ema_decay: float | None = 0.999
    ema_warmup: float = 10.0
    precision: Precision = "fp32"
    seed: int = 0

    def __post_init__(self) -> None:
        check_integer("steps", self.steps)
        if self.warmup_steps is None:
            object.__setattr__(self, "warmup_steps", min(500, self.steps // 2))
        check_integer("warmup_steps", self.warmup_steps, least=0, most=self.steps, most_is="steps")
        for name, least in (
            ("batch_size", 1),
            ("accumulate", 1),
            ("seed", 0),
        ):
            check_integer(name, getattr(self, name), least=least)
        rules = {
            "learning_rate": (0 < self.learning_rate < math.inf, "be positive"),
            "final_ratio": (0 <= self.final_ratio <= 1, "lie in [0, 1]"),
            "weight_decay": (self.weight_decay >= 0, "not be negative"),
            "betas": (all(0 <= beta < 1 for beta in self.betas), "lie in [0, 1)"),
            "clip_norm": (self.clip_norm is None or self.clip_norm > 0, "be positive or None"),
            "ema_decay": (self.ema_decay is None or 0 <= self.ema_decay < 1, "lie in [0, 1) or be None"),
            "ema_warmup": (self.ema_warmup >= 1, "be at least 1"),
            "precision": (self.precision in ("fp32", "bf16", "fp16"), "be 'fp32', 'bf16' or 'fp16'"),
        }
        check_rules(self, rules)
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"batch_size must be a multiple of accumulate, found {self.batch_size} and {self.accumulate}"
            )

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of the update that follows `step` finished ones."""
        warmup = self.warmup_steps or 0
        if step < warmup:
            return self.learning_rate * (step + 1) / warmup
        progress = (step + 1 - warmup) / max(1, self.steps - warmup)
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        return self.learning_rate * (self.final_ratio + (1 - self.final_ratio) * cosine)


@dataclass(frozen=True, kw_only=True)
@exact
class RunOptions:
    """How a run is watched and kept; none of it changes the weights, so all may change at a resume.

    Attributes:
        log_every: steps a line of the log; the line holds their mean.
        save_every: steps between two writes of checkpoints/last.pt.
        keep_every: steps between two checkpoints that stay, checkpoints/step-N.pt; None for none.
        evaluate_every: steps between two evaluations; None evaluates at the end alone.
        best: which of the evaluation's values decides checkpoints/best.pt.
        best_is: whether the lowest or the highest value is the best.
        max_seconds: stop after this time, to be resumed later; None runs to the end.
        ahead: batches to prepare in advance.
        tensorboard: whether to write TensorBoard's files where it is installed.
        progress: whether to show a progress bar; None shows it on a terminal.
    """

    log_every: int = 50
    save_every: int = 1000
    keep_every: int | None = None
    evaluate_every: int | None = None
    best: str = "loss"
    best_is: Literal["lowest", "highest"] = "lowest"
    max_seconds: float | None = None
    ahead: int = 2
    tensorboard: bool = True
    progress: bool | None = None

    def __post_init__(self) -> None:
        for name in ("log_every", "save_every", "keep_every", "evaluate_every"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, found {value}")
        rules = {
            "best_is": (self.best_is in ("lowest", "highest"), "be 'lowest' or 'highest'"),
            "max_seconds": (self.max_seconds is None or self.max_seconds >= 0, "not be negative"),
            "ahead": (self.ahead >= 0, "not be negative"),
        }
        check_rules(self, rules)

    def due(self, every: int | None, step: int, steps: int) -> bool:
        """Whether what happens each `every` steps, and after the last, happens after `step`."""
        return step == steps or (every is not None and step % every == 0)
