r"""Steering: what moves each clean estimate of stage 1 on its way from noise to keypoints.

Notation: u_t = α u + σ ε is the noised state, û(u_t, t) its clean estimate, s the frame's spread (the prior's standard
deviation of u). Guidance wraps `denoise`, the function that a sampler sees, so that it works with every sampler and
every domain, and what is known stays exact: nothing moves where s = 0.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Float

from anchordiff.anchors import AnchorSet
from anchordiff.checks import check_integer
from anchordiff.configs import exact
from anchordiff.nn.frame import Frame
from anchordiff.samplers import Denoise
from anchordiff.schedules import Schedule
from anchordiff.states import StateSpace

Cost = Callable[["torch.Tensor"], "torch.Tensor"]
"""From trajectories (batch, horizon, dim), in the units of states, to a cost of each, (batch,); differentiable."""


@dataclass(frozen=True, kw_only=True)
class GuidedStep:
    """What guidance may know of the samples that it steers.

    Attributes:
        frame: that u is given in.
        anchors: where the keypoints sit.
        states: what a state holds.
        schedule: α and σ of a time.
        without: gives `denoise` for the same samples without the guided parts of their condition.
    """

    frame: Frame
    anchors: AnchorSet
    states: StateSpace
    schedule: Schedule
    without: Callable[[], Denoise]


class Guidance(ABC):
    """A way to steer samples: from one `denoise` to another."""

    @abstractmethod
    def wrap(self, denoise: Denoise, step: GuidedStep) -> Denoise:
        """The steered function.

        Args:
            denoise: `denoise(u_t, t)` gives the clean estimate of u.
            step: the samples that are steered.
        """


@final
@dataclass(frozen=True)
@exact
class ClassifierFreeGuidance(Guidance):
    r"""Strengthen what the condition says, against the same network without it (Ho and Salimans 2022).

    .. math:: \hat u = \hat u_\varnothing + w (\hat u_c - \hat u_\varnothing)

    Of the condition those parts are left out that training left out at times (`Condition.without_guided`).

    Args:
        weight: w; 0 without the condition, 1 as trained, above 1 stronger.

    Raises:
        ValueError: if the weight is not finite.
    """

    weight: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.weight):
            raise ValueError(f"weight must be finite, found {self.weight}")

    def wrap(self, denoise: Denoise, step: GuidedStep) -> Denoise:
        """The steered function; see `Guidance.wrap`."""
        without = step.without()

        def guided(u_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            return torch.lerp(without(u_t, t), denoise(u_t, t), self.weight)

        return guided


@final
@dataclass(frozen=True)
@exact
class CostGuidance(Guidance):
    r"""Lower a cost of the trajectory by its gradient on the clean estimate (as Diffuser's guides, Janner et al. 2022).

    The target is the data's density times exp(-w c(x)), with the cost c of the whole trajectory x, keypoints and what
    lies between them by interpolation. With the posterior variance of u under the prior N(0, s²),

    .. math:: \hat u \leftarrow \hat u - w\, v\, \nabla_u c(\hat u), \qquad
              v = \frac{s^2 \sigma^2}{\alpha^2 s^2 + \sigma^2},

    which is exact where the data are Gaussian with the frame's spread and the cost is linear: samples then have the
    mean of the tilted density. The gradient does not go through the network.

    Args:
        cost: `cost(trajectory)` of shape (batch,), for trajectories (batch, horizon, dim) in the units of states; ready
            ones are in `anchordiff.costs`.
        weight: w.
        iterations: gradient steps a sampler step, each of weight / iterations: more for costs that are far from
            linear.
        most: largest move of one number in one sampler step, in units of u; keeps steep costs from throwing an
            estimate out of the data.

    Raises:
        ValueError: if the weight is not finite, or `iterations` or `most` is out of its range.
    """

    cost: Cost
    weight: float = 1.0
    iterations: int = 1
    most: float = math.inf

    def __post_init__(self) -> None:
        if not callable(self.cost):
            raise ValueError(f"cost must be a function of trajectories, found {self.cost!r}")
        if not math.isfinite(self.weight):
            raise ValueError(f"weight must be finite, found {self.weight}")
        check_integer("iterations", self.iterations)
        if not self.most > 0:
            raise ValueError(f"most must be positive, found {self.most}")

    def wrap(self, denoise: Denoise, step: GuidedStep) -> Denoise:
        """The steered function; see `Guidance.wrap`."""
        variance = step.frame.spread.square()

        def guided(u_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
            alpha, sigma = (value[:, None, None] for value in step.schedule(t))
            factor = variance * sigma**2 / (alpha**2 * variance + sigma**2).clamp(min=1e-12)
            estimate = first = denoise(u_t, t)
            for _ in range(self.iterations):
                move = self.weight / self.iterations * factor * self._gradient(estimate, step)
                estimate = first + (estimate - move - first).clamp(-self.most, self.most)
            return estimate

        return guided

    def _gradient(self, u: torch.Tensor, step: GuidedStep) -> Float[torch.Tensor, "batch K dim"]:
        # Tensors of inference mode cannot be differentiated; copies of them can.
        with torch.inference_mode(False), torch.enable_grad():
            frame, anchors = _copied(step.frame), step.anchors
            leaf = u.detach().clone().requires_grad_()
            keypoints = frame.pin(frame.denormalise(leaf))
            index = AnchorSet(anchors.index.clone(), anchors.horizon)
            cost = self.cost(step.states.fill_in(keypoints, index))
            if not isinstance(cost, torch.Tensor) or cost.shape != (len(u),):
                found = f"the shape {tuple(cost.shape)}" if isinstance(cost, torch.Tensor) else repr(cost)
                raise ValueError(
                    f"cost must return one number for each of {len(u)} trajectories, found {found}"
                )
            (gradient,) = torch.autograd.grad(cost.sum(), leaf)
        return gradient


def _copied(frame: Frame) -> Frame:
    values = None if frame.values is None else frame.values.clone()
    return Frame(
        origin=frame.origin.clone(),
        scale=frame.scale.clone(),
        spread=frame.spread.clone(),
        states=frame.states,
        values=values,
    )
