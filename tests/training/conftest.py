"""A task of a few microseconds: learn to halve a vector, with noise, dropout and two parts of a loss."""

import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

from anchordiff.data import Slot
from anchordiff.training import Draw


class Halver(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 16), nn.GELU(), nn.Dropout(0.1), nn.Linear(16, 4))
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen += 1
        return self.layers(x)


def sample(index: int) -> Tensor:
    return torch.randn(4, generator=torch.Generator().manual_seed(index))


def batches(slot: Slot) -> dict[str, Tensor]:
    return {"x": torch.stack([sample(int(index)) for index in slot.indices])}


def noisy_loss(model: nn.Module, batch: Mapping[str, Tensor], draw: Draw) -> dict[str, Tensor]:
    noise = torch.randn(batch["x"].shape, generator=draw.generator)
    error = model(batch["x"] + 0.1 * noise) - 0.5 * batch["x"]
    return {"loss": error.square().mean() + 0.1 * error.abs().mean(), "absolute": error.abs().mean()}


def exact_loss(model: nn.Module, batch: Mapping[str, Tensor], draw: Draw) -> Tensor:
    return (model(batch["x"]) - 0.5 * batch["x"]).square().mean()


@dataclass(frozen=True)
class Toy:
    batches: Callable[[Slot], dict[str, Tensor]] = batches
    noisy_loss: Callable[..., dict[str, Tensor]] = noisy_loss
    exact_loss: Callable[..., Tensor] = exact_loss

    def model(self, *, seed: int = 0, dropout: bool = True) -> nn.Module:
        torch.manual_seed(seed)
        model = Halver()
        model.layers[2].p = 0.1 if dropout else 0.0
        return model


@pytest.fixture
def ctrl_c() -> Iterator[Callable[[], None]]:
    """Press Ctrl-C, with the handler that Python has in a terminal: in the background it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield lambda: signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def toy() -> Toy:
    return Toy()
