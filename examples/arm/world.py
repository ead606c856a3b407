"""The Panda arm of `pybullet_data` among spheres, and PyBullet's own word on which configurations are free.

A configuration `q` is the 7 joint angles in radians; lengths are metres, in the frame of the arm's base. The fingers
stay closed. `margin` widens the spheres: a free configuration keeps that distance from every sphere. Links may touch
the links they are joined to, and no others.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Final, Self, final

import numpy as np
import pybullet
import pybullet_data
from numpy.typing import ArrayLike, NDArray
from pybullet_utils.bullet_client import BulletClient
from reach import joint_reach

NUM_JOINTS: Final = 7
STEP: Final = 0.005
"""Metres that a point of the arm may move at most between two checks of a path."""

_JOINTS: Final = list(range(NUM_JOINTS))
# Joined through a fixed joint or a link without a shape: PyBullet leaves out direct parents alone.
_JOINED: Final = ((6, 8), (9, 10))
# Contacts farther than this are forgotten, so that only what overlaps now is a contact, whatever was checked before.
_CONTACT_THRESHOLD: Final = 1e-6
_LIMIT_TOLERANCE: Final = 1e-6
_FAR: Final = 100.0


@final
class ArmWorld:
    """One arm and the spheres around it, in a PyBullet client of its own; a context manager.

    Attributes:
        lower: the least angles, from the URDF; radians.
        upper: the largest angles, from the URDF; radians.
        reach: the farthest that a point of the arm can be from each joint's axis; metres.
        checks: number of configurations checked so far.
    """

    def __init__(self) -> None:
        self._client = BulletClient(pybullet.DIRECT)
        # Looked up once: the client makes a new function at each look.
        self._reset = self._client.resetJointStatesMultiDof
        self._collide = self._client.performCollisionDetection
        self._contacts = self._client.getContactPoints
        self._client.setPhysicsEngineParameter(contactBreakingThreshold=_CONTACT_THRESHOLD)
        urdf = Path(pybullet_data.getDataPath()) / "franka_panda" / "panda.urdf"
        self._robot: int = self._client.loadURDF(
            str(urdf), useFixedBase=True, flags=pybullet.URDF_USE_SELF_COLLISION
        )
        for one, other in _JOINED:
            self._client.setCollisionFilterPair(self._robot, self._robot, one, other, 0)
        limits = [self._client.getJointInfo(self._robot, joint)[8:10] for joint in _JOINTS]
        self.lower: NDArray[np.float64] = np.array([low for low, _ in limits])
        self.upper: NDArray[np.float64] = np.array([high for _, high in limits])
        self.reach: NDArray[np.float64] = joint_reach(self._client, self._robot, NUM_JOINTS)
        self.checks = 0
        self._bounds = [(low - _LIMIT_TOLERANCE, high + _LIMIT_TOLERANCE) for low, high in limits]
        self._spheres: list[tuple[list[float], float]] = []
        self._bodies: dict[float, list[int]] = {}
        self._margin: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the client."""
        self._client.disconnect()

    @property
    def client(self) -> BulletClient:
        """PyBullet, for pictures and measurements."""
        return self._client

    @property
    def robot(self) -> int:
        """PyBullet's number of the arm."""
        return self._robot

    def link_frames(self, q: Sequence[float]) -> list[NDArray[np.float64]]:
        """Where the base and the links that the joints carry are at `q`: 8 matrices (4, 4), metres."""
        self._reset(self._robot, _JOINTS, [[angle] for angle in q])
        frames = [np.eye(4)]
        for joint in _JOINTS:
            state = self._client.getLinkState(self._robot, joint, computeForwardKinematics=1)
            frame = np.eye(4)
            frame[:3, :3] = np.array(self._client.getMatrixFromQuaternion(state[5])).reshape(3, 3)
            frame[:3, 3] = state[4]
            frames.append(frame)
        return frames

    def set_spheres(self, centres: ArrayLike, radii: ArrayLike) -> None:
        """Put these spheres in place of the ones before.

        PyBullet keeps the old shapes until the client ends: 40 MB after a thousand worlds.

        Args:
            centres: (spheres, 3), metres.
            radii: (spheres,), metres.

        Raises:
            ValueError: if the shapes do not fit, or a radius is not above 0.
        """
        places, sizes = np.asarray(centres, dtype=np.float64), np.asarray(radii, dtype=np.float64)
        if places.ndim != 2 or places.shape[1] != 3:
            raise ValueError(f"centres must have shape (spheres, 3), found {places.shape}")
        if sizes.shape != places.shape[:1]:
            raise ValueError(f"radii must have shape {places.shape[:1]}, as centres, found {sizes.shape}")
        if not (sizes > 0).all():
            raise ValueError(f"radii must be above 0, found {sizes.min()}")
        for bodies in self._bodies.values():
            for body in bodies:
                self._client.removeBody(body)
        self._bodies, self._margin = {}, None
        self._spheres = list(zip(places.tolist(), sizes.tolist(), strict=True))

    def is_free(self, q: Sequence[float], margin: float = 0.0) -> bool:
        """Whether the arm at `q` is within its limits, off the spheres by `margin` metres, and off itself."""
        if margin != self._margin:
            self._widen(margin)
        for angle, (low, high) in zip(q, self._bounds, strict=True):
            if not low <= angle <= high:
                return False
        self.checks += 1
        self._reset(self._robot, _JOINTS, [[angle] for angle in q])
        self._collide()
        contacts = self._contacts(self._robot)
        return not contacts or all(contact[8] >= 0.0 for contact in contacts)

    def path_is_free(self, path: ArrayLike, *, margin: float = 0.0, step: float = STEP) -> bool:
        """Whether the straight pieces between the states of `path` are free, all along.

        Between two checks no point of the arm moves more than `step`: angles that change by dq_i move it by
        sum_i |dq_i| reach_i at most.

        Args:
            path: (steps, 7), radians.
            margin: distance to keep from the spheres; metres.
            step: how far a point of the arm may move between two checks; metres.

        Raises:
            ValueError: if the shape does not fit, or `step` is not above 0.
        """
        states = np.asarray(path, dtype=np.float64)
        if states.ndim != 2 or states.shape[1] != NUM_JOINTS or len(states) == 0:
            raise ValueError(
                f"path must have shape (steps, {NUM_JOINTS}), steps above 0, found {states.shape}"
            )
        if step <= 0:
            raise ValueError(f"step must be above 0, found {step}")
        fine = self._subdivided(states, step)
        return all(self.is_free(fine[index], margin) for index in _coarse_first(len(fine)))

    def _subdivided(self, states: NDArray[np.float64], step: float) -> list[list[float]]:
        """The states with so many between them that no point of the arm moves more than `step`."""
        moves = np.abs(np.diff(states, axis=0)) @ self.reach
        counts = np.maximum(np.ceil(moves / step), 1).astype(int)
        piece = np.repeat(np.arange(len(counts)), counts)
        within = np.arange(len(piece)) - np.repeat(np.cumsum(counts) - counts, counts)
        share = (within / counts[piece])[:, None]
        inner = states[piece] * (1 - share) + states[piece + 1] * share
        return [*inner.tolist(), states[-1].tolist()]

    def _widen(self, margin: float) -> None:
        """Have the spheres around with radii larger by `margin`, and the others out of the way."""
        if margin < 0:
            raise ValueError(f"margin must not be below 0, found {margin}")
        for body in self._bodies.get(self._margin, []) if self._margin is not None else []:
            self._client.resetBasePositionAndOrientation(body, [_FAR, _FAR, _FAR], [0, 0, 0, 1])
        if margin in self._bodies:
            for body, (centre, _) in zip(self._bodies[margin], self._spheres, strict=True):
                self._client.resetBasePositionAndOrientation(body, centre, [0, 0, 0, 1])
        else:
            self._bodies[margin] = [self._sphere(centre, radius + margin) for centre, radius in self._spheres]
        self._margin = margin

    def _sphere(self, centre: list[float], radius: float) -> int:
        shape = self._client.createCollisionShape(pybullet.GEOM_SPHERE, radius=radius)
        body: int = self._client.createMultiBody(0, shape, -1, centre)
        return body


@lru_cache(maxsize=4096)
def _coarse_first(count: int) -> list[int]:
    """0 … count − 1, the ends and the middle first: what is not free is found early."""
    bits = max(count - 1, 1).bit_length()
    turned = [int(format(index, f"0{bits}b")[::-1], 2) for index in range(1 << bits)]
    return [count - 1, *(index for index in turned if index < count - 1)]
