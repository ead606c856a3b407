"""The simulated stream: MuJoCo, the waypoint controller, and a state from which both go on to the bit.

Notation: state s_t, the goal g_t that the environment shows with it, action a_t; g_t changes one step after the goal
before was touched, as gymnasium-robotics has it.
"""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64

from anchordiff.domains.pointmaze.data.generation import GenerationConfig
from anchordiff.domains.pointmaze.world import GridWaypoint, make_gymnasium
from anchordiff.domains.pointmaze.world.solvers import SOLVERS


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """A piece of the stream: what was seen before each step, and what came of the step.

    Attributes:
        states: (x, y, v_x, v_y) before each step, in m and m/s.
        goals: (x, y) that the environment showed before each step, in metres.
        actions: as played; the environment clips them.
        rewards: after each step.
        success: whether the goal was touched after each step.
    """

    states: Float64[np.ndarray, "steps 4"]
    goals: Float64[np.ndarray, "steps 2"]
    actions: Float32[np.ndarray, "steps 2"]
    rewards: Float64[np.ndarray, " steps"]
    success: Bool[np.ndarray, " steps"]


class Rollout:
    """A stream that can be stopped and gone on with.

    Args:
        config: what decides it.

    Raises:
        MissingExtraError: if the simulator is not installed.
    """

    def __init__(self, config: GenerationConfig) -> None:
        self.config = config
        maze = config.point_maze
        self.environment = make_gymnasium(
            maze, max_episode_steps=config.steps, continuing_task=True, reset_target=True
        )
        self._inner = self.environment.unwrapped
        self._generator = np.random.default_rng((config.seed, 1))
        self._controller = GridWaypoint(
            maze.maze, SOLVERS[config.flavour], generator=self._generator, clip=config.clip
        )
        observation, info = self.environment.reset(seed=config.seed)
        self.state: np.ndarray = observation["observation"]
        self.goal: np.ndarray = observation["desired_goal"]
        self.success = bool(info["success"])

    def advance(self, steps: int, report: Callable[[int], object]) -> Chunk:
        """Make the next `steps` steps.

        Args:
            steps: how many.
            report: called with 1 000 after every 1 000 steps, and with the rest.
        """
        states, goals = np.empty((steps, 4)), np.empty((steps, 2))
        actions = np.empty((steps, 2), np.float32)
        rewards, success = np.empty(steps), np.empty(steps, bool)
        for step in range(steps):
            states[step], goals[step] = self.state, self.goal
            actions[step] = self._action()
            observation, rewards[step], _, _, info = self._inner.step(actions[step])
            self.state, self.goal = observation["observation"], observation["desired_goal"]
            success[step] = self.success = info["success"]
            if (step + 1) % 1000 == 0:
                report(1000)
        report(steps % 1000)
        return Chunk(states=states, goals=goals, actions=actions, rewards=rewards, success=success)

    def memory(self) -> dict[str, Any]:
        """All that the rest of the stream follows from, as JSON holds it."""
        import mujoco

        physics = np.empty(mujoco.mj_stateSize(self._inner.model, _everything()))
        mujoco.mj_getState(self._inner.model, self._inner.data, physics, _everything())
        return {
            "physics": physics.tolist(),
            "target": self._inner.goal.tolist(),
            "environment": self._inner.np_random.bit_generator.state,
            "generator": self._generator.bit_generator.state,
            "controller": self._controller.memory(),
            "state": self.state.tolist(),
            "goal": self.goal.tolist(),
            "success": self.success,
        }

    def remember(self, memory: dict[str, Any]) -> None:
        """Go on where `memory` was taken."""
        import mujoco

        mujoco.mj_setState(self._inner.model, self._inner.data, np.array(memory["physics"]), _everything())
        mujoco.mj_forward(self._inner.model, self._inner.data)
        # What mj_forward derives is not part of the state, but it warms the solver anew.
        mujoco.mj_setState(self._inner.model, self._inner.data, np.array(memory["physics"]), _everything())
        self._inner.goal = np.array(memory["target"])
        self._inner.update_target_site_pos()
        self._inner.np_random.bit_generator.state = memory["environment"]
        self._generator.bit_generator.state = memory["generator"]
        self._controller.remember(memory["controller"])
        self.state, self.goal = np.array(memory["state"]), np.array(memory["goal"])
        self.success = memory["success"]

    def close(self) -> None:
        """Free what the environment holds."""
        self.environment.close()

    def _action(self) -> list[float]:
        self._controller.aim(self.state[:2], self.goal)
        force = self._controller(self.state).tolist()
        noise = self._generator.standard_normal(2).tolist()
        action = [value + self.config.noise * draw for value, draw in zip(force, noise, strict=True)]
        return [min(max(value, -1.0), 1.0) for value in action] if self.config.clip else action


def _everything() -> int:
    import mujoco

    return operator.index(int(mujoco.mjtState.mjSTATE_INTEGRATION))
