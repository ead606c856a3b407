"""From keypoints to a trajectory: interpolation, stage 2 and the clamp.

Notation: D(x, s) = Interp(x | M_s) keeps x at the anchors of level s and fills the rest in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float

from anchordiff.anchors import AnchorSet, step_times
from anchordiff.conditions import Condition
from anchordiff.masks import Even, MaskSampler, Nested
from anchordiff.nn.frame import Frame
from anchordiff.nn.scene import Scene
from anchordiff.records import TensorRecord
from anchordiff.stages.config import Clamp, ClampDims
from anchordiff.stages.denoiser import InterpDenoiser
from anchordiff.states import StateSpace


@final
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Restored(TensorRecord):
    """A trajectory made from keypoints.

    Attributes:
        coarse: keypoints interpolated, what stage 2 started from.
        trajectory: after stage 2 and the clamp.
    """

    coarse: Float[torch.Tensor, "batch horizon dim"]
    trajectory: Float[torch.Tensor, "batch horizon dim"]


def restore(
    denoiser: InterpDenoiser,
    keypoints: Float[torch.Tensor, "batch K dim"],
    anchors: AnchorSet,
    condition: Condition | Scene,
    *,
    level: int | None = None,
    walk: bool = False,
    clamp: Clamp = "endpoints",
    clamp_dims: ClampDims = "position",
) -> Restored:
    """Fill in the steps between keypoints.

    Args:
        denoiser: stage 2.
        keypoints: states at the anchors.
        anchors: the steps of the keypoints.
        condition: what the trajectory is for, or its scene; the batch may be a multiple of its length.
        level: corruption level that stage 2 is told; by default the last.
        walk: go down from there level by level, by the update of cold diffusion, instead of one pass.
        clamp: what stage 2 may not move.
        clamp_dims: and which numbers of it.
    """
    states = denoiser.config.states
    coarse = states.fill_in(keypoints, anchors)
    scene = denoiser.encode(condition)
    level = denoiser.config.num_levels if level is None else level
    if walk:
        trajectory, frame = _walk_down(denoiser, coarse, anchors, scene, level), None
    else:
        frame = _frame_of(scene, anchors)
        levels = torch.full((len(coarse),), level, device=coarse.device)
        trajectory = denoiser(coarse, levels, anchors, scene, frame=frame)
    if clamp != "none":
        trajectory = trajectory.clone()
        _hold(
            trajectory,
            keypoints,
            anchors,
            clamp,
            states.positions if clamp_dims == "position" else states.dim,
        )
        trajectory = (frame or _frame_of(scene, anchors)).pin(trajectory)
    return Restored(coarse=coarse, trajectory=trajectory)


def restore_stream(
    denoiser: InterpDenoiser,
    keypoints: Float[torch.Tensor, "batch K dim"],
    anchors: AnchorSet,
    condition: Condition | Scene,
    *,
    chunk: int,
    level: int | None = None,
    clamp: Clamp = "endpoints",
    clamp_dims: ClampDims = "position",
) -> Iterator[Float[torch.Tensor, "batch steps dim"]]:
    """Fill in the steps between keypoints chunk by chunk, from the beginning, by a causal stage 2.

    Together the chunks are what `restore` gives in one pass.

    Args:
        denoiser: stage 2.
        keypoints: states at the anchors.
        anchors: the steps of the keypoints.
        condition: what the trajectory is for, or its scene; the batch may be a multiple of its length.
        chunk: steps at a time; the last chunk may have fewer.
        level: as for `restore`.
        clamp: as for `restore`.
        clamp_dims: as for `restore`.

    Raises:
        ValueError: if stage 2 is not causal.
    """
    states = denoiser.config.states
    trajectory = states.fill_in(keypoints, anchors)
    scene = denoiser.encode(condition)
    level = denoiser.config.num_levels if level is None else level
    levels = torch.full((len(trajectory),), level, device=trajectory.device)
    width = states.positions if clamp_dims == "position" else states.dim
    frame, first = _frame_of(scene, anchors), 0
    for part in denoiser.stream(trajectory.clone(), levels, anchors, scene, chunk=chunk):
        last = first + part.shape[1]
        if clamp != "none":
            trajectory[:, first:last] = part
            _hold(trajectory, keypoints, anchors, clamp, width)
            part = frame.pin(trajectory)[:, first:last]
        yield part
        first = last


def _frame_of(scene: Scene, anchors: AnchorSet) -> Frame:
    times = step_times(len(anchors), anchors.horizon, device=anchors.index.device)
    return scene.frame(times, horizon=anchors.horizon)


def _hold(
    trajectory: torch.Tensor, keypoints: torch.Tensor, anchors: AnchorSet, clamp: Clamp, width: int
) -> None:
    """Put the first numbers of keypoints back, in place: of those at both ends, or of all."""
    if clamp == "endpoints":
        trajectory[:, 0, :width] = keypoints[:, 0, :width]
        trajectory[:, -1, :width] = keypoints[:, -1, :width]
    else:
        place = anchors.index[:, :, None].expand(-1, -1, width)
        trajectory[..., :width] = trajectory[..., :width].scatter(1, place, keypoints[..., :width])


def _walk_down(
    denoiser: InterpDenoiser,
    coarse: Float[torch.Tensor, "batch horizon dim"],
    anchors: AnchorSet,
    scene: Scene,
    level: int,
) -> Float[torch.Tensor, "batch horizon dim"]:
    """The improved sampling of cold diffusion (Bansal et al. 2022, algorithm 2), from a level down to 0.

    With the estimate x̂_0 of x_s,

        x_{s−1} = x_s − D(x̂_0, s) + D(x̂_0, s−1)   for s = level, …, 1.

    It never moves the states at the anchors it starts from.
    """
    states = denoiser.config.states
    nested = Nested(_Given(anchors.mask), level, denoiser.config.growth, fill=Even)
    masks = nested.sample(len(coarse), anchors.horizon)
    x_s = coarse
    for s in range(level, 0, -1):
        here = AnchorSet.from_mask(masks[:, s])
        levels = torch.full((len(x_s),), s, device=x_s.device)
        estimate = denoiser(x_s, levels, here, scene)
        there = estimate if s == 1 else _degrade(estimate, AnchorSet.from_mask(masks[:, s - 1]), states)
        x_s = states.wrap(x_s + states.difference(there, _degrade(estimate, here, states)))
    return x_s


def _degrade(
    x: Float[torch.Tensor, "batch horizon dim"], anchors: AnchorSet, states: StateSpace
) -> Float[torch.Tensor, "batch horizon dim"]:
    return states.fill_in(anchors.gather(x), anchors)


@dataclass(frozen=True)
class _Given(MaskSampler):
    """A mask that is known already, as the base of nested masks."""

    mask: Bool[torch.Tensor, "batch horizon"]

    def sample(
        self,
        batch: int,
        horizon: int,
        *,
        taken: Bool[torch.Tensor, "batch horizon"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Bool[torch.Tensor, "batch horizon"]:
        """Return the mask."""
        return self.mask
