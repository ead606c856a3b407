"""The arm's distances, state by state: what `measures.py` wraps. NumPy in, NumPy out, Numba inside.

Notation and twin: `kinematics.py`.
"""

from typing import Final

import numba
import numpy as np
from kinematics import SOFTNESS

AWAY: Final = np.float32(10.0)
"""Metres: the distance to obstacles that are not there."""

ROW: Final = 32
"""More spheres than any part has."""

SOFTNESS_32: Final = np.float32(SOFTNESS)


@numba.njit(cache=True, fastmath=True)
def _pose(q, frames, places, carriers, turns, origins, centres):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Forward kinematics of one state."""
    for a in range(3):
        origins[0, a] = 0.0
        for b in range(3):
            turns[0, a, b] = 1.0 if a == b else 0.0
    for joint in range(7):
        sine, cosine = np.sin(q[joint]), np.cos(q[joint])
        for a in range(3):
            x = y = z = np.float32(0.0)
            place = origins[joint, a]
            for b in range(3):
                turn = turns[joint, a, b]
                x += turn * frames[joint, b, 0]
                y += turn * frames[joint, b, 1]
                z += turn * frames[joint, b, 2]
                place += turn * frames[joint, b, 3]
            origins[joint + 1, a] = place
            turns[joint + 1, a, 0] = cosine * x + sine * y
            turns[joint + 1, a, 1] = cosine * y - sine * x
            turns[joint + 1, a, 2] = z
    for sphere in range(len(places)):
        link = carriers[sphere] + 1
        for a in range(3):
            centres[sphere, a] = (
                origins[link, a]
                + turns[link, a, 0] * places[sphere, 0]
                + turns[link, a, 1] * places[sphere, 1]
                + turns[link, a, 2] * places[sphere, 2]
            )


@numba.njit(cache=True, fastmath=True)
def _to_obstacles(centre, radius, spheres, there, way):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Distance of a sphere to the nearest obstacle; `way` becomes the unit vector from there."""
    least = np.float32(1e9)
    for place in range(len(spheres)):
        x, y, z = centre[0] - spheres[place, 0], centre[1] - spheres[place, 1], centre[2] - spheres[place, 2]
        length = np.sqrt(max(x * x + y * y + z * z, np.float32(1e-12)))
        gap = length - radius - (spheres[place, 3] if there[place] else -AWAY)
        if gap < least:
            least = gap
            way[0], way[1], way[2] = x / length, y / length, z / length
    return least


@numba.njit(cache=True, fastmath=True)
def _to_itself(sphere, centres, radii, partners, way):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Distance of a sphere to the nearest of its partners, and which that is; `way` as above."""
    least, nearest = np.float32(1e9), -1
    for other in partners:
        x = centres[sphere, 0] - centres[other, 0]
        y = centres[sphere, 1] - centres[other, 1]
        z = centres[sphere, 2] - centres[other, 2]
        length = np.sqrt(max(x * x + y * y + z * z, np.float32(1e-12)))
        gap = length - radii[sphere] - radii[other]
        if gap < least:
            least, nearest = gap, other
            way[0], way[1], way[2] = x / length, y / length, z / length
    return least, nearest


@numba.njit(cache=True, fastmath=True)
def _turning(centre, way, turns, origins, joint):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Z (p - o) x d of one joint."""
    x, y, z = (
        centre[0] - origins[joint + 1, 0],
        centre[1] - origins[joint + 1, 1],
        centre[2] - origins[joint + 1, 2],
    )
    return (
        turns[joint + 1, 0, 2] * (y * way[2] - z * way[1])
        + turns[joint + 1, 1, 2] * (z * way[0] - x * way[2])
        + turns[joint + 1, 2, 2] * (x * way[1] - y * way[0])
    )


