"""World states to [-1, 1] by the maze's extent and the speed limit: the same for all data of a maze."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Real

from anchordiff.configs import exact
from anchordiff.domains.maze.maze import Maze
from anchordiff.domains.pointmaze.world.physics import DT, MAX_ACCELERATION, MAX_SPEED


@dataclass(frozen=True)
@exact
class MazeNormalisation:
    """Scales (x, y, v_x, v_y) so that the maze's border lies at -1 and 1, and so does the greatest speed.

    MuJoCo clips velocities to 5 m/s an axis before a step, so that they can end a step's push above that. The
    library's own networks take positions in cells and scale inside; this is for networks that do not.

    Attributes:
        maze: whose extent is used.

    Example:
        >>> from anchordiff.domains.pointmaze.world import POINT_MAZES
        >>> scale = MazeNormalisation(POINT_MAZES["umaze"].maze)
        >>> scale.normalise(np.array([2.5, 0.0, 0.0, 0.0])).tolist()
        [1.0, 0.0, 0.0, 0.0]
    """

    maze: Maze

    @property
    def middle(self) -> Float[np.ndarray, "4"]:
        """What becomes 0, in m and m/s."""
        return np.append(self._corners().mean(axis=0), np.zeros(2))

    @property
    def extent(self) -> Float[np.ndarray, "4"]:
        """What becomes 1 away from the middle, in m and m/s."""
        sides = np.abs(np.diff(self._corners(), axis=0)[0]) / 2
        return np.append(sides, np.full(2, MAX_SPEED + DT * MAX_ACCELERATION))

    def normalise(self, states: Real[np.ndarray, "*n 4"]) -> Float[np.ndarray, "*n 4"]:
        """From m and m/s to [-1, 1]; integers become float64.

        Raises:
            ValueError: if `states` are no real numbers in 4 columns.
        """
        states = _real(states)
        return np.asarray((states - self.middle) / self.extent, states.dtype)

    def denormalise(self, states: Real[np.ndarray, "*n 4"]) -> Float[np.ndarray, "*n 4"]:
        """From [-1, 1] to m and m/s; integers become float64.

        Raises:
            ValueError: if `states` are no real numbers in 4 columns.
        """
        states = _real(states)
        return np.asarray(states * self.extent + self.middle, states.dtype)

    def _corners(self) -> Float[np.ndarray, "2 2"]:
        return self.maze.to_world(np.array([[0.0, 0.0], [self.maze.cols, self.maze.rows]]))


def _real(states: Real[np.ndarray, "*n 4"]) -> Float[np.ndarray, "*n 4"]:
    """States as floating-point numbers, of their own precision where they have one."""
    states = np.asarray(states)
    if states.shape[-1:] != (4,) or states.dtype.kind not in "fiu":
        raise ValueError(
            f"states must be real numbers in 4 columns, found {states.dtype} of shape {states.shape}"
        )
    return states if states.dtype.kind == "f" else states.astype(np.float64)
