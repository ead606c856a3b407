"""The planner's paths as a stream without an end: what keeps a path as good as it is turns it into another one.

Three changes, drawn anew for each sample from its place in the stream:

- The first joint and all spheres turn about the vertical axis together.
- The arm and all spheres are mirrored. The links' meshes are nearly mirror images of themselves, so that a path is
  mirrored only where it stays off the spheres and off itself.
- Spheres are added that the path keeps off: a shortest path stays the shortest with more in the way of others.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, final

import torch
from jaxtyping import Bool, Float
from kinematics import panda
from torch import Tensor

from anchordiff.data.slot import Slot
from anchordiff.data.source import TrainingData
from anchordiff.domains.vector import TrajectoryConfig, TrajectoryDataset
from anchordiff.domains.vector.data.batch import VectorBatch
from anchordiff.states import StateSpace

_ROLLING: Final = (0, 2, 4)  # joints whose angles change their sign in a mirror
_FLANGE: Final = (
    math.pi / 2
)  # the hand is mounted at an eighth of a turn, so a mirror takes q_7 to this less q_7
# What is asked of mirrored paths and of spheres that are added, in distances of covering spheres; metres.
_KEEP: Final = 0.0
_KEEP_ITSELF: Final = -0.012
_KEEP_NEW: Final = 0.02
_TRIED: Final = 10
_STRIDE: Final = 3  # every so manyth state is looked at
# As `tasks` draws spheres.
_RADII: Final = (0.06, 0.16)
_SHOULDER: Final = 0.333
_FARTHEST: Final = 0.75
_COLUMN: Final = (0.15, 0.45, 0.02)


@final
@dataclass(frozen=True, kw_only=True)
class Varied:
    """The stream of a data set, with every sample changed in ways that keep it true.

    Attributes:
        dataset: of the planner's paths.
        seed: of the changes.
        mirror: share of samples that are mirrored, where they can be.
        add: share of samples that may get more spheres.
    """

    dataset: TrajectoryDataset
    seed: int = 0
    mirror: float = 0.5
    add: float = 0.5

    def at(self, slot: Slot) -> VectorBatch:
        """The batch of a slot, a pure function of it."""
        generator = torch.Generator().manual_seed(slot.seed(self.seed))
        batch = self.dataset.at(slot)
        batch = _mirrored(batch, torch.rand(len(batch), generator=generator) < self.mirror)
        batch = _turned(batch, torch.rand(len(batch), generator=generator))
        return _crowded(batch, self.add, generator)


def training_data(path: Path, states: StateSpace, *, seed: int = 0, varied: bool = True) -> TrainingData:
    """The planner's paths in a file that `make_data.py join` wrote, as `fit_keypoints` takes them.

    Args:
        path: the file.
        states: what a state holds.
        seed: of the order and of the changes.
        varied: whether samples are changed.
    """
    config = TrajectoryConfig(reverse=True, held_out_share=0.03, seed=seed)
    dataset = TrajectoryDataset.from_file(path, config, space=states)
    plain = dataset.training_data()
    if not varied:
        return plain
    stream = Varied(dataset=dataset, seed=seed)
    return replace(
        plain,
        at=stream.at,
        settings={**plain.settings, "varied": {"seed": seed, "mirror": stream.mirror, "add": stream.add}},
    )


def _mirrored(batch: VectorBatch, where: Bool[Tensor, " batch"]) -> VectorBatch:
    tokens = batch.condition.tokens
    assert tokens is not None
    arm, q = panda(), batch.trajectory.clone()
    q[..., _ROLLING] = -q[..., _ROLLING]
    q[..., 1], q[..., 3], q[..., 5] = (batch.trajectory[..., joint] for joint in (1, 3, 5))
    # A hand turned by half a turn is the same: of the two the one within the limits.
    rolled = _FLANGE - batch.trajectory[..., 6]
    over = (rolled > arm.upper[6]).any(dim=1, keepdim=True)
    q[..., 6] = torch.where(over, rolled - math.pi, rolled)
    within = ((q >= arm.lower) & (q <= arm.upper)).all(dim=2).all(dim=1)
    spheres = tokens * tokens.new_tensor([1.0, -1.0, 1.0, 1.0])
    pose = arm.pose(q[:, ::_STRIDE])
    around = arm.to_obstacles(pose, spheres[:, None], batch.condition.seen[:, None]).distance
    folded = arm.to_itself(pose).distance
    good = (around.amin(dim=(1, 2)) >= _KEEP) & (folded.amin(dim=(1, 2)) >= _KEEP_ITSELF) & within & where
    q = torch.where(good[:, None, None], q, batch.trajectory)
    return _with(batch, q, torch.where(good[:, None, None], spheres, tokens), batch.condition.seen)


def _turned(batch: VectorBatch, share: Float[Tensor, " batch"]) -> VectorBatch:
    tokens = batch.condition.tokens
    assert tokens is not None
    arm, first = panda(), batch.trajectory[..., 0]
    least, most = arm.lower[0] - first.amin(dim=1), arm.upper[0] - first.amax(dim=1)
    angle = torch.lerp(least, most, share)
    q = batch.trajectory.clone()
    # Sums may lie a rounding beyond a limit.
    q[..., 0] = (first + angle[:, None]).clamp(arm.lower[0], arm.upper[0])
    sine, cosine = angle.sin()[:, None], angle.cos()[:, None]
    x, y, z, radius = tokens.unbind(dim=-1)
    spheres = torch.stack([cosine * x - sine * y, sine * x + cosine * y, z, radius], dim=-1)
    return _with(batch, q, spheres, batch.condition.seen)


def _crowded(batch: VectorBatch, add: float, generator: torch.Generator) -> VectorBatch:
    tokens, seen = batch.condition.tokens, batch.condition.seen
    assert tokens is not None
    size, places = seen.shape
    unit = torch.rand(size, _TRIED, 4, generator=generator)
    tried = _spheres(unit)
    wanted = torch.rand(size, 2, generator=generator)
    arm = panda()
    pose = arm.pose(batch.trajectory[:, ::_STRIDE])
    centres, radii = (
        pose.centres[:, :, arm.hit].flatten(1, 2),
        arm.radii[arm.hit].repeat(pose.centres.shape[1]),
    )
    gaps = torch.cdist(centres, tried[..., :3]) - radii[:, None] - tried[:, None, :, 3]
    good = (gaps.amin(dim=1) >= _KEEP_NEW) & _reachable(tried)
    have = seen.sum(dim=1)
    most = have + ((places - have + 1) * wanted[:, 0]).long()
    most = torch.where(wanted[:, 1] < add, most, have)
    # All rows that are spheres first, then those that are tried, as many as are wanted.
    everything = torch.cat([tokens, tried], dim=1)
    usable = torch.cat([seen, good], dim=1)
    order = (~usable).to(torch.int8).argsort(dim=1, stable=True)[:, :places]
    there = torch.arange(places) < torch.minimum(most, usable.sum(dim=1))[:, None]
    spheres = everything.gather(1, order[..., None].expand(-1, -1, 4))
    return _with(batch, batch.trajectory, torch.where(there[..., None], spheres, 0.0), there)


def _spheres(unit: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 4"]:
    """Spheres in the box that the tasks draw from."""
    places = (2 * unit[..., :3] - 1) * _FARTHEST + unit.new_tensor([0.0, 0.0, _SHOULDER])
    least, most = _RADII
    return torch.cat([places, least + (most - least) * unit[..., 3:]], dim=-1)


def _reachable(spheres: Float[Tensor, "*batch 4"]) -> Bool[Tensor, "*batch"]:
    """Whether the tasks would draw such a sphere."""
    x, y, z, radius = spheres.unbind(dim=-1)
    width, top, gap = _COLUMN
    off = torch.hypot((torch.hypot(x, y) - width).relu(), (z - top).relu())
    away = torch.stack([x, y, z - _SHOULDER], dim=-1).norm(dim=-1)
    would: Tensor = (away <= _FARTHEST) & (z >= 0) & (off >= radius + gap)
    return would


def _with(batch: VectorBatch, q: Tensor, spheres: Tensor, seen: Tensor) -> VectorBatch:
    condition = replace(batch.condition, start=q[:, 0], goal=q[:, -1], tokens=spheres, visible=seen)
    return replace(batch, condition=condition, trajectory=q)
