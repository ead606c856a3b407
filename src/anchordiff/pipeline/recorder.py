"""What is kept of stage 1, step by step."""

from __future__ import annotations

import torch

from anchordiff.anchors import AnchorSet
from anchordiff.pipeline.records import Trace
from anchordiff.pipeline.request import StepCallback
from anchordiff.states import StateSpace


class Recorder:
    """Passes sampler steps on to the caller's callback and keeps them for the trace."""

    def __init__(self, callback: StepCallback | None, *, keep: bool) -> None:
        self._callback = callback
        self._keep = keep
        self._noised: list[torch.Tensor] = []
        self._estimates: list[torch.Tensor] = []
        self._times: list[float] = []

    @property
    def callback(self) -> StepCallback | None:
        """What the sampler is to call; nothing where nobody looks."""
        return self._step if self._keep or self._callback is not None else None

    def _step(self, step: int, t: float, z_t: torch.Tensor, z_0: torch.Tensor) -> None:
        if self._keep:
            self._noised.append(z_t)
            self._estimates.append(z_0)
            self._times.append(t)
        if self._callback is not None:
            self._callback(step, t, z_t, z_0)

    def trace(self, anchors: AnchorSet, states: StateSpace) -> Trace | None:
        """Steps of one batch, (batch, steps, …); none where they were not kept."""
        if not self._keep:
            return None
        coarse = [states.fill_in(estimate, anchors) for estimate in self._estimates]
        return Trace(
            noised=torch.stack(self._noised, dim=1),
            keypoints=torch.stack(self._estimates, dim=1),
            coarse=torch.stack(coarse, dim=1),
            times=tuple(self._times),
        )
