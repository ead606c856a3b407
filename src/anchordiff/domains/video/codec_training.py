"""The training of the autoencoder on frames of moving shapes."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import torch

from anchordiff.configs import config_to_json
from anchordiff.data import TrainingData
from anchordiff.domains.video.autoencoder import FrameAutoencoder
from anchordiff.domains.video.codec_config import AutoencoderObjective, FrameAutoencoderConfig, ShapeFrames
from anchordiff.hub import from_pretrained, save_pretrained
from anchordiff.training.process import is_first
from anchordiff.training.stage import StageResult, StageRun, fit_network

_MEASURED: Final = 512


def fit_codec(
    config: FrameAutoencoderConfig,
    frames: ShapeFrames,
    out: str | Path,
    *,
    objective: AutoencoderObjective | None = None,
    options: StageRun | None = None,
) -> StageResult:
    """Train an autoencoder in a folder, or go on training it; see `anchordiff.training.fit_keypoints`.

    Args:
        config: what it is made of.
        frames: what it is trained on.
        out: its folder.
        objective: what it is trained for.
        options: how.

    Raises:
        ValueError: if `out` holds a run and `resume` is not set or it was another run, or an option is wrong.
    """
    objective = objective or AutoencoderObjective()
    settings = {"model": config_to_json(config), "objective": config_to_json(objective)}
    data = frames.open()
    result = fit_network(
        lambda: FrameAutoencoder(config),
        data,
        Path(out),
        objective,
        options or StageRun(),
        check=lambda model, batch: {},
        settings=settings,
    )
    if result.finished and is_first():
        measure_scale(out, data)
    return result


def measure_scale(out: str | Path, data: TrainingData) -> float:
    """Measure the standard deviation of a trained autoencoder's latents, and keep it in its config.

    Args:
        out: its folder.
        data: what it was trained on.

    Returns:
        The deviation, over held-out frames.
    """
    model = from_pretrained(out, FrameAutoencoder)
    pictures: Any = data.held_out(_MEASURED)
    with torch.no_grad():
        scale = float(torch.cat([model.encode(part) for part in torch.split(pictures, 64)]).std())
    measured = FrameAutoencoder(replace(model.config, scale=scale))
    measured.load_state_dict(model.state_dict())
    save_pretrained(measured, out)
    return scale
