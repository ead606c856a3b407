r"""How the ball moves where it touches nothing, as MuJoCo's model of the benchmark has it.

A state is (x, y, v_x, v_y) in metres and metres a second; an action a in [-1, 1]² is a force of 100 N times a. With
mass m, damping d and time step h, MuJoCo's Euler integrator (implicit in the damping) gives, axis by axis,

.. math:: v' = \frac{m\,\mathrm{clip}(v, \pm 5) + 100\,a\,h}{m + d\,h}, \qquad x' = x + h\,v'.

The constants are those of `point.xml` in gymnasium-robotics 1.4.2, the same as D4RL's.
"""

import math
from typing import Final

import numpy as np
from jaxtyping import Float

DT: Final = 0.01
"""Time between two actions, in seconds: 100 Hz."""

RADIUS: Final = 0.1
"""Radius of the ball, in metres."""

MASS: Final = 4.0 / 3.0 * math.pi * RADIUS**3 * 1000.0
"""Mass of the ball, in kilograms: 1000 kg/m³."""

DAMPING: Final = 1.0
"""Damping of both axes, in N·s/m."""

GEAR: Final = 100.0
"""Force at action 1, in newtons."""

MAX_SPEED: Final = 5.0
"""To this each axis's velocity is clipped before a step, in m/s."""

MAX_ACCELERATION: Final = GEAR / (MASS + DAMPING * DT)
"""Greatest change of an axis's velocity from rest, in m/s²: 23.8."""

TARGET_RADIUS: Final = 0.5
"""Distance to the goal within which D4RL rewards a step, in metres."""


def free_step(
    state: Float[np.ndarray, "*n 4"], action: Float[np.ndarray, "*n 2"]
) -> Float[np.ndarray, "*n 4"]:
    """The state after a step in free space.

    Args:
        state: (x, y, v_x, v_y), in m and m/s.
        action: clipped to [-1, 1].

    Raises:
        ValueError: if `state` or `action` has another number of columns.
    """
    for name, values, columns in (("state", state, 4), ("action", action, 2)):
        if np.shape(values)[-1:] != (columns,):
            raise ValueError(f"{name} must have {columns} columns, found shape {np.shape(values)}")
    force = GEAR * np.clip(action, -1.0, 1.0)
    velocity = np.clip(state[..., 2:], -MAX_SPEED, MAX_SPEED)
    velocity = (MASS * velocity + DT * force) / (MASS + DAMPING * DT)
    return np.concatenate([state[..., :2] + DT * velocity, velocity], axis=-1)


def action_between(
    velocity: Float[np.ndarray, "*n 2"], following: Float[np.ndarray, "*n 2"]
) -> Float[np.ndarray, "*n 2"]:
    """The action that turns a velocity into the one after it, in free space: the inverse of `free_step`.

    Args:
        velocity: before the step, in m/s; at most 5 an axis.
        following: after the step, in m/s.

    Returns:
        The action; not clipped, so that it tells what is out of reach.
    """
    return ((MASS + DAMPING * DT) * following - MASS * velocity) / (DT * GEAR)
