r"""What one step of a trajectory holds, and how steps between anchors are filled in.

Notation: a state is x = (p, v): positions p, and with velocities v = p_{j+1} - p_j after them. u = (x - origin) / scale
is a state in the units of networks (`anchordiff.nn.frame`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, final, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float

from anchordiff import _state_tensors
from anchordiff.anchors import AnchorSet
from anchordiff.checks import FLOATS, check_array, check_choice, check_integer, check_type
from anchordiff.configs import exact
from anchordiff.interpolation import interpolate, with_velocity
from anchordiff.normalisers import Normaliser, measure
from anchordiff.tensors import check_tensor


@final
@dataclass(frozen=True, kw_only=True)
@exact
class StateSpace:
    r"""What one step of a trajectory holds.

    A state is `positions` numbers (x and y; seven joint angles; an observation), followed by their velocities where
    `velocities` is set. Velocities are forward differences, in units a step; they are never interpolated, but follow
    from the positions that were.

    `StateSpace` is the one place that knows how a trajectory is taken apart and put together again: `fill_in` joins
    keypoints, `resample` changes the number of steps, `difference` compares two states. Numbers listed in `angles`
    live on a circle: they are interpolated, differenced and compared along the shorter arc, and come back in
    [-π, π).

    It is a config: it is saved in the config.json of each stage, and with it the normaliser. Users give and get states
    in their own units; networks see them in units of `scale` (around what is known of the trajectory, see `Frame`) or
    `unit`.

    Attributes:
        positions: numbers of a position.
        velocities: whether velocities follow them.
        keypoint_velocities: whether stage 1 generates velocities at the anchors, too, as version 0.1 did. They tell
            nothing of the steps between, whose velocities follow from the positions; so unless it is set they follow at
            the anchors as well, and stage 1 has half the numbers to generate.
        angles: which of the positions are angles, in radians, that wrap.
        patches: rows and columns of a step's patches, where it is a picture (or its latents): its numbers are those of
            one patch after another, row by row, and networks see a token a patch. None for one token a step.
        scale: units of one normalised unit of stage 1, for all positions or for each: about the standard deviation of
            the distance to the straight line between the ends.
        centre: what is taken from a number before it is scaled, where nothing of the trajectory is known: the
            normaliser's mean, for all positions or for each.
        unit: units in which stage 2 measures and moves, for all positions or for each.
        reach: distance between two ends that counts as one where it is a feature.
        pace: steps of a trajectory at which the way from a step to the next counts as it is; that of a trajectory of n
            steps counts n / `pace` times as much, so that it is one and the same at any horizon.

    Raises:
        ValueError: if a value is out of its range.

    Example:
        >>> space = StateSpace(positions=2, velocities=True)
        >>> space.dim
        4
        >>> anchors = AnchorSet(torch.tensor([[0, 2]]), horizon=3)
        >>> space.fill_in(torch.tensor([[[0.0, 0.0, 9.0, 9.0], [2.0, 4.0, 9.0, 9.0]]]), anchors)[0].tolist()
        [[0.0, 0.0, 1.0, 2.0], [1.0, 2.0, 1.0, 2.0], [2.0, 4.0, 1.0, 2.0]]
    """

    positions: int = 2
    velocities: bool = False
    keypoint_velocities: bool = False
    angles: tuple[int, ...] = ()
    patches: tuple[int, int] | None = None
    scale: float | tuple[float, ...] = 2.0
    centre: float | tuple[float, ...] = 0.0
    unit: float | tuple[float, ...] = 1.0
    reach: float = 20.0
    pace: int = 64

    def __post_init__(self) -> None:
        for name in ("positions", "pace"):
            check_integer(name, getattr(self, name))
        if self.keypoint_velocities and not self.velocities:
            raise ValueError("keypoint_velocities must not be set without velocities, found True")
        if len({n for n in self.angles if 0 <= n < self.positions}) < len(self.angles):
            raise ValueError(f"angles must be different, in 0 ... {self.positions - 1}, found {self.angles}")
        if self.patches is not None:
            for number in self.patches:
                check_integer("patches", number)
            if self.velocities or self.positions % self.num_tokens:
                raise ValueError(
                    f"positions must be a multiple of the {self.num_tokens} patches, without velocities, "
                    f"found {self.positions}{' with velocities' if self.velocities else ''}"
                )
        for name, least in (("scale", 0.0), ("centre", -math.inf), ("unit", 0.0), ("reach", 0.0)):
            value = getattr(self, name)
            values = value if isinstance(value, tuple) else (value,)
            if isinstance(value, tuple) and len(value) != self.positions:
                raise ValueError(
                    f"{name} must be one number or {self.positions}, one for each position, found {len(value)}"
                )
            if not all(least < number < math.inf for number in values):
                rule = "be finite" if least < 0 else "be positive and finite"
                raise ValueError(f"{name} must {rule}, found {value}")

    @staticmethod
    def upgrade(data: Mapping[str, Any]) -> dict[str, Any]:
        """A saved config of an earlier version, in this one's terms."""
        return {"keypoint_velocities": bool(data.get("velocities", False)), **data}

    @property
    def of_keypoints(self) -> StateSpace:
        """What stage 1 generates at an anchor."""
        return self if self.keypoint_velocities or not self.velocities else _positions_of(self)

    @property
    def dim(self) -> int:
        """Numbers of a state."""
        return self.positions * (2 if self.velocities else 1)

    @property
    def num_tokens(self) -> int:
        """Tokens of a step."""
        return 1 if self.patches is None else self.patches[0] * self.patches[1]

    @property
    def token_dim(self) -> int:
        """Numbers of a token."""
        return self.dim // self.num_tokens

    def tokens(
        self, x: Float[torch.Tensor, "batch steps dim"]
    ) -> Float[torch.Tensor, "batch tokens token_dim"]:
        """Steps as tokens, one patch after another."""
        return x if self.num_tokens == 1 else x.reshape(len(x), -1, self.token_dim)

    def from_tokens(
        self, tokens: Float[torch.Tensor, "batch tokens token_dim"]
    ) -> Float[torch.Tensor, "batch steps dim"]:
        """The steps that `tokens` took apart."""
        return tokens if self.num_tokens == 1 else tokens.reshape(len(tokens), -1, self.dim)

    def each_token(
        self, features: Float[torch.Tensor, "batch steps features"]
    ) -> Float[torch.Tensor, "batch tokens features"]:
        """What holds for a step, for each of its tokens."""
        return features if self.num_tokens == 1 else features.repeat_interleave(self.num_tokens, dim=1)

    def patch_places(self, steps: int, like: torch.Tensor) -> Float[torch.Tensor, "1 tokens axes"]:
        """Row and column in [0, 1] of each token of so many steps; no numbers where a step is one token.

        Args:
            steps: of the trajectory.
            like: a tensor of the dtype and on the device of the result.
        """
        if self.patches is None:
            return like.new_zeros(1, steps, 0)
        axes = [(torch.arange(count, device=like.device) + 0.5) / count for count in self.patches]
        places = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).flatten(0, 1).to(like.dtype)
        return places.repeat(steps, 1)[None]

    def fit(
        self,
        states: Float[np.ndarray, "rows positions"],
        *,
        method: Normaliser = "deviation",
    ) -> StateSpace:
        """The same space with the normaliser (`centre`, `scale`, `unit`) that data call for.

        A number that hardly varies gets the scale 1, so that it stays what it is. Angles are measured around their
        mean direction, at most as wide as the circle.

        Args:
            states: positions of many trajectories, one row a step; more columns (velocities) are ignored.
            method: see `Normaliser`.

        Raises:
            ValueError: if there are no rows, too few columns, or a number is not finite.

        Example:
            >>> states = np.array([[0.0, 5.0], [2.0, 5.0]])
            >>> fitted = StateSpace(positions=2).fit(states)
            >>> fitted.centre, fitted.scale
            ((1.0, 5.0), (1.0, 1.0))
        """
        check_choice("method", method, get_args(Normaliser))
        check_array("states", states, FLOATS, ("rows", "numbers"))
        if not len(states) or states.shape[1] < self.positions:
            raise ValueError(
                f"states must have the shape (rows, at least {self.positions} positions), found {states.shape}"
            )
        values = np.asarray(states[:, : self.positions], np.float64)
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
            raise ValueError(f"states must be finite, found {values[row].tolist()} in row {row}")
        centre, scale = measure(values, angles=self.angles, method=method)
        scales = tuple(scale.tolist())
        return replace(self, centre=tuple(centre.tolist()), scale=scales, unit=scales)

    def scales(self, horizon: int, like: torch.Tensor) -> Float[torch.Tensor, " dim"]:
        """Units of one normalised unit for each number of a state.

        Velocities are that of a way of eight units over the whole trajectory.

        Args:
            horizon: steps of the trajectory.
            like: a tensor of the dtype and on the device of the result.
        """
        return _state_tensors.scales(self, horizon, like.device, like.dtype)

    def centres(self, like: torch.Tensor) -> Float[torch.Tensor, " dim"]:
        """The normaliser's `centre` for each number of a state; zero for velocities."""
        return _state_tensors.centres(self, like.device, like.dtype)

    def units(self, like: torch.Tensor) -> Float[torch.Tensor, " dim"]:
        """`unit` for each number of a state."""
        return _state_tensors.units(self, like.device, like.dtype)

    @property
    def wraps(self) -> bool:
        """Whether there are angles."""
        return bool(self.angles)

    def is_angle(self, device: torch.device) -> Bool[torch.Tensor, " dim"]:
        """True for numbers that wrap; velocities do not."""
        return _state_tensors.is_angle(self, device)

    def difference(
        self, a: Float[torch.Tensor, "*batch dim"], b: Float[torch.Tensor, "*batch dim"]
    ) -> Float[torch.Tensor, "*batch dim"]:
        """What leads from b to a, a − b; for angles along the shorter arc."""
        check_tensor("a", a, "... numbers")
        check_tensor("b", b, "... numbers")
        try:
            return self.wrap(a - b)
        except RuntimeError as error:
            raise ValueError(
                f"a and b must have shapes that go together, found {tuple(a.shape)} and {tuple(b.shape)}"
            ) from error

    def wrap(self, x: Float[torch.Tensor, "*batch dim"]) -> Float[torch.Tensor, "*batch dim"]:
        """States (or differences of states) with angles in [-π, π)."""
        check_tensor("x", x, "... numbers")
        if not self.wraps:
            return x
        if x.shape[-1] not in (self.positions, self.dim):
            raise ValueError(
                f"x must hold {self.dim} numbers, or {self.positions} positions, found {x.shape[-1]}"
            )
        turns = self.is_angle(x.device)[: x.shape[-1]]
        return torch.where(turns, _wrapped_tensor(x), x)

    def unwrap(self, x: Float[torch.Tensor, "batch steps dim"]) -> Float[torch.Tensor, "batch steps dim"]:
        """Angles that run on over the ends of [-π, π), so that no step is longer than half a turn."""
        if not self.wraps or x.shape[1] < 2:
            return x
        turns = self.is_angle(x.device)[: x.shape[-1]]
        ways = self.wrap(x.diff(dim=1))
        return torch.where(turns, torch.cat([x[:, :1], x[:, :1] + ways.cumsum(dim=1)], dim=1), x)

    def with_velocities(
        self, positions: Float[torch.Tensor, "batch steps positions"]
    ) -> Float[torch.Tensor, "batch steps dim"]:
        """Positions as states: velocities, where there are any, are forward differences, the last one repeated.

        Raises:
            ValueError: if there are fewer than two steps where velocities are wanted.
        """
        check_tensor("positions", positions, f"batch steps {self.positions}")
        if not self.velocities:
            return positions
        both = with_velocity(self.unwrap(positions))
        return torch.cat([positions, both[..., self.positions :]], dim=2) if self.wraps else both

    def fill_in(
        self,
        keypoints: Float[torch.Tensor, "batch K numbers"],
        anchors: AnchorSet,
    ) -> Float[torch.Tensor, "batch horizon dim"]:
        """Interpolate positions linearly between keypoints; velocities follow from the interpolated positions.

        Args:
            keypoints: states at the anchors, or their positions alone.
            anchors: the steps of the keypoints and the horizon.
        """
        check_type("anchors", anchors, AnchorSet)
        check_tensor("keypoints", keypoints, "batch K numbers")
        positions = keypoints[:, :, : self.positions] if self.velocities else keypoints
        if not self.wraps:
            return self.with_velocities(interpolate(positions, anchors))
        between = self.wrap(interpolate(self.unwrap(positions), anchors))
        # Unwrapping may turn a keypoint's last digit.
        index = anchors.index[:, :, None].expand(-1, -1, self.positions)
        return self.with_velocities(between.scatter(1, index, positions))

    def resample(
        self, x: Float[torch.Tensor, "batch horizon dim"], horizon: int
    ) -> Float[torch.Tensor, "batch steps dim"]:
        """The same ways at another number of equal steps of time, interpolated linearly; velocities follow anew.

        Args:
            x: trajectories.
            horizon: steps of the result.
        """
        check_tensor("x", x, f"batch horizon {self.dim}")
        check_integer("horizon", horizon, least=2, most=2**31 - 1, most_is="the largest horizon")
        positions = self.unwrap(x[..., : self.positions])
        resampled = torch.nn.functional.interpolate(
            positions.transpose(1, 2), size=horizon, mode="linear", align_corners=True
        ).transpose(1, 2)
        return self.with_velocities(self.wrap(resampled))


def _wrapped_tensor(x: torch.Tensor) -> torch.Tensor:
    # Numbers in range come back as they were: the detour through a remainder would cost digits.
    inside = (x >= -math.pi) & (x < math.pi)
    turned = torch.remainder(x + math.pi, 2 * math.pi) - math.pi
    # A remainder may round up to the divisor.
    return torch.where(inside, x, torch.where(turned < math.pi, turned, -math.pi))


@lru_cache(maxsize=64)
def _positions_of(space: StateSpace) -> StateSpace:
    return replace(space, velocities=False)
