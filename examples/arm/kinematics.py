"""Where the arm is: forward kinematics of the Panda, and its distance to spheres and to itself, in torch.

Notation: q are joint angles (*batch, 7); F_i the fixed frame of joint i on the link before it; o_i and R_i = [x y z]_i
the origin and axes of the link that joint i carries; joints turn about z_i. A point p on link j moves with joint
i <= j by dp/dq_i = z_i x (p - o_i). All lengths are metres, angles radians.

The body's spheres are those of `body.json`: what is measured here is a guide for networks, good to about 2 cm; whether
a path is free only `world.ArmWorld` says.
"""

import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

_FILE: Final = Path(__file__).with_name("body.json")
SOFTNESS: Final = 0.01
"""Metres over which the least distance of a part is blurred."""
_AWAY: Final = 10.0  # metres: the distance to spheres that are not there


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Near:
    """How close each of the body's spheres is to what it may hit.

    Attributes:
        distance: between surfaces, below 0 where they overlap; metres.
        direction: unit vector from what is nearest towards the sphere.
    """

    distance: Float[Tensor, "*batch spheres"]
    direction: Float[Tensor, "*batch spheres 3"]


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Pose:
    """The arm at given angles.

    Attributes:
        origins: o_i of the links, the base first.
        axes: z_i of the joints.
        centres: of the body's spheres.
    """

    origins: Float[Tensor, "*batch 8 3"]
    axes: Float[Tensor, "*batch 7 3"]
    centres: Float[Tensor, "*batch spheres 3"]


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Arm:
    """The Panda's geometry.

    Attributes:
        frames: F_i.
        lower: least angles.
        upper: largest angles.
        carriers: joint that carries each sphere; -1 for the base.
        places: centres of the spheres on the links that carry them.
        radii: of the spheres.
        parts: link that each sphere belongs to, the hand and its fingers as one; ascending.
        hit: numbers of the spheres that an obstacle can touch.
        pairs: numbers of spheres that can touch each other, the one farther out first.
    """

    frames: Float[Tensor, "7 4 4"]
    lower: Float[Tensor, " 7"]
    upper: Float[Tensor, " 7"]
    carriers: Int[Tensor, " spheres"]
    places: Float[Tensor, "spheres 3"]
    radii: Float[Tensor, " spheres"]
    parts: Int[Tensor, " spheres"]
    hit: Int[Tensor, " hit"]
    pairs: Int[Tensor, "pairs 2"]

    @cached_property
    def far(self) -> Int[Tensor, " far"]:
        """The spheres that can touch another part of the arm, those farther out."""
        far: Tensor = self.pairs[:, 0].unique()  # type: ignore[no-untyped-call]
        return far

    @cached_property
    def to_hit(self) -> "Group":
        """The spheres `hit`."""
        return Group.of(self, self.hit)

    @cached_property
    def to_fold(self) -> "Group":
        """The spheres `far`."""
        return Group.of(self, self.far)

    @cached_property
    def _partners(self) -> tuple[Int[Tensor, " near"], Bool[Tensor, "far near"], Float[Tensor, "far near"]]:
        """What `far` can touch, which of it each one can, and the sums of radii."""
        near = self.pairs[:, 1].unique()  # type: ignore[no-untyped-call]
        can = torch.zeros(len(self.radii), len(self.radii), dtype=torch.bool)
        can[self.pairs[:, 0], self.pairs[:, 1]] = True
        return near, can[self.far][:, near], self.radii[self.far, None] + self.radii[near]

    @cached_property
    def _links(self) -> list[tuple[int, Float[Tensor, "3 spheres"]]]:
        """Number of each link that carries spheres, from 0 for the base, and their places."""
        carried = self.carriers.unique_consecutive().tolist()  # type: ignore[no-untyped-call]
        return [(joint + 1, self.places[self.carriers == joint].T.contiguous()) for joint in carried]

    def pose(self, q: Float[Tensor, "*batch 7"]) -> Pose:
        """Forward kinematics; differentiable."""
        sines, cosines = q.sin(), q.cos()
        eye = torch.eye(3, dtype=q.dtype)
        turn, origin = eye.expand(*q.shape[:-1], 3, 3), q.new_zeros(*q.shape[:-1], 3)
        frames = self.frames.to(q.dtype)
        origins, turns = [origin], [turn]
        for joint in range(7):
            origin = origin + turn @ frames[joint, :3, 3]
            fixed = turn @ frames[joint, :3, :3]
            x, y, z = fixed.unbind(dim=-1)
            sine, cosine = sines[..., joint, None], cosines[..., joint, None]
            turn = torch.stack([cosine * x + sine * y, cosine * y - sine * x, z], dim=-1)
            origins.append(origin)
            turns.append(turn)
        centres = [
            (turns[link] @ places.to(q.dtype) + origins[link][..., None]).transpose(-1, -2)
            for link, places in self._links
        ]
        return Pose(
            origins=torch.stack(origins, dim=-2),
            axes=torch.stack([turn[..., 2] for turn in turns[1:]], dim=-2),
            centres=torch.cat(centres, dim=-2),
        )

    def to_obstacles(
        self,
        pose: Pose,
        spheres: Float[Tensor, "*batch obstacles 4"],
        visible: Bool[Tensor, "*batch obstacles"],
    ) -> Near:
        """Distances of the spheres `hit` to the nearest obstacle.

        Args:
            pose: of the arm.
            spheres: x, y, z and radius of the obstacles; broadcast over the batch of the pose.
            visible: False for obstacles that are not there.
        """
        centres = pose.centres[..., self.hit, :]
        radii = torch.where(visible, spheres[..., 3], -_AWAY)
        gaps = _distances(centres, spheres[..., :3]) - radii[..., None, :] - self.radii[self.hit, None]
        distance, index = gaps.min(dim=-1)
        sources = spheres[..., :3].expand(*centres.shape[:-2], *spheres.shape[-2:-1], 3)
        nearest = sources.gather(-2, index[..., None].expand(*index.shape, 3))
        return Near(distance=distance, direction=_unit(centres - nearest))

    def to_itself(self, pose: Pose) -> Near:
        """Distances of the spheres `far` to the nearest part of the arm that they can touch."""
        near, can, radii = self._partners
        centres, others = pose.centres[..., self.far, :], pose.centres[..., near, :]
        gaps = (_distances(centres, others) - radii).masked_fill(~can, _AWAY)
        distance, index = gaps.min(dim=-1)
        nearest = others.gather(-2, index[..., None].expand(*index.shape, 3))
        return Near(distance=distance, direction=_unit(centres - nearest))

    def slopes(
        self, pose: Pose, near: Near, which: "Group"
    ) -> tuple[Float[Tensor, "*batch parts"], Float[Tensor, "*batch parts 7"]]:
        """The least distance of each part of the arm, softly, and how it changes with the angles; metres a radian.

        Of a distance to another part of the arm this is the slope with that one held still.

        Args:
            pose: of the arm.
            near: distances and directions of the spheres of the group.
            which: the group.
        """
        scores = (-near.distance / SOFTNESS)[..., None, :].masked_fill(~which.members, -torch.inf)
        weights = scores.softmax(dim=-1)
        least = (weights * near.distance[..., None, :]).sum(dim=-1)
        # z (p - o) x d = z (p x d) - d (z x o): a product of matrices for all joints and parts.
        centres, origins = pose.centres[..., which.numbers, :], pose.origins[..., 1:, :]
        wrenches = torch.cat([torch.linalg.cross(centres, near.direction), near.direction], dim=-1)
        screws = torch.cat([pose.axes, torch.linalg.cross(origins, pose.axes)], dim=-1)
        return least, (weights @ wrenches @ screws.transpose(-1, -2)) * which.moved_by


