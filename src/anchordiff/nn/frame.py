r"""The frame in which networks see a trajectory: around what is known of it.

Notation: τ in [0, 1] is the time of a step. A state x becomes u = (x − origin) / scale, whose prior is
N(0, spread²): spread 0 says that a number is known, namely the origin's, and may not move.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float

from anchordiff.states import StateSpace

_MOST = 2.0  # variance: of two independent states, in units of the prior's


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    r"""An origin, a scale and a prior for each state of a batch of trajectories.

    A diffusion over u starts from noise around the origin. The closer a step is to a known one the smaller is its
    spread, and a known number has none. A network preconditioned with the spread (`KeypointDiffusion`) can neither be
    wrong about it nor move it; `pin` puts it in place bit by bit. This is the library's one way to say what is given:
    ends, way points at any step, a start without a goal, a goal position with a free velocity.

    Makers, from the most special to the most general:

    - `bridge(start, goal, times)`: both ends' positions are known; the straight line between them, with the spread
      2 √(τ (1 − τ)) of a Brownian bridge.
    - `around(centre)`: nothing is known; spread 1 everywhere.
    - `known(values, mask)`: any entries of the trajectory. Between two known steps a Brownian bridge, beyond the first
      and the last Brownian motion from there, where nothing is known the normaliser's centre.

    Attributes:
        origin: where u is zero, in the units of states.
        scale: units of one unit of u.
        spread: the prior's standard deviation of u; 0 where a number is known.
        values: known numbers where `origin` does not hold them to the last bit (angles); none where it does.
        states: what a state holds.

    Example:
        >>> space = StateSpace(positions=1, scale=4.0)
        >>> times = torch.tensor([[0.0, 0.5, 1.0]])
        >>> frame = Frame.bridge(torch.tensor([[2.0]]), torch.tensor([[6.0]]), times, states=space, horizon=3)
        >>> frame.spread[0, :, 0].tolist(), frame.normalise(torch.full((1, 3, 1), 6.0))[0, :, 0].tolist()
        ([0.0, 1.0, 0.0], [1.0, 0.5, 0.0])
        >>> frame.pin(torch.zeros(1, 3, 1))[0, :, 0].tolist()
        [2.0, 0.0, 6.0]
    """

    origin: Float[torch.Tensor, "batch steps dim"]
    scale: Float[torch.Tensor, " dim"]
    spread: Float[torch.Tensor, "batch steps dim"]
    states: StateSpace
    values: Float[torch.Tensor, "batch steps dim"] | None = None

    @classmethod
    def bridge(
        cls,
        start: Float[torch.Tensor, "batch positions"],
        goal: Float[torch.Tensor, "batch positions"],
        times: Float[torch.Tensor, "batch steps"],
        *,
        states: StateSpace,
        horizon: int,
    ) -> "Frame":
        """Both ends' positions are known.

        Args:
            start: position of the first step.
            goal: position of the last step.
            times: of the steps, in [0, 1].
            states: what a state holds; without angles (see `known`).
            horizon: steps of the whole trajectory; sets the scale of velocities.
        """
        tau = times[..., None]
        # lerp is exact at both ends.
        origin = torch.lerp(start[:, None], goal[:, None], tau)
        spread = 2 * (tau * (1 - tau)).clamp(min=0.0).sqrt().expand_as(origin)
        if states.velocities:
            way = ((goal - start) / (horizon - 1))[:, None].expand_as(origin)
            origin = torch.cat([origin, way], dim=-1)
            spread = torch.cat([spread, torch.ones_like(spread)], dim=-1)
        return cls(origin=origin, scale=states.scales(horizon, origin), spread=spread, states=states)

    @classmethod
    def around(
        cls,
        centre: Float[torch.Tensor, "#batch #steps dim"],
        times: Float[torch.Tensor, "batch steps"],
        *,
        states: StateSpace,
        horizon: int,
    ) -> "Frame":
        """Nothing is known: states lie around a centre.

        Args:
            centre: where u is zero.
            times: of the steps; only their shape matters.
            states: what a state holds.
            horizon: steps of the whole trajectory; sets the scale of velocities.
        """
        origin = centre.expand(*times.shape, -1)
        return cls(
            origin=origin,
            scale=states.scales(horizon, origin),
            spread=torch.ones_like(origin),
            states=states,
        )

    @classmethod
    def known(
        cls,
        values: Float[torch.Tensor, "batch horizon dim"],
        mask: Bool[torch.Tensor, "batch horizon dim"],
        times: Float[torch.Tensor, "batch steps"],
        *,
        states: StateSpace,
    ) -> "Frame":
        r"""Any entries of the trajectory are known, each number on its own.

        With the known steps a and b before and after a step at τ, and D the time from the nearest known step where
        there is one on one side only,

        .. math:: spread^2 = 4 (τ - a)(b - τ) / (b - a), \qquad \min(4 D, 2), \qquad 1

        between two known steps, beyond the known ones, and where nothing is known. Known velocities count at their own
        step alone; the others have the slope of the positions' origin, and spread 1.

        Args:
            values: the trajectory's known numbers; the others are not read.
            mask: True where a number is known.
            times: of the steps that the frame is for, in [0, 1], as `AnchorSet.times` gives them.
            states: what a state holds.
        """
        horizon, count = values.shape[1], states.positions
        # Numbers that are not known may be anything, NaN as well.
        values = torch.where(mask, values, torch.zeros_like(values))
        origin, variance = _between(values[..., :count], mask[..., :count], states)
        if states.velocities:
            slope = states.wrap(origin.diff(dim=1))
            slope = torch.cat([slope, slope[:, -1:]], dim=1)
            given = mask[..., count:]
            origin = torch.cat([origin, torch.where(given, values[..., count:], slope)], dim=-1)
            variance = torch.cat([variance, (~given).to(variance.dtype)], dim=-1)
        index = (times * (horizon - 1)).round().long()[..., None].expand(-1, -1, values.shape[2])
        return cls(
            origin=origin.gather(1, index),
            scale=states.scales(horizon, origin),
            spread=variance.clamp(min=0.0).sqrt().gather(1, index),
            states=states,
            values=values.gather(1, index) if states.wraps else None,
        )

    @property
    def of_keypoints(self) -> Frame:
        """The frame of what stage 1 generates."""
        space = self.states.of_keypoints
        if space.dim == self.states.dim:
            return self
        return Frame(
            origin=self.origin[..., : space.dim],
            scale=self.scale[: space.dim],
            spread=self.spread[..., : space.dim],
            states=space,
            values=None if self.values is None else self.values[..., : space.dim],
        )

    @property
    def is_known(self) -> Bool[torch.Tensor, "batch steps dim"]:
        """True where a number may not move."""
        return self.spread == 0

    def normalise(self, x: Float[torch.Tensor, "batch steps dim"]) -> Float[torch.Tensor, "batch steps dim"]:
        """From states to u."""
        return self.states.difference(x, self.origin) / self.scale

    def denormalise(
        self, u: Float[torch.Tensor, "batch steps dim"]
    ) -> Float[torch.Tensor, "batch steps dim"]:
        """From u to states."""
        return self.states.wrap(self.origin + self.scale * u)

    def pin(self, x: Float[torch.Tensor, "batch steps dim"]) -> Float[torch.Tensor, "batch steps dim"]:
        """Put known numbers in place, bit by bit."""
        return torch.where(self.is_known, self.origin if self.values is None else self.values, x)

    def pin_normalised(
        self, u: Float[torch.Tensor, "batch steps dim"]
    ) -> Float[torch.Tensor, "batch steps dim"]:
        """As `pin`, for states in units of u, where what is known is zero."""
        return u.masked_fill(self.is_known, 0.0)


def _between(
    values: Float[torch.Tensor, "batch horizon positions"],
    mask: Bool[torch.Tensor, "batch horizon positions"],
    states: StateSpace,
) -> tuple[Float[torch.Tensor, "batch horizon positions"], Float[torch.Tensor, "batch horizon positions"]]:
    """Mean and variance of Brownian motion (of variance 4 τ) through known numbers, each number on its own."""
    batch, horizon, count = values.shape
    steps = torch.arange(horizon, device=values.device)[None, :, None].expand(batch, -1, count)
    before = torch.where(mask, steps, -1).cummax(dim=1).values
    after = torch.where(mask, steps, horizon).flip(1).cummin(dim=1).values.flip(1)
    has_before, has_after = before >= 0, after < horizon
    last = values.gather(1, before.clamp(min=0))
    following = values.gather(1, after.clamp(max=horizon - 1))
    # Along the shorter arc: the next known angle, as seen from the last one.
    following = torch.where(has_before & has_after, last + states.difference(following, last), following)
    gap = (after - before).clamp(min=1).to(values.dtype)
    weight = (steps - before).to(values.dtype) / gap
    centre = states.centres(values)[:count].expand_as(values)
    one = torch.where(has_before, last, torch.where(has_after, following, centre))
    origin = torch.where(has_before & has_after, torch.lerp(last, following, weight), one)
    # lerp keeps the last number at weight 0, and a known step is its own last and next.
    origin = torch.where(mask, values, origin)
    span = float(horizon - 1)
    inside = 4 * weight * (1 - weight) * gap / span
    away = torch.where(has_before, steps - before, after - steps).to(values.dtype)
    beyond = (4 * away / span).clamp(max=_MOST)
    alone = torch.where(has_before | has_after, beyond, torch.ones_like(values))
    variance = torch.where(has_before & has_after, inside, alone)
    return origin, torch.where(mask, torch.zeros_like(variance), variance)
