"""The training loop: batches and a loss in, one record out after each optimiser step."""

import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor, nn

from anchordiff.data.slot import Slot, slots
from anchordiff.errors import TrainingError
from anchordiff.nn.modes import remember_modes, restore_modes
from anchordiff.training.config import TrainConfig
from anchordiff.training.distributed import joined
from anchordiff.training.draw import Draw
from anchordiff.training.prefetching import moved, prefetch
from anchordiff.training.state import TrainState

Model = TypeVar("Model", bound=nn.Module)
Batch = TypeVar("Batch")
Batches = Callable[[Slot], Batch]
Loss = Callable[[Model, Batch, Draw], Tensor | Mapping[str, Tensor]]

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_LEAST_SCALE = 2.0**-10


@dataclass(frozen=True, kw_only=True)
class TrainStep:
    """What one optimiser step did.

    Attributes:
        step: finished steps, from 1.
        loss: mean over the step's batch.
        terms: means of the loss's other named terms.
        learning_rate: the rate of this step.
        grad_norm: L2 norm of the gradient before clipping; infinite where the step was skipped.
        skipped: whether fp16 gradients overflowed, so that the scaler skipped the update.
        seconds: time of the step by the clock.
        data_seconds: the part of it spent waiting for batches.
    """

    step: int
    loss: float
    learning_rate: float
    grad_norm: float
    seconds: float
    data_seconds: float
    skipped: bool = False
    terms: dict[str, float] = field(default_factory=dict)


def train(
    model: Model,
    batches: Batches[Batch],
    loss: Loss[Model, Batch],
    config: TrainConfig,
    *,
    state: TrainState | None = None,
    ahead: int = 2,
) -> Generator[TrainStep, None, None]:
    """Train `model` where it is, and yield after each optimiser step.

    Logging, saving and stopping are the caller's. Between two yields the state is consistent, so it may be
    saved there. Under torchrun each process computes its share of every batch and all yield the same.

    Torch's global generator is seeded anew for each batch, so that dropout too follows from the step.

    Args:
        model: module on its device, in float32. Put into training mode if it is not; parts of a model in training mode
            keep their own (a frozen batch norm in evaluation mode stays there).
        batches: makes the batch of a slot, on the CPU; a pure function of the slot, called ahead of time
            in another thread. `slot.indices` gives the indices of its samples.
        loss: of (model, batch on the model's device, a `Draw` of the step and a generator there): a scalar mean over
            the batch, or named scalars (the same names every time) of which "loss" is the one to minimise.
        config: the run's settings.
        state: where to go on from, made for `model` and `config`; default a new start.
        ahead: batches to prepare in advance; 0 makes them in the loop.

    Raises:
        ValueError: if `state` is of another model or config.
        TrainingError: if the loss or the gradient stops being finite; the weights are those before that step.

    Example:
        >>> model = nn.Linear(1, 1)
        >>> def batches(slot):
        ...     return torch.tensor(slot.indices % 7, dtype=torch.float32)[:, None]
        >>> def loss(model, x, draw):
        ...     return (model(x) - 2 * x).square().mean()
        >>> config = TrainConfig(steps=300, learning_rate=0.05, warmup_steps=10)
        >>> losses = [step.loss for step in train(model, batches, loss, config)]
        >>> losses[-1] < 0.01 * losses[0]
        True
    """
    state = state or TrainState(model, config)
    if state.model is not model or state.config != config:
        raise ValueError("state must have been made for this model and config, found another's")
    return _steps(model, batches, loss, state, ahead)


