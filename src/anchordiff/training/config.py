"""What decides the course of a training run: the optimiser's settings and their schedules over the steps."""

import math
from dataclasses import dataclass
from typing import Literal

Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Settings of a run; two runs with equal configs, data and first weights are the same run.

    The learning rate climbs linearly over `warmup_steps`, then falls along half a cosine from
    `learning_rate` to `learning_rate * final_ratio` at the last step. The averaged weights m follow
    m <- d m + (1 - d) w, with d = min(ema_decay, (1 + n) / (ema_warmup + n)) at the n-th update.

    Attributes:
        steps: optimiser steps of the whole run.
        batch_size: samples that one optimiser step sees, over all ranks and accumulated parts. The same
            config therefore means the same run on one process or many.
        accumulate: parts that each rank computes one after the other before an optimiser step.
        learning_rate: the highest learning rate.
        warmup_steps: steps of the linear climb.
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
    warmup_steps: int = 500
    final_ratio: float = 0.01
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.99)
    clip_norm: float | None = 1.0
    ema_decay: float | None = 0.999
    ema_warmup: float = 10.0
    precision: Precision = "fp32"
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulate"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, found {getattr(self, name)}")
        if self.batch_size % self.accumulate:
            raise ValueError(
                f"batch_size must be a multiple of accumulate, found {self.batch_size} and {self.accumulate}"
            )
        for name in ("warmup_steps", "weight_decay", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, found {getattr(self, name)}")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be positive, found {self.learning_rate}")
        if not 0 <= self.final_ratio <= 1:
            raise ValueError(f"final_ratio must lie in [0, 1], found {self.final_ratio}")
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise ValueError(f"clip_norm must be positive or None, found {self.clip_norm}")
        if self.ema_decay is not None and not 0 <= self.ema_decay < 1:
            raise ValueError(f"ema_decay must lie in [0, 1) or be None, found {self.ema_decay}")
        if not self.ema_warmup >= 1:
            raise ValueError(f"ema_warmup must be at least 1, found {self.ema_warmup}")
        if self.precision not in ("fp32", "bf16", "fp16"):
            raise ValueError(f"precision must be 'fp32', 'bf16' or 'fp16', found {self.precision!r}")

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of the update that follows `step` finished ones."""
        if step < self.warmup_steps:
            return self.learning_rate * (step + 1) / self.warmup_steps
        progress = (step + 1 - self.warmup_steps) / max(1, self.steps - self.warmup_steps)
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        return self.learning_rate * (self.final_ratio + (1 - self.final_ratio) * cosine)
