"""Everything that a training run carries from one step to the next."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from anchordiff.configs import differences
from anchordiff.training.config import TrainConfig
from anchordiff.training.ema import EMA


class TrainState:
    """Weights, optimiser, loss scaler and averaged weights of a run after `step` steps.

    The noise and the data are no part of it: they follow from the step.

    Attributes:
        model: the trained module; it stays on its device.
        config: the run's settings.
        optimizer: AdamW over the parameters that take gradients.
        scaler: loss scaler; idle unless the precision is "fp16".
        ema: averaged weights, or None where the config wants none.
        step: finished optimiser steps.
        skipped: how many of them the loss scaler skipped: no update of the weights, their average or the learning rate.
        best: best value so far of the metric that the caller follows, if any.
        saved: file of the last checkpoint that was written from or read into this state.
    """

    def __init__(self, model: nn.Module, config: TrainConfig) -> None:
        self.model = model
        self.config = config
        self.parameters = [value for value in model.parameters() if value.requires_grad]
        if not self.parameters:
            raise ValueError("model must have parameters that take gradients, found none")
        groups = [
            {
                "params": [value for value in self.parameters if value.ndim > 1],
                "weight_decay": config.weight_decay,
            },
            {"params": [value for value in self.parameters if value.ndim <= 1], "weight_decay": 0.0},
        ]
        self.device = self.parameters[0].device
        self.optimizer = torch.optim.AdamW(
            [group for group in groups if group["params"]],
            lr=config.learning_rate,
            betas=config.betas,
            fused=self.device.type in ("cpu", "cuda"),
        )
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=config.precision == "fp16")
        self.ema = (
            None if config.ema_decay is None else EMA(model, decay=config.ema_decay, warmup=config.ema_warmup)
        )
        self.step = 0
        self.skipped = 0
        self.best: float | None = None
        self.saved: Path | None = None

    def tensors(self) -> Iterator[Tensor]:
        """Weights, buffers and their averages, which processes that train together must share."""
        yield from self.model.parameters()
        yield from self.model.buffers()
        if self.ema is not None:
            yield from self.ema.average.values()
            yield from self.ema.buffers.values()

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers and strings that `load_state_dict` goes on from."""
        return {
            "step": self.step,
            "skipped": self.skipped,
            "best": self.best,
            "config": asdict(self.config),
            "model": self.model.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
        }

    def check(self, state: Mapping[str, Any]) -> None:
        """Refuse a state that was saved under another config; the message names what differs."""
        changed = differences(state["config"], asdict(self.config))
        if changed:
            raise ValueError("config must be the one of the saved run, found " + "; ".join(changed))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a saved state; tensors move to the model's device.

        Raises:
            ValueError: if the state was saved under another config; the message names what differs.
        """
        self.check(state)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(state["scaler"])
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
        self.step = state["step"]
        self.skipped = state["skipped"]
        self.best = state["best"]
