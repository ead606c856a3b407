"""What filters look at: numbers of each window, from sums that run along the recording.

Lengths are in cells. A window's path goes through its rows' positions p.
"""

from functools import cached_property
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64

from anchordiff.domains.pointmaze.data.recording import Recording
from anchordiff.domains.pointmaze.data.windows import Windows
from anchordiff.domains.pointmaze.world.physics import RADIUS

Measure = Literal["path_length", "goal_distance", "tortuosity", "detour", "turns", "collision_rate"]

_LAG: Final = 10
_LEAST: Final = 0.01
_CLEARANCE: Final = 0.2


class Measures:
    """The measures of windows, each made when it is first asked for.

    Args:
        recording: what the windows are pieces of.
        windows: which pieces.
        goals: (x, y) of each window's goal, in cells.
    """

    def __init__(
        self, recording: Recording, windows: Windows, goals: Float64[np.ndarray, "windows 2"]
    ) -> None:
        self.windows = windows
        self._recording = recording
        self._maze = recording.maze
        self._goals = goals

    def __len__(self) -> int:
        """Number of windows."""
        return len(self.windows)

    def where(self, keep: Bool[np.ndarray, " windows"]) -> "Measures":
        """The measures of some of the windows."""
        return Measures(self._recording, self.windows.where(keep), self._goals[keep])

    def joined(self, places: int) -> Int64[np.ndarray, " windows"]:
        """A number for the pair of places, of start and end, that each window joins: equal where both places are.

        Args:
            places: squares along the side of a cell, each a place.
        """
        side = places * max(self._maze.walls.shape)
        ends = np.stack([self._positions[self.windows.first], self._positions[self.windows.last]], axis=1)
        x, y = np.moveaxis(np.clip(np.floor(places * ends), 0, side - 1).astype(np.int64), -1, 0)
        start, end = (y * side + x).T
        pairs: np.ndarray = start * side**2 + end
        return pairs

    @cached_property
    def _positions(self) -> Float64[np.ndarray, "rows 2"]:
        return self._maze.from_world(self._recording.observations[:, :2].astype(np.float64))

    @cached_property
    def path_length(self) -> Float64[np.ndarray, " windows"]:
        """Length of the path, in cells."""
        steps = np.hypot(*np.diff(self._positions, axis=0).T)
        return self._sum(np.append(steps, 0.0), 0, 0)

    @cached_property
    def goal_distance(self) -> Float64[np.ndarray, " windows"]:
        """Straight distance from the window's start to its goal, in cells."""
        distance: np.ndarray = np.hypot(*(self._goals - self._positions[self.windows.first]).T)
        return distance

    @cached_property
    def tortuosity(self) -> Float64[np.ndarray, " windows"]:
        """Path length over the straight distance between the window's ends; at least 1, infinite for a loop."""
        ends = self._positions[self.windows.last] - self._positions[self.windows.first]
        return _ratio(self.path_length, np.hypot(*ends.T))

    @cached_property
    def detour(self) -> Float64[np.ndarray, " windows"]:
        """Path length over the shortest way between the window's ends, 0.2 cells away from walls.

        A little below 1 where the window cuts a corner closer than that; infinite for a loop. One search a window.
        """
        first, last = self._positions[self.windows.first], self._positions[self.windows.last]
        shortest = np.empty(len(self))
        for number, (start, goal) in enumerate(zip(first, last, strict=True)):
            way = self._maze.shortest_path(start, goal, clearance=_CLEARANCE)
            shortest[number] = np.inf if way is None else np.hypot(*np.diff(way, axis=0).T).sum()
        return _ratio(self.path_length, shortest)

    @cached_property
    def turns(self) -> Float64[np.ndarray, " windows"]:
        """How much the path turns, in right angles: the sum of all changes of heading over 90°.

        The heading is that of the way of 0.1 s before and after; where that is shorter than 0.01 cells, it does not
        count. The first and last 0.1 s of a window do not turn.
        """
        rate = np.zeros(len(self._positions))
        if len(rate) > 2 * _LAG:
            before = self._positions[_LAG:-_LAG] - self._positions[: -2 * _LAG]
            after = self._positions[2 * _LAG :] - self._positions[_LAG:-_LAG]
            cross = before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0]
            angle = np.abs(np.arctan2(cross, (before * after).sum(axis=1)))
            still = np.minimum(np.hypot(*before.T), np.hypot(*after.T)) < _LEAST
            rate[_LAG:-_LAG] = np.where(still, 0.0, angle) / (_LAG * np.pi / 2)
        return self._sum(rate, _LAG, 1 - _LAG)

    @cached_property
    def collision_rate(self) -> Float64[np.ndarray, " windows"]:
        """Share of the rows at which the ball, 0.1 m in radius, touches a wall."""
        touches = ~self._maze.is_free(self._positions, radius=RADIUS / self._maze.cell_size)
        rows = self.windows.last - self.windows.first + 1
        share: np.ndarray = self._sum(touches.astype(np.float64), 0, 1) / rows
        return share

    def get(self, measure: Measure) -> Float64[np.ndarray, " windows"]:
        """A measure by its name."""
        values: Float64[np.ndarray, " windows"] = getattr(self, measure)
        return values

    def _sum(
        self, values: Float64[np.ndarray, " rows"], after_first: int, after_last: int
    ) -> Float64[np.ndarray, " windows"]:
        """Sums of values from row first + after_first to before row last + after_last."""
        sums = np.concatenate([[0.0], np.cumsum(values)])
        low = self.windows.first + after_first
        high = np.maximum(self.windows.last + after_last, low)
        limit = len(values)
        total: np.ndarray = sums[np.minimum(high, limit)] - sums[np.minimum(low, limit)]
        return total


def _ratio(
    length: Float64[np.ndarray, " windows"], distance: Float64[np.ndarray, " windows"]
) -> Float64[np.ndarray, " windows"]:
    some = distance > 0.0
    return np.where(some, length / np.where(some, distance, 1.0), np.inf)
