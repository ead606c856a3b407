"""Recorded PointMaze data as flat arrays.

Notation: an episode of n steps has n + 1 observations. Where an episode goes on from the last observation of the one
before it (the goal was touched, the ball moved on), the two share that row; else a new run begins.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32, Int64

from anchordiff.domains.maze.maze import Maze
from anchordiff.domains.pointmaze.world.numbers import check_numbers

REACHED: Final = 0.45
"""Distance within which gymnasium-robotics counts a goal as touched, in metres."""

_ROUNDING = 1e-4


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """A data set in memory, in the units of the world.

    Attributes:
        maze: walls, with the map to the world.
        observations: (x, y, v_x, v_y), in m and m/s.
        actions: played from each row; NaN in the last row of a run, where none was.
        goals: (x, y) of the goal that the step from each row was made for, in metres.
        episode_starts: row of each episode's first observation; increasing.
        episode_ends: row of each episode's last observation, that which touched the goal, but where the stream was cut
            (see `reached`); the start of the next episode where the stream goes on.

    Raises:
        ValueError: if the arrays do not fit each other, or observations or goals are not finite.
    """

    maze: Maze
    observations: Float32[np.ndarray, "rows 4"]
    actions: Float32[np.ndarray, "rows 2"]
    goals: Float32[np.ndarray, "rows 2"]
    episode_starts: Int64[np.ndarray, " episodes"]
    episode_ends: Int64[np.ndarray, " episodes"]

    def __post_init__(self) -> None:
        check_numbers("observations", self.observations, (None, 4))
        rows, starts, ends = len(self.observations), self.episode_starts, self.episode_ends
        check_numbers("goals", self.goals, (rows, 2))
        if np.shape(self.actions) != (rows, 2):
            raise ValueError(f"actions must have shape ({rows}, 2), found {np.shape(self.actions)}")
        for name, places in (("episode_starts", starts), ("episode_ends", ends)):
            if np.shape(places) != (len(starts),) or np.asarray(places).dtype.kind not in "iu":
                raise ValueError(
                    f"{name} must hold one row number an episode, found {np.asarray(places).dtype} of shape "
                    f"{np.shape(places)}"
                )
        if len(starts) == 0:
            raise ValueError("episode_starts must hold at least one episode, found none")
        gaps = starts[1:] - ends[:-1]
        if (
            starts[0] != 0
            or ends[-1] != rows - 1
            or (ends <= starts).any()
            or ((gaps != 0) & (gaps != 1)).any()
        ):
            raise ValueError(
                f"episodes must follow each other through all {rows} rows, each with at least one step; "
                f"found starts {starts} and ends {ends}"
            )

    def __len__(self) -> int:
        """Number of episodes."""
        return len(self.episode_starts)

    @property
    def goes_on(self) -> Bool[np.ndarray, " episodes"]:
        """Whether each episode begins where the one before it ended."""
        return np.concatenate([[False], self.episode_starts[1:] == self.episode_ends[:-1]])

    @property
    def lengths(self) -> Int64[np.ndarray, " episodes"]:
        """Steps of each episode."""
        lengths: Int64[np.ndarray, " episodes"] = self.episode_ends - self.episode_starts
        return lengths

    @property
    def reached(self) -> Bool[np.ndarray, " episodes"]:
        """Whether each episode's last step touched the goal that it was made for: not where the stream was cut."""
        ends = self.episode_ends
        away = self.observations[ends, :2].astype(np.float64) - self.goals[ends - 1]
        reached: np.ndarray = np.hypot(*away.T) <= REACHED + _ROUNDING
        return reached

    def segments(
        self, chosen: Bool[np.ndarray, " episodes"]
    ) -> tuple[Int64[np.ndarray, " episodes"], Int64[np.ndarray, " episodes"]]:
        """How far one can go from each chosen episode, back and forth, through chosen episodes alone.

        Args:
            chosen: which episodes.

        Returns:
            First and last row of each episode's segment; without meaning for episodes that are not chosen.
        """
        joined = self.goes_on & chosen
        joined[1:] &= chosen[:-1]
        number = np.cumsum(~joined) - 1
        heads = np.flatnonzero(~joined)
        tails = np.append(heads[1:], len(self)) - 1
        return self.episode_starts[heads][number], self.episode_ends[tails][number]
