"""What training takes over from earlier runs: first weights, and a frozen stage 1."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar, final

import tyro
from torch import nn

from anchordiff import hub
from anchordiff.cli._stages import TRAINING, load_stage
from anchordiff.configs import config_from_json, config_to_json
from anchordiff.denoiser import InterpDenoiserConfig
from anchordiff.errors import CorruptFileError
from anchordiff.hub.folders import CONFIG, read_json
from anchordiff.keypoints import KeypointDiffusion
from anchordiff.nn import MazeEncoderConfig
from anchordiff.training.bootstrap import Bootstrap, ScheduledSampling
from anchordiff.training.objectives import DenoiserObjective
from anchordiff.training.state import differences

Model = TypeVar("Model", bound=nn.Module)

_FROZEN: Final = "keypoints"
# Of a config: what may differ between a model and its first weights, since no weight's meaning hangs on it.
_FREE: Final = (
    "horizon", "num_keypoints", "num_anchors", "num_levels", "growth", "transformer.activation_checkpointing",
)  # fmt: skip


@final
@dataclass(frozen=True, kw_only=True)
class BootstrapFlags:
    """Scheduled sampling with a frozen stage 1; without `keypoints` there is none.

    Attributes:
        keypoints: folder of the trained stage 1. A copy of its weights is kept with the run.
        schedule: how often and which keypoints are replaced.
    """

    keypoints: Path | None = None
    schedule: Annotated[Bootstrap, tyro.conf.arg(name="")] = field(default_factory=Bootstrap)

    def settings(self) -> dict[str, Any]:
        """What the run's config records; nothing where there is no bootstrap."""
        if self.keypoints is None:
            return {}
        return {"bootstrap": {"keypoints": str(self.keypoints), **asdict(self.schedule)}}

    def load(self, objective: DenoiserObjective, out: Path, *, resume: bool) -> ScheduledSampling | None:
        """The loss of training, with the stage 1 that the run in `out` started with; none without one.

        A new run copies the stage into its folder, so that a resumed one stays exact though the stage may
        have been trained on.

        Raises:
            ValueError: if the run to resume has no such copy.
        """
        if self.keypoints is None:
            return None
        kept = out / TRAINING / _FROZEN
        if resume and has_run(out):
            if not kept.exists():
                raise ValueError(
                    f"--resume needs the stage 1 that the run started with, found none in {kept}"
                )
            stage = hub.from_pretrained(kept, KeypointDiffusion)
        else:
            stage = load_stage(self.keypoints, KeypointDiffusion, flag="--bootstrap.keypoints")
            if not has_run(out):
                hub.save_pretrained(stage, kept)
        return ScheduledSampling(objective, stage, self.schedule)


def has_run(out: Path) -> bool:
    """Whether a run has started in this folder."""
    return (out / TRAINING / "checkpoints" / "last.pt").exists()


def recorded_encoder(out: Path) -> MazeEncoderConfig:
    """The config of the encoder in the run of stage 2 in this folder.

    Raises:
        CorruptFileError: if the run's config does not hold one.
    """
    path = out / TRAINING / CONFIG
    model = read_json(path).get("model")
    if not isinstance(model, dict):
        raise CorruptFileError(f"{path}: model must be an object, found {model!r}")
    try:
        return config_from_json(InterpDenoiserConfig, model, where="model").encoder
    except ValueError as error:
        raise CorruptFileError(f"{path}: {error}") from error


def take_weights(model: Model, folder: Path) -> None:
    """Give `model` the weights of the trained model of its kind in `folder`.

    Raises:
        ValueError: if the configs differ in more than horizon, anchors, levels and memory use.
        FileNotFoundError: if the folder holds no model.
    """
    source = load_stage(folder, type(model), flag="--init")
    changed = differences(config_to_json(source.config), config_to_json(model.config))
    changed = [change for change in changed if not change.startswith(tuple(f"{name}=" for name in _FREE))]
    if changed:
        raise ValueError(
            f"--init {folder} must hold a model like the one to train, found " + "; ".join(changed)
        )
    model.load_state_dict(source.state_dict())
