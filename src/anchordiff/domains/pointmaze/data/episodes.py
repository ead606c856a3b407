"""From the stream to Minari's episodes: cut where the goal was touched."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from anchordiff.domains.pointmaze.data.rollout import Chunk


@dataclass(frozen=True, kw_only=True)
class Stream:
    """The whole stream: one more observation than actions.

    Attributes:
        states: (x, y, v_x, v_y), in m and m/s.
        goals: (x, y) that the environment showed with each state, in metres.
        success: whether the goal was touched with each state.
        actions: as played; the environment clips them.
        rewards: of the environment.
    """

    states: Float64[np.ndarray, "rows 4"]
    goals: Float64[np.ndarray, "rows 2"]
    success: Bool[np.ndarray, " rows"]
    actions: Float32[np.ndarray, "steps 2"]
    rewards: Float64[np.ndarray, " steps"]

    @classmethod
    def join(
        cls,
        chunks: Sequence[Chunk],
        *,
        first: bool,
        state: Float64[np.ndarray, "4"],
        goal: Float64[np.ndarray, "2"],
    ) -> "Stream":
        """Put chunks after one another.

        Args:
            chunks: in their order.
            first: whether the goal was touched at the very first state.
            state: after the last step.
            goal: that the environment showed after the last step.
        """
        return cls(
            states=np.concatenate([*(chunk.states for chunk in chunks), state[None]]),
            goals=np.concatenate([*(chunk.goals for chunk in chunks), goal[None]]),
            success=np.concatenate([[first], *(chunk.success for chunk in chunks)]),
            actions=np.concatenate([chunk.actions for chunk in chunks]),
            rewards=np.concatenate([chunk.rewards for chunk in chunks]),
        )

    @property
    def cuts(self) -> Int64[np.ndarray, " episodes_plus_1"]:
        """The states between which episodes lie: the first, each that touched a goal, the last."""
        steps = len(self.actions)
        touched = np.flatnonzero(self.success[1:steps]) + 1
        return np.concatenate([[0], touched, [steps]]).astype(np.int64)

    def episodes(self) -> Iterator[dict[str, Any]]:
        """The fields of Minari's `EpisodeBuffer`, episode by episode; arrays are views of the stream.

        An episode of n steps has n + 1 observations and infos, the first of which are the last of the one before.
        """
        for first, last in zip(self.cuts[:-1].tolist(), self.cuts[1:].tolist(), strict=True):
            seen, acted = slice(first, last + 1), slice(first, last)
            truncations = np.zeros(last - first, bool)
            truncations[-1] = True
            position, velocity = self.states[seen, :2], self.states[seen, 2:]
            yield {
                "observations": {
                    "observation": self.states[seen],
                    "achieved_goal": position,
                    "desired_goal": self.goals[seen],
                },
                "actions": self.actions[acted],
                "rewards": self.rewards[acted],
                "terminations": np.zeros(last - first, bool),
                "truncations": truncations,
                "infos": {
                    "success": self.success[seen],
                    "qpos": position,
                    "qvel": velocity,
                    "goal": self.goals[seen],
                },
            }
