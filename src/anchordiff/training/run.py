"""A whole training run in one folder: logs, checkpoints, evaluation, resume."""

import json
import math
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import save
from torch import nn

from anchordiff.configs import differences
from anchordiff.errors import CorruptFileError, TrainingError
from anchordiff.files import locked, write_whole
from anchordiff.nn.modes import evaluating
from anchordiff.progress import progress_bar
from anchordiff.training.checkpoint import load_checkpoint, save_checkpoint
from anchordiff.training.config import RunOptions, TrainConfig
from anchordiff.training.distributed import Ranks, joined
from anchordiff.training.interrupt import deferred_interrupt
from anchordiff.training.logs import Board, JsonLog, Window
from anchordiff.training.loop import Batches, Loss, TrainStep, train
from anchordiff.training.state import TrainState

Model = TypeVar("Model", bound=nn.Module)
Batch = TypeVar("Batch")
Evaluate = Callable[[Model, int], Mapping[str, float]]


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """How a call of `fit` ended.

    Attributes:
        step: finished steps.
        finished: whether that is all of them.
        checkpoint: the last checkpoint.
        weights: averaged weights (safetensors), or None where the run goes on later.
        best: best value of the followed metric, if there was an evaluation.
    """

    step: int
    finished: bool
    checkpoint: Path
    weights: Path | None
    best: float | None


def fit(
    model: Model,
    batches: Batches[Batch],
    loss: Loss[Model, Batch],
    config: TrainConfig,
    out: str | Path,
    *,
    resume: bool = False,
    settings: Mapping[str, Any] | None = None,
    evaluate: Evaluate[Model] | None = None,
    options: RunOptions | None = None,
) -> RunResult:
    """Train in a folder, from its start or from where the run in it stopped.

    The folder gets `config.json`, `log.jsonl`, `checkpoints/`, `tensorboard/` and, at the end,
    `weights.safetensors`. A run that was killed at any moment and resumed ends as if it had never stopped,
    on the CPU with the same bits. At the end `model` holds the averaged weights. Ctrl-C or SIGTERM stop after the
    step at hand and save it.

    Args:
        model: module on its device; a new run starts from its weights.
        batches: as for `train`.
        loss: as for `train`.
        config: as for `train`.
        out: the run's folder.
        resume: whether to go on with the run in `out`; if there is none yet, a new one starts.
        settings: what else decides the run, in JSON's terms (the model's config, the data's): saved
            beside `config` and compared at a resume.
        evaluate: of (model with averaged weights in evaluation mode, step): named values. It runs in
            process 0, without gradients.
        options: how to log and save.

    Raises:
        ValueError: if `out` holds a run and `resume` is false, or a run with another config.
        TrainingError: as for `train`; the message names the last good checkpoint.
        KeyboardInterrupt: after Ctrl-C or SIGTERM, when the run is saved.
        FolderInUseError: if another process trains in `out`.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> model = nn.Linear(1, 1)
        >>> def batches(slot):
        ...     return torch.tensor(slot.indices % 7, dtype=torch.float32)[:, None]
        >>> def loss(model, x, draw):
        ...     return (model(x) - 2 * x).square().mean()
        >>> options = RunOptions(save_every=5, max_seconds=0.0, tensorboard=False, progress=False)
        >>> with TemporaryDirectory() as folder:
        ...     first = fit(model, batches, loss, TrainConfig(steps=20), folder, options=options)
        ...     second = fit(model, batches, loss, TrainConfig(steps=20), folder, resume=True)
        >>> (first.step, first.finished), (second.step, second.finished)
        ((1, False), (20, True))
    """
    out, options = Path(out), options or RunOptions()
    state = TrainState(model, config)
    with ExitStack() as stack:
        ranks = stack.enter_context(joined(state.device))
        if ranks.rank == 0:
            stack.enter_context(locked(out))
        _open_folder(out, {"train": asdict(config), **(settings or {})}, state, ranks, resume=resume)
        evaluation = None if evaluate is None else partial(evaluate, model)
        run = _Run(state, out, evaluation, options, ranks, stack)
        deadline = None if options.max_seconds is None else time.monotonic() + options.max_seconds
        # Processes of a torchrun would not stop at the same step.
        interrupted = stack.enter_context(deferred_interrupt(wanted=ranks.world == 1))
        steps = stack.enter_context(
            closing(train(model, batches, loss, config, state=state, ahead=options.ahead))
        )
        for step in steps:
            run.after(step)
            late = deadline is not None and time.monotonic() > deadline
            if interrupted() or (options.max_seconds is not None and ranks.any(late, device=state.device)):
                break
        result = run.end()
        ranks.barrier()  # the files are whole when any process returns
        if interrupted() and not result.finished:
            raise KeyboardInterrupt(f"stopped after step {result.step}; resume to go on from there")
        return result