@numba.njit(cache=True, fastmath=True)
def _join(numbers, starts, first, gaps, ways, centres, carriers, turns, origins, least, slopes):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
    """Soft least distances of parts and their slopes."""
    weights = np.empty(ROW, np.float32)
    for part in range(len(starts) - 1):
        begin, end = starts[part], starts[part + 1]
        closest = gaps[begin:end].min()
        total = np.float32(0.0)
        for row in range(begin, end):
            weights[row - begin] = np.exp((closest - gaps[row]) / SOFTNESS_32)
            total += weights[row - begin]
        mean = np.float32(0.0)
        carrier = carriers[numbers[begin]]
        for row in range(begin, end):
            weight = weights[row - begin] / total
            mean += weight * gaps[row]
            if weight < 1e-6:
                continue
            for joint in range(carrier + 1):
                slopes[first + part, joint] += weight * _turning(
                    centres[numbers[row]], ways[row], turns, origins, joint
                )
        least[first + part] = mean


@numba.njit(cache=True, fastmath=True, nogil=True)
def measure_states(  # type: ignore[no-untyped-def]
    q, spheres, there, frames, places, radii, carriers, hit, hit_starts, far, far_starts, partners, partner_starts,  # noqa: ANN001
    around, folded, least, slopes,  # noqa: ANN001
) -> None:  # fmt: skip
    """Fill `around`, `folded`, `least` and `slopes` of each state; see `measures.Measures`."""
    turns, origins = np.empty((8, 3, 3), np.float32), np.empty((8, 3), np.float32)
    centres = np.empty((len(places), 3), np.float32)
    ways, own_ways = np.empty((len(hit), 3), np.float32), np.empty((len(far), 3), np.float32)
    copies = len(q) // len(spheres)
    for row in range(len(q)):
        condition = row // copies
        _pose(q[row], frames, places, carriers, turns, origins, centres)
        for index in range(len(hit)):
            sphere = hit[index]
            around[row, index] = _to_obstacles(
                centres[sphere], radii[sphere], spheres[condition], there[condition], ways[index]
            )
        for index in range(len(far)):
            some = partners[partner_starts[index] : partner_starts[index + 1]]
            folded[row, index], _ = _to_itself(far[index], centres, radii, some, own_ways[index])
        _join(
            hit, hit_starts, 0, around[row], ways, centres, carriers, turns, origins, least[row], slopes[row]
        )
        _join(
            far, far_starts, len(hit_starts) - 1, folded[row], own_ways, centres, carriers, turns, origins, least[row],
            slopes[row],
        )  # fmt: skip


@numba.njit(cache=True, fastmath=True, nogil=True)
def deepen(  # type: ignore[no-untyped-def]
    q, spheres, there, margin, fold, unit, frames, places, radii, carriers, hit, far, partners, partner_starts,  # noqa: ANN001
    depth, slopes,  # noqa: ANN001
) -> None:  # fmt: skip
    """Add each state's depth to `depth`, and its slope to `slopes`; see `measures.depths`."""
    turns, origins = np.empty((8, 3, 3), np.float32), np.empty((8, 3), np.float32)
    centres, way = np.empty((len(places), 3), np.float32), np.empty(3, np.float32)
    copies = len(q) // len(spheres)
    for row in range(len(q)):
        condition = row // copies
        _pose(q[row], frames, places, carriers, turns, origins, centres)
        for sphere in hit:
            gap = _to_obstacles(centres[sphere], radii[sphere], spheres[condition], there[condition], way)
            deep = (margin - gap) / unit
            if deep > 0:
                depth[row] += deep + deep * deep
                for joint in range(carriers[sphere] + 1):
                    slopes[row, joint] -= (
                        (1 + 2 * deep) / unit * _turning(centres[sphere], way, turns, origins, joint)
                    )
        for index in range(len(far)):
            sphere = far[index]
            some = partners[partner_starts[index] : partner_starts[index + 1]]
            gap, other = _to_itself(sphere, centres, radii, some, way)
            deep = (fold - gap) / unit
            if deep > 0:
                depth[row] += deep + deep * deep
                # Joints before both parts move them as one.
                for joint in range(carriers[other] + 1, carriers[sphere] + 1):
                    slopes[row, joint] -= (
                        (1 + 2 * deep) / unit * _turning(centres[sphere], way, turns, origins, joint)
                    )