def _steps(
    model: Model, batches: Batches[Batch], loss: Loss[Model, Batch], state: TrainState, ahead: int
) -> Generator[TrainStep, None, None]:
    config, optimizer, scaler = state.config, state.optimizer, state.scaler
    if not model.training:
        model.train()
    modes = remember_modes(model)
    with joined(state.device) as ranks:
        ranks.share(state.tensors())
        places = slots(
            config.steps, config.batch_size, accumulate=config.accumulate, start=state.step, rank=ranks.rank,
            world=ranks.world,
        )  # fmt: skip
        with prefetch(_keyed(batches), places, ahead=ahead, pin=state.device.type == "cuda") as stream:
            while state.step < config.steps:
                began = time.perf_counter()
                restore_modes(modes)  # what happened between two yields must not matter
                optimizer.zero_grad(set_to_none=True)
                rate = config.learning_rate_at(state.step - state.skipped)
                for group in optimizer.param_groups:
                    group["lr"] = rate

                try:
                    terms, data_seconds = _accumulate(model, stream, loss, state)
                except ValueError as error:
                    if state.step == 0:
                        raise  # of the arguments: nothing is lost
                    raise TrainingError(_told(f"{error}", state)) from error
                ranks.average_gradients(state.parameters)
                scaler.unscale_(optimizer)
                norm = nn.utils.clip_grad_norm_(state.parameters, config.clip_norm or math.inf)
                means = ranks.mean(torch.stack(list(terms.values())))
                # One transfer for all numbers, before the update, so that a bad one spoils no weight.
                *values, grad_norm = torch.cat([means, norm.float().reshape(1)]).tolist()
                named = dict(zip(terms, values, strict=True))
                _check(named["loss"], grad_norm, state)

                scaler.step(optimizer)
                scaler.update()
                state.step += 1
                skipped = not math.isfinite(grad_norm)
                if skipped:
                    state.skipped += 1
                elif state.ema is not None:
                    state.ema.update(model)
                yield TrainStep(
                    step=state.step,
                    loss=named.pop("loss"),
                    terms=named,
                    learning_rate=rate,
                    grad_norm=grad_norm,
                    skipped=skipped,
                    seconds=time.perf_counter() - began,
                    data_seconds=data_seconds,
                )


def _accumulate(
    model: Model, stream: Iterator[tuple[Slot, Batch]], loss: Loss[Model, Batch], state: TrainState
) -> tuple[dict[str, Tensor], float]:
    """Add up the gradients of a step's parts; return the means of the loss's terms and the wait for data."""
    config, device = state.config, state.device
    means: dict[str, Tensor] = {}
    waited = 0.0
    for _ in range(config.accumulate):
        asked = time.perf_counter()
        slot, batch = next(stream)
        waited += time.perf_counter() - asked
        draw = Draw(step=slot.step, generator=_seeded(slot.seed(config.seed), device))
        with torch.autocast(device.type, _DTYPES[config.precision], enabled=config.precision != "fp32"):
            terms = _named(loss(model, moved(batch, device), draw))
        torch.autograd.backward(state.scaler.scale(terms["loss"] / config.accumulate))
        for name, value in terms.items():
            part = value.detach().float().reshape(()) / config.accumulate
            means[name] = means[name] + part if name in means else part
    return means, waited


def _seeded(seed: int, device: torch.device) -> torch.Generator:
    """A generator for a part's noise; the global ones, which dropout draws from, get the same seed.

    `torch.manual_seed` would do, but it also records a stack trace for every kind of device that is absent.
    """
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    return torch.Generator(device).manual_seed(seed)


def _keyed(batches: Batches[Batch]) -> Callable[[Slot], tuple[Slot, Batch]]:
    return lambda slot: (slot, batches(slot))


def _named(result: Tensor | Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    terms = {"loss": result} if isinstance(result, Tensor) else result
    if "loss" not in terms:
        raise ValueError(f"loss must return a tensor or a mapping with 'loss', found {sorted(terms)}")
    for name, value in terms.items():
        if value.numel() != 1:
            raise ValueError(f"{name!r} must be a scalar, found shape {tuple(value.shape)}")
    return terms


def _check(loss: float, grad_norm: float, state: TrainState) -> None:
    """Refuse a step that would spoil the weights; fp16 overflow alone is the scaler's business."""
    if not math.isfinite(loss):
        what = f"loss is {loss}"
    elif math.isfinite(grad_norm):
        return
    elif not state.scaler.is_enabled():
        what = f"gradient's norm is {grad_norm}"
    elif state.scaler.get_scale() < _LEAST_SCALE:
        what = f"gradient overflows at every loss scale down to {state.scaler.get_scale():.1e}"
    else:
        return
    raise TrainingError(_told(f"the {what}", state))


def _told(what: str, state: TrainState) -> str:
    kept = "no checkpoint was saved" if state.saved is None else f"the last good checkpoint is {state.saved}"
    return f"step {state.step + 1} cannot be taken: {what}; {kept}"
