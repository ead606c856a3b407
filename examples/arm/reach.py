"""How far from a joint's axis the arm can reach: what bounds the way of its points when the joint turns."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pybullet_utils.bullet_client import BulletClient

# Bullet rounds the hulls of URDF meshes off by 1 mm; once more for safety.
_ROUNDING: Final = 0.002


def joint_reach(client: BulletClient, robot: int, num_joints: int) -> NDArray[np.float64]:
    """The farthest that a point of the arm can be from each joint's axis, whatever the joints behind it do.

    From the tip to the base. With o_i the origin of joint i, a_i(p) the distance of p from its axis, and R_i the
    farthest that points moved by joint i can be from o_i:

        R_i = max(max_p |p − o_i|, |o_{i+1} − o_i| + R_{i+1})
        reach_i = max(max_p a_i(p), a_i(o_{i+1}) + R_{i+1})

    over the vertices p of the link that joint i carries; links behind fixed joints, and the fingers, count as parts
    of the last one.

    Args:
        client: PyBullet client.
        robot: body of the arm; its links 0 … num_joints − 1 are the ones that turn.
        num_joints: number of joints that turn.

    Returns:
        Metres, (num_joints,).
    """
    carried: list[list[NDArray[np.float64]]] = [[] for _ in range(num_joints)]
    for link in range(client.getNumJoints(robot)):
        carried[min(link, num_joints - 1)].append(link_vertices(client, robot, link))
    reach = np.zeros(num_joints)
    behind = 0.0
    next_origin: NDArray[np.float64] | None = None
    for joint in reversed(range(num_joints)):
        origin, axis = _axis(client, robot, joint)
        points = np.concatenate(carried[joint]) - origin
        radius, off_axis = np.linalg.norm(points, axis=1).max(), _off_axis(points, axis).max()
        if next_origin is not None:
            arm = next_origin - origin
            radius = max(radius, np.linalg.norm(arm) + behind)
            off_axis = max(off_axis, _off_axis(arm[None], axis)[0] + behind)
        reach[joint], behind, next_origin = off_axis, radius, origin
    return reach + _ROUNDING


def _axis(client: BulletClient, robot: int, joint: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Origin and unit axis of a joint, in the world."""
    state = client.getLinkState(robot, joint, computeForwardKinematics=1)
    axis = np.array(client.getJointInfo(robot, joint)[13])
    return np.array(state[4]), _rotation(client, state[5]) @ axis


def link_vertices(client: BulletClient, robot: int, link: int) -> NDArray[np.float64]:
    """Vertices of a link's collision meshes, in the world: (vertices, 3); link -1 is the base."""
    if link < 0:
        frame = client.getBasePositionAndOrientation(robot)
    else:
        frame = client.getLinkState(robot, link, computeForwardKinematics=1)[:2]
    found = [np.zeros((0, 3))]
    for shape in client.getCollisionShapeData(robot, link):
        mesh = _read_vertices(Path(shape[4].decode())) * np.array(shape[3])
        place, turn = client.multiplyTransforms(*frame, shape[5], shape[6])
        found.append(mesh @ _rotation(client, turn).T + np.array(place))
    return np.concatenate(found)


def _rotation(client: BulletClient, quaternion: Sequence[float]) -> NDArray[np.float64]:
    return np.array(client.getMatrixFromQuaternion(quaternion)).reshape(3, 3)


def _read_vertices(path: Path) -> NDArray[np.float64]:
    """The vertices of a Wavefront OBJ file."""
    lines = (line.split() for line in path.read_text().splitlines())
    return np.array([[float(number) for number in line[1:4]] for line in lines if line[:1] == ["v"]])


def _off_axis(points: NDArray[np.float64], axis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances of points from the axis through the origin."""
    distances: NDArray[np.float64] = np.linalg.norm(points - (points @ axis)[:, None] * axis, axis=1)
    return distances
