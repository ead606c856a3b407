"""Whether two stages go together."""

import warnings

from torch import nn

from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.stages.keypoints import KeypointDiffusion
from anchordiff.states import StateSpace


def check_stages(keypoints: KeypointDiffusion, denoiser: InterpDenoiser) -> None:
    """Refuse what is no stage 1 and stage 2 of the same states on one device; say where their training differs.

    By what a stage can do and not by class, so that networks of one's own are taken.
    """
    if not (isinstance(keypoints, nn.Module) and hasattr(keypoints, "sample")):
        raise ValueError(
            f"keypoints must be a stage 1, as KeypointDiffusion, found {type(keypoints).__name__}"
        )
    if not (isinstance(denoiser, nn.Module) and hasattr(getattr(denoiser, "config", None), "num_levels")):
        raise ValueError(f"denoiser must be a stage 2, as InterpDenoiser, found {type(denoiser).__name__}")
    _check_states(keypoints.config.states, denoiser.config.states)
    places = [next(stage.parameters()).device for stage in (keypoints, denoiser)]
    if places[0] != places[1]:
        raise ValueError(
            f"keypoints and denoiser must be on the same device, found {places[0]} and {places[1]}"
        )
    trained = [(stage.config.horizon, stage.config.num_keypoints) for stage in (keypoints, denoiser)]
    if trained[0] != trained[1]:
        warnings.warn(
            "keypoints and denoiser were trained for different horizons and numbers of anchors, "
            f"{trained[0][0]} with {trained[0][1]} and {trained[1][0]} with {trained[1][1]}: plans are poor where a "
            "stage meets gaps between anchors that it was not trained for",
            stacklevel=4,
        )


def _check_states(first: StateSpace, second: StateSpace) -> None:
    for name in ("positions", "velocities", "angles"):
        if getattr(first, name) != getattr(second, name):
            raise ValueError(
                f"keypoints and denoiser must have the same states, found {name} {getattr(first, name)} "
                f"and {getattr(second, name)}"
            )
