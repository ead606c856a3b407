"""What networks see of the arm among spheres: a domain of one's own, as `anchordiff.nn.scene` wants it.

The condition is the library's `VectorCondition` with start, goal and tokens (x, y, z, radius of each sphere, metres).
The scene knows the arm's geometry: in every block it says how far each part of the arm, at the running estimate, is
from the spheres and from the rest of the arm, and which way each joint takes it.
"""

import math
from dataclasses import dataclass
from typing import Any, Final, Literal, final

import torch
from jaxtyping import Bool, Float
from kinematics import Arm, Pose, panda
from measures import Measures, measure
from torch import Tensor, nn

from anchordiff.domains.vector import VectorCondition
from anchordiff.nn.config import EncoderConfig
from anchordiff.nn.encoder import Encoder
from anchordiff.nn.fourier import fourier_features, fourier_size
from anchordiff.nn.frame import Frame
from anchordiff.nn.scene import Scene
from anchordiff.states import StateSpace

JOINTS: Final = 7
_OCTAVES: Final = 3
_LINE: Final = 24  # states of the straight line that spheres are measured against
_NEAR: Final = 0.15  # metres within which an obstacle counts
_CLOSE: Final = 0.04
_FOLDED: Final = 0.06
_LIMIT: Final = 0.15  # radians


@dataclass(frozen=True, kw_only=True)
class ArmEncoderConfig(EncoderConfig):
    """Sizes of an `ArmEncoder`.

    Attributes:
        domain: tells a saved config apart.
        width: channels of a sphere's features, and of keys and values over all heads.
        heads: of the attention to spheres.
    """

    domain: Literal["arm"] = "arm"
    width: int = 128
    heads: int = 4

    @property
    def scalar_size(self) -> int:
        """Start, goal and the way between them; its length; the least distances of the straight line."""
        return 3 * JOINTS + 3

    @property
    def look_size(self) -> int:
        """Distances and slopes of the parts of the arm, and where its angles lie."""
        arm = panda()
        parts = len(arm.to_hit.members) + len(arm.to_fold.members)
        spheres = 2 * len(arm.hit) + len(arm.far)
        return spheres + parts * JOINTS + 2 * JOINTS + fourier_size(JOINTS, octaves=_OCTAVES)

    @property
    def mark_size(self) -> int:
        """The step's place on the straight line, its distances there, and its spread."""
        arm = panda()
        return 2 * len(arm.hit) + len(arm.far) + JOINTS + 1

    @property
    def attention(self) -> tuple[int, int]:
        """Channels and heads of the attention to spheres."""
        return self.width, self.heads

    def build(self, states: StateSpace) -> "ArmEncoder":
        """An encoder of these sizes."""
        return ArmEncoder(self, states)


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class ArmScene(Scene):
    """An arm, a start, a goal and spheres, as networks see them.

    Attributes:
        start: first configuration.
        goal: last configuration.
        spheres: x, y, z and radius.
        there: False for rows of `spheres` that are none.
        states: what a state holds.
    """

    start: Float[Tensor, "batch 7"]
    goal: Float[Tensor, "batch 7"]
    spheres: Float[Tensor, "batch places 4"]
    there: Bool[Tensor, "batch places"]
    states: StateSpace

    def frame(self, times: Float[Tensor, "samples steps"], *, horizon: int) -> Frame:
        """Around the straight line through joint space, whose ends are known."""
        copies = self.copies_in(len(times), "times")
        start, goal = (end.repeat_interleave(copies, dim=0) for end in (self.start, self.goal))
        return Frame.bridge(start, goal, times, states=self.states, horizon=horizon)

    def look(self, states: Float[Tensor, "samples steps 7"]) -> Float[Tensor, "samples steps features"]:
        """Distances of the parts of the arm, how they change with the joints, and where the angles lie."""
        made, flat = self._measure(states), states.reshape(-1, JOINTS)
        arm = panda()
        ranges = torch.tensor([_NEAR] * len(arm.to_hit.members) + [_FOLDED] * len(arm.to_fold.members))
        closeness = (-torch.from_numpy(made.least).clamp(min=0.0) / ranges).exp()
        slopes = (2 * closeness[..., None] * torch.from_numpy(made.slopes)).flatten(-2)
        gaps = torch.cat([flat - arm.lower, arm.upper - flat], dim=-1)
        features = torch.cat(
            [
                *_distances(made),
                slopes,
                (-gaps / _LIMIT).clamp(max=1.0).exp(),
                fourier_features(flat / math.pi, octaves=_OCTAVES),
            ],
            dim=-1,
        )
        return features.view(*states.shape[:-1], -1)

    def marks(self, frame: Frame) -> Float[Tensor, "samples steps features"]:
        """The step's place on the straight line, its distances there, and its spread."""
        distances = torch.cat(_distances(self._measure(frame.origin)), dim=-1)
        shape = frame.origin.shape[:-1]
        return torch.cat([distances.view(*shape, -1), frame.origin / math.pi, frame.spread[..., :1]], dim=-1)

    def _measure(self, states: Float[Tensor, "samples steps 7"]) -> Measures:
        self.copies_in(len(states), "states")
        return measure(states.reshape(-1, JOINTS).numpy(), self.spheres.numpy(), self.there.numpy())


