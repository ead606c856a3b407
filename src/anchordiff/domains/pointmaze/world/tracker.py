"""Tracking: a plan's shape at the pace that the ball is able to keep."""

from typing import Final

import numpy as np
from jaxtyping import Float

from anchordiff.domains.pointmaze.world.controllers import check_path, check_state
from anchordiff.domains.pointmaze.world.numbers import check_above_zero
from anchordiff.domains.pointmaze.world.physics import DT, MAX_ACCELERATION, MAX_SPEED, action_between
from anchordiff.domains.pointmaze.world.retiming import retime
from anchordiff.domains.pointmaze.world.smoothing import smooth
from anchordiff.domains.pointmaze.world.walls import WallBoxes

ACCELERATION: Final = 0.9 * MAX_ACCELERATION
"""Acceleration of an axis that timing may use, in m/s²; the rest is left to damping and feedback."""

SPEED: Final = 0.98 * MAX_SPEED
"""Speed of an axis that timing may use, in m/s."""

FREQUENCY: Final = 12.0
"""Natural frequency of the feedback, in rad/s."""

LEASH: Final = 0.3
"""Distance from the ball at which the reference waits for it, in metres."""


class PathTracker:
    r"""Follow a path's shape as fast as the ball can.

    The path is smoothed within a tube (`smooth`), timed anew under the limits of speed and acceleration (`retime`), and
    followed by feed-forward and critically damped feedback,

    .. math:: a = a_{\text{ff}} + \frac{\omega^2 (p - x) + 2 \omega (w - v)}{a_{\max}},

    where (p, w) is the reference at this step and :math:`a_{\text{ff}}` the action that leads to its next velocity in
    free space. Where the ball is more than 0.3 m away, as when something holds it, the reference waits at rest (w = 0,
    :math:`a_{\text{ff}} = 0`), so that the ball comes to it. At the end it holds the place.

    Args:
        path: positions (x, y) in metres, the first near the ball; their pace does not matter, further columns neither.
        state: of the ball at the start, in m and m/s.
        tolerance: how far the ball may leave the path, in metres.
        walls: where given, it may leave it further as long as it stays off them; see `smooth`.
        speed: greatest speed of an axis, in m/s.
        acceleration: greatest acceleration of an axis, in m/s².
        frequency: :math:`\omega`, in rad/s.

    Raises:
        MissingExtraError: if scipy or toppra is not installed.
        ValueError: if a value is not finite, has a wrong shape or is out of its range.

    Example:
        >>> path = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
        >>> tracker = PathTracker(path, np.zeros(4))
        >>> len(tracker.reference), tracker.reference[-1].tolist(), tracker(np.zeros(4)).round(1).tolist()
        (80, [1.0, 1.0], [0.4, -0.0])
    """

    def __init__(
        self,
        path: Float[np.ndarray, "horizon dim"],
        state: Float[np.ndarray, "4"],
        *,
        tolerance: float = 0.05,
        walls: WallBoxes | None = None,
        speed: float = SPEED,
        acceleration: float = ACCELERATION,
        frequency: float = FREQUENCY,
    ) -> None:
        check_above_zero("frequency", frequency)
        state = check_state(state)
        self.path = check_path(path)
        shape = smooth(self.path[:, :2], tolerance=tolerance, walls=walls)
        self.reference = retime(shape, state[2:], speed=speed, acceleration=acceleration)
        # Positions follow from velocities as in `free_step`: x' = x + h·v'. The last row holds the end.
        position = np.concatenate([self.reference, self.reference[-1:]])
        velocity = np.diff(position, axis=0, prepend=position[:1]) / DT
        velocity[0] = state[2:]
        following = np.concatenate([velocity[1:], np.zeros((1, 2))])
        self._rows = np.concatenate([position, velocity], axis=1)
        self._forward = action_between(velocity, following)
        self._gains = np.array([frequency**2, 2.0 * frequency]) / MAX_ACCELERATION
        self._row = 0

    def __call__(self, state: Float[np.ndarray, "4"]) -> Float[np.ndarray, "2"]:
        """Push along the reference, and back to it.

        Raises:
            ValueError: if `state` is not four finite numbers.
        """
        state = check_state(state)
        error, forward = self._rows[self._row] - state, self._forward[self._row]
        if float(np.hypot(*error[:2])) > LEASH:
            # With the row's velocity and action it would push the ball on, and could hold it off for ever.
            error[2:], forward = -state[2:], np.zeros(2)
        elif self._row < len(self.reference):
            self._row += 1
        action: np.ndarray = forward + self._gains[0] * error[:2] + self._gains[1] * error[2:]
        return action