@final
@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Some of the body's spheres, by the parts that they belong to.

    Attributes:
        numbers: of the spheres.
        members: True where a sphere belongs to a part.
        moved_by: 1 where a joint moves a part.
    """

    numbers: Int[Tensor, " spheres"]
    members: Bool[Tensor, "parts spheres"]
    moved_by: Float[Tensor, "parts 7"]

    @classmethod
    def of(cls, arm: "Arm", numbers: Int[Tensor, " spheres"]) -> "Group":
        """The group of these spheres."""
        own = arm.parts[numbers]
        parts = own.unique()  # type: ignore[no-untyped-call]
        members = own == parts[:, None]
        carriers = parts.clamp(max=6)
        return cls(numbers=numbers, members=members, moved_by=(torch.arange(7) <= carriers[:, None]).float())


def _distances(a: Tensor, b: Tensor) -> Tensor:
    """Of each point of a set to each of another."""
    squares = a.square().sum(dim=-1)[..., :, None] + b.square().sum(dim=-1)[..., None, :]
    # A root is steep at zero.
    return (squares - 2 * (a @ b.transpose(-1, -2))).clamp(min=1e-8).sqrt()


def _unit(vectors: Tensor) -> Tensor:
    unit: Tensor = vectors / vectors.norm(dim=-1, keepdim=True).clamp(min=1e-6)
    return unit


@lru_cache(maxsize=1)
def panda() -> Arm:
    """The arm of `body.json`."""
    body = json.loads(_FILE.read_text())
    spheres = body["spheres"]
    # A plan's inference mode must not leave its mark on what training uses.
    with torch.inference_mode(mode=False):
        arm = Arm(
            frames=torch.tensor(body["joints"], dtype=torch.float64),
            lower=torch.tensor(body["lower"]),
            upper=torch.tensor(body["upper"]),
            carriers=torch.tensor([sphere["joint"] for sphere in spheres]),
            places=torch.tensor([sphere["centre"] for sphere in spheres], dtype=torch.float64),
            radii=torch.tensor([sphere["radius"] for sphere in spheres]),
            parts=torch.tensor([sphere["part"] for sphere in spheres]),
            hit=torch.tensor(body["hit"]),
            pairs=torch.tensor(body["pairs"]),
        )
        _ = arm.to_hit, arm.to_fold, arm._partners, arm._links
    return arm
