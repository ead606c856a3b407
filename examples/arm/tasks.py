"""Random tasks: spheres around the arm, a start and a goal. Each is a function of (seed, index) alone."""

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray
from world import ArmWorld

MAX_SPHERES: Final = 8
MARGIN: Final = 0.02
"""Metres that starts, goals and planned paths keep from every sphere."""

_MIN_SPHERES: Final = 4
_RADII: Final = (0.06, 0.16)
_MIN_DISTANCE: Final = 1.5
# Spheres lie in a ball around the shoulder, as far as the hand gets, and off the column that the arm stands on.
_SHOULDER: Final = np.array([0.0, 0.0, 0.333])
_FARTHEST: Final = 0.75
_COLUMN_RADIUS: Final = 0.15
_COLUMN_TOP: Final = 0.45
_DRAWS: Final = 500


@final
@dataclass(frozen=True, kw_only=True)
class ArmTask:
    """Spheres, a start and a goal that are free by `MARGIN`.

    All of it is exact in float32, so that what a network reads is what was checked.

    Attributes:
        centres: (spheres, 3), metres.
        radii: (spheres,), metres.
        start: (7,), radians.
        goal: (7,), radians.
    """

    centres: NDArray[np.float32]
    radii: NDArray[np.float32]
    start: NDArray[np.float32]
    goal: NDArray[np.float32]

    def tokens(self) -> NDArray[np.float32]:
        """The spheres as (x, y, z, radius), zeros where there is none: (8, 4)."""
        rows = np.zeros((MAX_SPHERES, 4), dtype=np.float32)
        rows[: len(self.radii), :3] = self.centres
        rows[: len(self.radii), 3] = self.radii
        return rows

    def token_mask(self) -> NDArray[np.bool_]:
        """True where there is a sphere: (8,)."""
        return np.arange(MAX_SPHERES) < len(self.radii)


def draw_task(world: ArmWorld, seed: int, index: int) -> ArmTask:
    """The task number `index` of a seed; leaves its spheres in `world`.

    4 to 8 spheres of radius 0.06 to 0.16 m; start and goal uniform among the free configurations, at least 1.5 rad
    apart. Where the spheres leave too little room for that, they are drawn again.

    Args:
        world: the arm.
        seed: which tasks; 0 or more.
        index: which of them; 0 or more.
    """
    generator = np.random.default_rng([seed, index])
    while True:
        centres, radii = _draw_spheres(generator)
        world.set_spheres(centres, radii)
        ends = _draw_ends(world, generator)
        if ends is not None:
            return ArmTask(centres=centres, radii=radii, start=ends[0], goal=ends[1])


def _draw_spheres(generator: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    count = int(generator.integers(_MIN_SPHERES, MAX_SPHERES, endpoint=True))
    radii = generator.uniform(*_RADII, size=count)
    centres = np.array([_draw_centre(generator, radius) for radius in radii])
    return centres.astype(np.float32), radii.astype(np.float32)


def _draw_centre(generator: np.random.Generator, radius: float) -> NDArray[np.float64]:
    """Uniform in the ball around the shoulder, above the ground, so far off the column that nothing touches it."""
    while True:
        offset = generator.uniform(-_FARTHEST, _FARTHEST, size=3)
        centre: NDArray[np.float64] = _SHOULDER + offset
        off_column = np.hypot(
            max(np.hypot(centre[0], centre[1]) - _COLUMN_RADIUS, 0.0), max(centre[2] - _COLUMN_TOP, 0.0)
        )
        if np.linalg.norm(offset) <= _FARTHEST and centre[2] >= 0.0 and off_column >= radius + MARGIN:
            return centre


def _draw_ends(
    world: ArmWorld, generator: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
    """Two free configurations far enough apart, or None where they are too rare."""
    start: NDArray[np.float32] | None = None
    for _ in range(_DRAWS):
        q = generator.uniform(world.lower, world.upper).astype(np.float32)
        if start is not None and np.linalg.norm(q - start) < _MIN_DISTANCE:
            continue
        if not world.is_free(q.tolist(), MARGIN):
            continue
        if start is not None:
            return start, q
        start = q
    return None
