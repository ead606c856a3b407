"""Training by hand over torch: a loop to iterate, and a driver that keeps a run in a folder.

`train` is the loop: it yields after each optimiser step and leaves logging, saving and stopping to the
caller. `fit` is such a caller: a folder with a log, checkpoints, evaluation and exact resume.

Example:
    >>> import torch
    >>> from anchordiff.training import TrainConfig, train
    >>> def batches(slot):
    ...     return torch.tensor(slot.indices % 5, dtype=torch.float32)[:, None]
    >>> def loss(model, x, draw):
    ...     noise = torch.randn(x.shape, generator=draw.generator)
    ...     return (model(x + 0.1 * noise) - x).square().mean()
    >>> config = TrainConfig(steps=3, batch_size=4, warmup_steps=0)
    >>> [step.step for step in train(torch.nn.Linear(1, 1), batches, loss, config)]
    [1, 2, 3]
"""

from anchordiff.data.slots import Slot, slots
from anchordiff.training.bootstrap import Bootstrap, ScheduledSampling
from anchordiff.training.checkpoint import load_checkpoint, read_checkpoint, save_checkpoint
from anchordiff.training.config import TrainConfig
from anchordiff.training.distributed import Ranks, joined
from anchordiff.training.draw import Draw
from anchordiff.training.ema import EMA
from anchordiff.training.load import load_stage
from anchordiff.training.logs import JsonLog, read_log
from anchordiff.training.loop import Batches, Loss, TrainStep, train
from anchordiff.training.objectives import DenoiserObjective, KeypointObjective, training_masks
from anchordiff.training.pipeline import PipelineRun, fit_pipeline, train_pipeline
from anchordiff.training.prefetch import prefetch
from anchordiff.training.run import RunOptions, RunResult, fit
from anchordiff.training.stage import StageResult, StageRun, fit_denoiser, fit_keypoints
from anchordiff.training.state import TrainState

__all__ = [
    "EMA",
    "Batches",
    "Bootstrap",
    "DenoiserObjective",
    "Draw",
    "JsonLog",
    "KeypointObjective",
    "Loss",
    "PipelineRun",
    "Ranks",
    "RunOptions",
    "RunResult",
    "ScheduledSampling",
    "Slot",
    "StageResult",
    "StageRun",
    "TrainConfig",
    "TrainState",
    "TrainStep",
    "fit",
    "fit_denoiser",
    "fit_keypoints",
    "fit_pipeline",
    "joined",
    "load_checkpoint",
    "load_stage",
    "prefetch",
    "read_checkpoint",
    "read_log",
    "save_checkpoint",
    "slots",
    "train",
    "train_pipeline",
    "training_masks",
]