def _open_folder(
    out: Path, settings: Mapping[str, Any], state: TrainState, ranks: Ranks, *, resume: bool
) -> None:
    """Make a new run's folder, or check an old one's config and load its last checkpoint."""
    record, last = out / "config.json", out / "checkpoints" / "last.pt"
    settings = json.loads(json.dumps(settings))
    if record.exists():
        if not resume:
            raise ValueError(f"out must be a new folder unless resume=True, found a run in {out}")
        try:
            saved = json.loads(record.read_bytes())
        except ValueError as error:
            raise CorruptFileError(f"{record} is not JSON: {error}") from error
        changed = differences(saved, settings)
        if changed:
            raise ValueError(f"resume needs the config of the run in {out}, found " + "; ".join(changed))
    if last.exists():
        load_checkpoint(last, state)
    # Every process has looked before the first one writes, and all saw the same.
    if ranks.any(state.step != ranks.first(state.step, device=state.device), device=state.device):
        raise TrainingError(f"processes must resume from one step, found different checkpoints in {out}")
    if ranks.rank == 0 and not last.exists():
        write_whole(record, json.dumps(settings, indent=2).encode() + b"\n")
        save_checkpoint(last, state)
    state.saved = last


class _Run:
    """What happens between the steps, in process 0; the others only count."""

    def __init__(
        self,
        state: TrainState,
        out: Path,
        evaluate: Callable[[int], Mapping[str, float]] | None,
        options: RunOptions,
        ranks: Ranks,
        stack: ExitStack,
    ) -> None:
        self.model, self.state, self.out, self.evaluate = state.model, state, out, evaluate
        self.options, self.writes, self.window = options, ranks.rank == 0, Window()
        self.last = out / "checkpoints" / "last.pt"
        if self.writes:
            self.log = stack.enter_context(JsonLog(out / "log.jsonl", keep_until=state.step))
            self.board = stack.enter_context(
                closing(Board(out / "tensorboard", start=state.step, wanted=options.tensorboard))
            )
            self.bar = stack.enter_context(
                closing(
                    progress_bar(
                        out.name,
                        "step",
                        total=state.config.steps,
                        start=state.step,
                        shown=options.progress,
                    )
                )
            )

    def after(self, step: TrainStep) -> None:
        """Log, evaluate and save what is due after a step."""
        if not self.writes:
            return
        options, steps = self.options, self.state.config.steps
        self.window.add(step)
        self.bar.update()
        saving = options.due(options.save_every, step.step, steps)
        # A line at each save lets a resumed run write the very lines of one that never stopped.
        if saving or options.due(options.log_every, step.step, steps):
            self._log_window(step.learning_rate)
        if self.evaluate is not None and options.due(options.evaluate_every, step.step, steps):
            self._evaluate(self.evaluate)
        if options.keep_every is not None and step.step % options.keep_every == 0:
            save_checkpoint(self.last.with_name(f"step-{step.step:08d}.pt"), self.state)
        if saving:
            self._save()

    def end(self) -> RunResult:
        """Save an unfinished run; give a finished one's model the averaged weights and write them."""
        state = self.state
        finished = state.step == state.config.steps
        weights = self.out / "weights.safetensors" if finished else None
        if self.writes and not finished:
            self._log_window(state.optimizer.param_groups[0]["lr"])
            self._save()
        if finished and state.ema is not None:
            state.ema.copy_to(self.model)
        if self.writes and weights is not None:
            tensors = {n: v.detach().cpu().clone().contiguous() for n, v in self.model.state_dict().items()}
            write_whole(weights, save(tensors))
        self.model.eval()
        return RunResult(
            step=state.step, finished=finished, checkpoint=self.last, weights=weights, best=state.best
        )

    def _save(self) -> None:
        self.log.flush()
        save_checkpoint(self.last, self.state)

    def _log_window(self, learning_rate: float) -> None:
        means = self.window.take()
        if means:
            self.log.write(event="train", step=self.state.step, learning_rate=learning_rate, **means)
            self.board.write("train", self.state.step, {"learning_rate": learning_rate, **means})
            self.bar.set_postfix(loss=f"{means['loss']:.4g}", refresh=False)

    def _evaluate(self, evaluate: Callable[[int], Mapping[str, float]]) -> None:
        state, options = self.state, self.options
        began = time.perf_counter()
        try:
            values = self._values(evaluate)
        except BaseException:
            self._save()  # what the caller's function does must not cost the steps before it
            raise
        seconds = time.perf_counter() - began
        self.log.write(event="evaluation", step=state.step, **values, seconds=seconds)
        self.board.write("evaluation", state.step, values)
        value = values[options.best]
        sign = 1 if options.best_is == "lowest" else -1
        better = state.best is None or sign * value < sign * state.best
        if better and not math.isnan(value):
            state.best = value
            save_checkpoint(self.last.with_name("best.pt"), state)

    def _values(self, evaluate: Callable[[int], Mapping[str, float]]) -> dict[str, float]:
        """What the averaged weights are worth."""
        state, best = self.state, self.options.best
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            stack.enter_context(evaluating(self.model))
            if state.ema is not None:
                stack.enter_context(state.ema.applied(self.model))
            values = {name: float(value) for name, value in evaluate(state.step).items()}
        if best not in values:
            raise ValueError(f"best must be one of the evaluation's values {sorted(values)}, found {best!r}")
        return values
