"""Rollouts: an agent in an episode, and what is measured of it."""

import time
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from anchordiff.checks import check_integer
from anchordiff.domains.pointmaze.benchmark.agents import Agent
from anchordiff.domains.pointmaze.benchmark.starts import Starts
from anchordiff.domains.pointmaze.world import PointMazeEnv, WallBoxes
from anchordiff.domains.pointmaze.world.physics import RADIUS
from anchordiff.kernels.grid.polyline import polyline_length


@dataclass(frozen=True, kw_only=True, eq=False)
class Rollout:
    """What happened in one episode.

    Attributes:
        states: of the ball, from the start on, in m and m/s.
        actions: as the controller gave them, before clipping.
        rewards: of each step, 0 or 1.
        target: the goal, in metres.
        plan: the first plan, in metres; none where there is none.
        planning_seconds: time of all plans.
        control_seconds: time of all steps' control.
    """

    states: Float[np.ndarray, "steps_plus_1 4"]
    actions: Float[np.ndarray, "steps 2"]
    rewards: Float[np.ndarray, " steps"]
    target: Float[np.ndarray, "2"]
    plan: Float[np.ndarray, "horizon dim"] | None
    planning_seconds: float
    control_seconds: float

    @property
    def first_touch(self) -> int | None:
        """The first step, from 1 on, that ends within 0.5 m of the goal; none where none does."""
        touched = np.flatnonzero(self.rewards)
        return int(touched[0]) + 1 if len(touched) else None

    @property
    def rewarded(self) -> int:
        """D4RL's return: steps that end within 0.5 m of the goal."""
        return int(self.rewards.sum())

    @property
    def latched(self) -> int:
        """Steps from the first touch on, that one included, wherever the ball goes: as DV and MDD count."""
        return 0 if self.first_touch is None else len(self.rewards) - self.first_touch + 1

    @property
    def plan_length(self) -> float | None:
        """Length of the first plan, in metres."""
        if self.plan is None:
            return None
        return polyline_length(self.plan[:, :2])

    def hard(self, walls: WallBoxes) -> float:
        """Share of steps that end with the ball's middle inside a wall."""
        return float(walls.contains(self.states[1:, :2]).mean())

    def soft(self, walls: WallBoxes) -> Float[np.ndarray, " steps"]:
        """How far the ball reaches into a wall at the end of each step, in metres; contact is never quite hard."""
        return walls.overlap(self.states[1:, :2], radius=RADIUS)


def run_episode(env: PointMazeEnv, agent: Agent, starts: Starts, number: int, *, seed: int = 0) -> Rollout:
    """Run one stored episode.

    The result depends on agent, episode, seed and the versions of the simulator, to the bit; times apart.

    Args:
        env: of the starts' maze.
        agent: what acts.
        starts: the episodes.
        number: which of them.
        seed: of the agent's own draws, with `number`.

    Raises:
        ValueError: if `env` is of another maze, there is no such episode, or `seed` is no integer of at least 0.
    """
    check_integer("number", number, least=0, most=len(starts) - 1, most_is="the number of the last episode")
    check_integer("seed", seed, least=0)
    if env.maze is not starts.maze:
        raise ValueError(f"env must be of {starts.maze.name}, found {env.maze.name}")
    generator = np.random.default_rng([seed, number])
    target = starts.target[number]
    state = env.reset_to(starts.position[number], starts.velocity[number], target)
    states, actions, rewards = [state], [], []
    planning = control = 0.0
    first, over = None, False
    while not over:
        clock = time.perf_counter()
        if first is None or (agent.replan_every is not None and env.steps % agent.replan_every == 0):
            current = agent.begin(env.maze, state, target, generator)
            first = current if first is None else first
            planning += time.perf_counter() - clock
            clock = time.perf_counter()
        action = current.controller(state)
        control += time.perf_counter() - clock
        state, reward, over = env.step(action)
        states.append(state)
        actions.append(action)
        rewards.append(reward)
    return Rollout(
        states=np.array(states),
        actions=np.array(actions),
        rewards=np.array(rewards),
        target=target,
        plan=None if first is None else first.plan,
        planning_seconds=planning,
        control_seconds=control,
    )
