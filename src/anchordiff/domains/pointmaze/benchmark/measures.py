"""What is measured of an agent's rollouts: means over episodes, and standard errors of scores."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from anchordiff.domains.pointmaze.benchmark.rollout import Rollout
from anchordiff.domains.pointmaze.benchmark.starts import Starts
from anchordiff.domains.pointmaze.world import PointMaze, WallBoxes
from anchordiff.domains.pointmaze.world.numbers import check_numbers
from anchordiff.domains.pointmaze.world.physics import RADIUS
from anchordiff.evaluation.statistics import wilson_interval
from anchordiff.kernels.grid.polyline import polyline_length


@dataclass(frozen=True, kw_only=True, eq=False)
class AgentResult:
    """What one agent did, episode by episode.

    Attributes:
        name: of the agent.
        starts: the episodes.
        rollouts: one for each.
        walls: of the maze.
    """

    name: str
    starts: Starts
    rollouts: tuple[Rollout, ...]
    walls: WallBoxes

    @property
    def scores(self) -> Float[np.ndarray, " episodes"]:
        """D4RL's normalised score of each episode."""
        return np.array([self.starts.maze.score(rollout.rewarded) for rollout in self.rollouts])

    def summary(self) -> dict[str, Any]:
        """All figures, in JSON's terms.

        `plan_over_shortest` is the mean length of plans over the mean length of the shortest paths that the ball fits
        through; the time of control is that of an agent's whole work, plans and actions, shared among all steps.
        """
        rollouts, maze = self.rollouts, self.starts.maze
        count, steps = len(rollouts), maze.steps
        touches = [rollout.first_touch for rollout in rollouts]
        reached = [touch for touch in touches if touch is not None]
        latched = np.array([maze.score(rollout.latched) for rollout in rollouts])
        planning = sum(rollout.planning_seconds for rollout in rollouts)
        control = sum(rollout.control_seconds for rollout in rollouts)
        soft = np.array([rollout.soft(self.walls) for rollout in rollouts])
        return {
            "episodes": count,
            "score": float(self.scores.mean()),
            "score_standard_error": _standard_error(self.scores),
            "latched_score": float(latched.mean()),
            "latched_score_standard_error": _standard_error(latched),
            "success": len(reached) / count,
            "success_interval_95": list(wilson_interval(len(reached), count)),
            "first_touch_step_mean": float(np.mean(reached)) if reached else None,
            "plan_over_shortest": self._length_ratio(),
            "hard_share": float(np.mean([rollout.hard(self.walls) for rollout in rollouts])),
            "soft_share": float((soft > 0.0).mean()),
            "soft_deepest_metres": float(soft.max()),
            "planning_seconds_per_episode": planning / count,
            "seconds_per_step": (planning + control) / (count * steps),
            "episode_scores": [round(score, 6) for score in self.scores.tolist()],
            "episode_first_touch": touches,
        }

    def _length_ratio(self) -> float | None:
        lengths = [rollout.plan_length for rollout in self.rollouts]
        found = [length for length in lengths if length is not None]
        if len(found) < len(lengths):
            return None
        shortest = [
            shortest_length(self.starts.maze, rollout.states[0, :2], rollout.target)
            for rollout in self.rollouts
        ]
        return sum(found) / sum(shortest)


@dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """Mean difference between two agents on the same episodes.

    Attributes:
        mean: of the episodes' differences.
        standard_error: of that mean; none for a single episode.
    """

    mean: float
    standard_error: float | None


def paired_difference(
    scores: Float[np.ndarray, " episodes"], others: Float[np.ndarray, " episodes"]
) -> PairedDifference:
    """How much better `scores` are than `others`, episode by episode.

    What makes an episode hard for both agents drops out, so that the error is less than that of two separate means.

    Args:
        scores: of one agent.
        others: of the other, on the same episodes in the same order.

    Raises:
        ValueError: if there are no scores, they are not finite, or the agents have not as many.

    Example:
        >>> paired_difference(np.array([10.0, 90.0]), np.array([8.0, 90.0]))
        PairedDifference(mean=1.0, standard_error=1.0)
    """
    scores = check_numbers("scores", scores, (None,))
    difference = scores - check_numbers("others", others, (len(scores),))
    return PairedDifference(mean=float(difference.mean()), standard_error=_standard_error(difference))


def shortest_length(maze: PointMaze, start: Float[np.ndarray, "2"], target: Float[np.ndarray, "2"]) -> float:
    """Length of a shortest path for the ball, with its middle at least 0.1 m off walls along x or y, in metres.

    Args:
        maze: which.
        start: (x, y), in metres.
        target: (x, y), in metres.
    """
    path = shortest_way(maze, start, target, clearance=RADIUS)
    return polyline_length(path)


def shortest_way(
    maze: PointMaze,
    start: Float[np.ndarray, "2"],
    target: Float[np.ndarray, "2"],
    *,
    clearance: float,
) -> Float[np.ndarray, "n 2"]:
    """A short path around the walls, pulled taut; see `Maze.shortest_path`.

    Args:
        maze: which.
        start: (x, y), in metres.
        target: (x, y), in metres.
        clearance: to walls, in metres.

    Raises:
        ValueError: if an end lies in a wall.
    """
    grid = maze.maze
    for name, end in (("start", start), ("target", target)):
        grid.check_free(name, end, in_world=True)
    way = grid.shortest_path(grid.from_world(start), grid.from_world(target), clearance=clearance)
    if way is None:
        raise ValueError(
            f"target must be reachable from start, found no way from {start.tolist()} to {target.tolist()}"
        )
    path: np.ndarray = grid.to_world(way)
    return path


def _standard_error(values: Float[np.ndarray, " episodes"]) -> float | None:
    """Of the mean, as if episodes were drawn alone: a little more than the truth for stratified ones."""
    if len(values) < 2:
        return None
    return float(values.std(ddof=1)) / math.sqrt(len(values))
