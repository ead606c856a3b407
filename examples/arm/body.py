"""The Panda as networks see it: joint frames and spheres that cover its links, in one file, `body.json`.

python examples/arm/body.py

The file is what `kinematics.py` computes with, and the order of its spheres is part of what trained networks know: it
is made once. Every point of a link's surface lies in a sphere, and no sphere sticks out of the convex hull of its
mesh, on which PyBullet decides, by more than `EXCESS`.
"""

import json
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import tyro
from numpy.typing import NDArray
from reach import link_vertices
from scipy.spatial import ConvexHull
from world import ArmWorld

from anchordiff.files import replacing

FILE: Final = Path(__file__).with_name("body.json")
EXCESS: Final = 0.025
"""Metres by which a covering sphere may stick out of its link."""

GAP: Final = 0.01
"""Metres by which a point of a link may lie outside of the spheres that cover it."""

BASE: Final = -1
"""The link that never moves."""

_HAND: Final = 8
_FINGERS: Final = (9, 10)
_LAST_JOINT: Final = 6
# Pairs that touch in some configuration within the limits, as 20,000 random ones say; a link's fingers are the hand's.
_TOUCHING: Final = (
    *((BASE, link) for link in (4, 5, 6, 8)),
    *((0, link) for link in (4, 5, 6, 8)),
    *((1, link) for link in (4, 5, 6, 8)),
    *((4, link) for link in (6, 8)),
)  # fmt: skip
# The base and the link that turns on it: spheres of the tasks keep off their column.
_NEVER_HIT: Final = (BASE, 0)
_SURFACE: Final = 4000
_CENTRES: Final = 6000

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Make:
    """Write the file.

    Attributes:
        out: where to.
        seed: of the points that are covered and of the centres that are tried.
    """

    out: Path = FILE
    seed: int = 0

    def execute(self) -> None:
        """Fit the spheres and write them with the joints' frames."""
        with ArmWorld() as world:
            body = _body(world, np.random.default_rng(self.seed))
        with replacing(self.out) as file:
            file.write((json.dumps(body, indent=1) + "\n").encode())
        sys.stdout.write(f"{self.out}: {len(body['spheres'])} spheres, {len(body['pairs'])} pairs of them\n")


def _body(world: ArmWorld, generator: np.random.Generator) -> dict[str, Any]:
    frames = world.link_frames([0.0] * 7)
    joints = [np.linalg.inv(before) @ after for before, after in pairwise(frames)]
    spheres: list[dict[str, Any]] = []
    for link in (BASE, *range(_LAST_JOINT + 1), _HAND, *_FINGERS):
        carrier = frames[min(link, _LAST_JOINT) + 1]
        vertices = link_vertices(world.client, world.robot, link)
        local = (vertices - carrier[:3, 3]) @ carrier[:3, :3]
        part = _HAND if link in _FINGERS else link
        for *centre, radius in _cover(local, generator):
            spheres.append(
                {"part": part, "joint": min(link, _LAST_JOINT), "centre": centre, "radius": radius}
            )
    parts = np.array([sphere["part"] for sphere in spheres])
    pairs = [
        [int(far), int(near)]
        for part, other in _TOUCHING
        for far in np.flatnonzero(parts == other)
        for near in np.flatnonzero(parts == part)
    ]
    return {
        "joints": [joint.tolist() for joint in joints],
        "lower": world.lower.tolist(),
        "upper": world.upper.tolist(),
        "excess": EXCESS,
        "hit": [index for index, part in enumerate(parts) if part not in _NEVER_HIT],
        "pairs": pairs,
        "spheres": spheres,
    }


def _cover(vertices: Floats, generator: np.random.Generator) -> list[list[float]]:
    """Spheres (x, y, z, radius) over the hull of vertices: always the one that covers most of what is left."""
    hull = ConvexHull(vertices)
    surface = _on_surface(vertices[hull.simplices], generator)
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    tried = generator.uniform(low, high, size=(_CENTRES, 3))
    # Facets satisfy n x + d = 0 with n outwards: how deep a point lies in the hull.
    depth = -(tried @ hull.equations[:, :3].T + hull.equations[:, 3]).max(axis=1)
    tried, depth = tried[depth > 0], depth[depth > 0]
    radii = depth + EXCESS
    covers = np.linalg.norm(surface[None] - tried[:, None], axis=2) <= radii[:, None] + GAP
    left = np.ones(len(surface), dtype=bool)
    chosen: list[list[float]] = []
    while left.any():
        gains = covers[:, left].sum(axis=1)
        best = int(gains.argmax())
        if not gains[best]:
            raise ValueError(f"centres must cover every point, found {int(left.sum())} left")
        chosen.append([*tried[best].tolist(), float(radii[best])])
        left &= ~covers[best]
    return chosen


def _on_surface(triangles: Floats, generator: np.random.Generator) -> Floats:
    """The corners of a hull and points spread evenly over it."""
    sides = triangles[:, 1:] - triangles[:, :1]
    areas = np.linalg.norm(np.cross(sides[:, 0], sides[:, 1]), axis=1)
    rows = generator.choice(len(triangles), size=_SURFACE, p=areas / areas.sum())
    weights = generator.dirichlet([1.0, 1.0, 1.0], size=_SURFACE)
    inner: Floats = np.einsum("pc,pcx->px", weights, triangles[rows])
    return np.concatenate([triangles.reshape(-1, 3), inner])


if __name__ == "__main__":
    tyro.cli(Make, description=__doc__).execute()
