"""Exponential moving average of a model's weights."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class EMA:
    """Averaged weights, kept in float32 whatever the model's own precision.

    The n-th update, from n = 0, is m <- d m + (1 - d) w with d = min(decay, (1 + n) / (warmup + n)), so
    that early averages forget the first weights quickly. Buffers are copied, not averaged.

    Example:
        >>> model = nn.Linear(2, 1)
        >>> ema = EMA(model, decay=0.99)
        >>> with torch.no_grad():
        ...     _ = model.weight.add_(1.0)
        >>> ema.update(model)
        >>> with ema.applied(model):
        ...     averaged = model.weight.clone()
    """

    def __init__(self, model: nn.Module, *, decay: float, warmup: float = 10.0) -> None:
        self.decay = decay
        self.warmup = warmup
        self.updates = 0
        self.average = {name: value.detach().float().clone() for name, value in model.named_parameters()}
        self.buffers = {name: value.detach().clone() for name, value in model.named_buffers()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take one step towards the model's current weights."""
        decay = min(self.decay, (1 + self.updates) / (self.warmup + self.updates))
        current = [value.detach().float() for _, value in model.named_parameters()]
        torch._foreach_lerp_(list(self.average.values()), current, 1 - decay)
        for name, value in model.named_buffers():
            self.buffers[name].copy_(value)
        self.updates += 1

    @torch.no_grad()
    def copy_to(self, model: nn.Module) -> None:
        """Overwrite the model's weights with the averaged ones, in the model's own dtypes."""
        averaged = {**self.average, **self.buffers}
        for name, value in _tensors(model):
            value.copy_(averaged[name])

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Let the model hold the averaged weights inside a `with` block, and its own ones after it."""
        own = {name: value.detach().clone() for name, value in _tensors(model)}
        self.copy_to(model)
        try:
            yield
        finally:
            with torch.no_grad():
                for name, value in _tensors(model):
                    value.copy_(own[name])

    def state_dict(self) -> dict[str, object]:
        """The averages and how many updates they have seen."""
        return {"average": self.average, "buffers": self.buffers, "updates": self.updates}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """Go on from a saved average; each tensor stays on the device it is on here.

        Raises:
            ValueError: if the saved average is of another model.
        """
        for kind in ("average", "buffers"):
            mine, saved = getattr(self, kind), state[kind]
            if not isinstance(saved, dict) or saved.keys() != mine.keys():
                raise ValueError(f"state[{kind!r}] must hold the model's own tensors, found others")
            for name, value in mine.items():
                if saved[name].shape != value.shape:
                    raise ValueError(
                        f"state[{kind!r}][{name!r}] must have shape {tuple(value.shape)}, "
                        f"found {tuple(saved[name].shape)}"
                    )
                value.copy_(saved[name])
        updates = state["updates"]
        if not isinstance(updates, int):
            raise ValueError(f"state['updates'] must be an integer, found {updates!r}")
        self.updates = updates


def _tensors(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from model.named_parameters()
    yield from model.named_buffers()