@final
class ArmEncoder(Encoder[VectorCondition, ArmScene]):
    """Spheres become keys and values, with what they are to the straight line between the ends.

    A row that is no sphere becomes one learned token, so that every condition has as many.
    """

    condition_type = VectorCondition

    def __init__(self, config: ArmEncoderConfig, states: StateSpace) -> None:
        super().__init__(config, states)
        if states.dim != JOINTS or states.velocities or states.wraps:
            raise ValueError(f"states must be {JOINTS} angles within limits, found {states}")
        self.heads = config.heads
        parts = len(panda().to_hit.members)
        self.read = nn.Sequential(
            nn.Linear(4 + 3 * parts + 3 * JOINTS, config.width),
            nn.SiLU(),
            nn.Linear(config.width, config.width),
        )
        self.nothing = nn.Parameter(torch.zeros(config.width))
        self.mix = nn.TransformerEncoderLayer(
            config.width, config.heads, 2 * config.width, dropout=0.0, activation="gelu", batch_first=True,
            norm_first=True,
        )  # fmt: skip
        self.norm = nn.LayerNorm(config.width)
        self.to_keys_values = nn.Linear(config.width, 2 * config.width)

    def check(self, condition: Any, *, horizon: int) -> None:  # noqa: ANN401
        """Refuse conditions without start, goal and spheres."""
        super().check(condition, horizon=horizon)
        for name, size in (("start", JOINTS), ("goal", JOINTS), ("tokens", 4)):
            value = getattr(condition, name)
            if value is None or value.shape[-1] != size:
                found = "none" if value is None else f"the shape {tuple(value.shape)}"
                raise ValueError(f"{name} must be given with {size} numbers each, found {found}")

    def forward(self, condition: VectorCondition) -> ArmScene:
        """Encode each element of the batch."""
        start, goal, spheres = condition.start, condition.goal, condition.tokens
        if start is None or goal is None or spheres is None:
            raise ValueError("condition must have start, goal and tokens")
        there = condition.seen
        line, pose = self._line(start, goal)
        gaps = _to_each(pose, spheres)
        ends = torch.stack([gaps[:, 0], gaps[:, -1], gaps.amin(dim=1)], dim=-1)
        task = torch.cat([start, goal, goal - start], dim=-1) / math.pi
        place = torch.cat([spheres[..., :3] / 0.5, spheres[..., 3:] / 0.1 - 1], dim=-1)
        read = torch.cat(
            [place, torch.tanh(ends / _NEAR).flatten(-2), task[:, None].expand(-1, spheres.shape[1], -1)],
            dim=-1,
        )
        rows = torch.where(there[..., None], self.read(read), self.nothing)
        mixed = self.norm(self.mix(rows))
        pair = self.to_keys_values(mixed).unflatten(-1, (2, self.heads, -1))
        keys, values = pair.permute(2, 0, 3, 1, 4).unbind()
        least = torch.where(there, ends[..., 2].amin(dim=-1), 1.0).amin(dim=1)
        folded = panda().to_itself(pose).distance.amin(dim=(1, 2))
        way = (goal - start).norm(dim=-1)
        tail = torch.stack([way / 5, torch.tanh(least / 0.05), torch.tanh(folded / 0.05)], dim=-1)
        return ArmScene(
            keys=keys.to(line.dtype), values=values.to(line.dtype), scalars=torch.cat([task, tail], dim=-1),
            start=start, goal=goal, spheres=spheres, there=there, states=self.states,
        )  # fmt: skip

    @staticmethod
    def _line(start: Tensor, goal: Tensor) -> tuple[Float[Tensor, "batch line 7"], Pose]:
        shares = torch.linspace(0.0, 1.0, _LINE, device=start.device)[:, None]
        line = torch.lerp(start[:, None], goal[:, None], shares)
        return line, panda().pose(line)


def _distances(made: Measures) -> list[Tensor]:
    """Distances in numbers of about unit size: of two ranges to obstacles, of one to the arm itself."""
    around, folded = torch.from_numpy(made.around), torch.from_numpy(made.folded)
    return [torch.tanh(around / _NEAR), torch.tanh(around / _CLOSE), torch.tanh(folded / _FOLDED)]


def _to_each(
    pose: Pose, spheres: Float[Tensor, "batch places 4"]
) -> Float[Tensor, "batch line places parts"]:
    """Distances between each part of the arm and each sphere."""
    arm: Arm = panda()
    centres = pose.centres[..., arm.hit, :]
    offsets = centres[:, :, None] - spheres[:, None, :, None, :3]
    gaps = offsets.norm(dim=-1) - arm.radii[arm.hit] - spheres[:, None, :, None, 3]
    return torch.stack([gaps[..., members].amin(dim=-1) for members in arm.to_hit.members], dim=-1)
