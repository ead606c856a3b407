"""Agents on the benchmark, in one run, on the same episodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from anchordiff.domains.pointmaze.benchmark.agents import Agent
from anchordiff.domains.pointmaze.benchmark.measures import AgentResult, PairedDifference, paired_difference
from anchordiff.domains.pointmaze.benchmark.rollout import run_episode
from anchordiff.domains.pointmaze.benchmark.starts import Starts, load_starts
from anchordiff.domains.pointmaze.world import PointMazeEnv, Task, find_walls
from anchordiff.domains.pointmaze.world.versions import installed_versions
from anchordiff.evaluation.tables import markdown_table, show_number
from anchordiff.progress import progress_bar

_PACKAGES: Final = ("anchordiff", "gymnasium", "gymnasium-robotics", "mujoco", "numpy", "toppra")

_HEAD: Final = ("agent", "score", "latched", "success", "first touch, step", "plan / shortest", "hard", "soft, deepest",
                "plan, ms an episode", "all, ms a step")  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Maze2dEvaluation:
    """All agents on one maze and task.

    Attributes:
        starts: the episodes.
        results: one for each agent.
        settings: what else decided the figures, in JSON's terms.
    """

    starts: Starts
    results: tuple[AgentResult, ...]
    settings: Mapping[str, Any]

    def __getitem__(self, name: str) -> AgentResult:
        """The result of the agent of that name.

        Raises:
            KeyError: if there is none.
        """
        return {result.name: result for result in self.results}[name]

    @cached_property
    def summaries(self) -> dict[str, dict[str, Any]]:
        """The figures of each agent by its name."""
        return {result.name: result.summary() for result in self.results}

    def difference(self, name: str, *, to: str) -> PairedDifference:
        """How much higher one agent scores than another, in pairs of the same episode.

        Args:
            name: of the agent.
            to: the name of what it is compared with.

        Raises:
            KeyError: if there is no such agent.
        """
        return paired_difference(self[name].scores, self[to].scores)

    def to_json(self) -> dict[str, Any]:
        """All figures; scores and first touches episode by episode, so that agents can be compared in pairs."""
        maze = self.starts.maze
        return {
            "suite": "maze2d",
            "maze": maze.name,
            "task": self.starts.task,
            "steps": maze.steps,
            "reference_returns": list(maze.reference_returns),
            "settings": dict(self.settings),
            "agents": self.summaries,
        }

    def table(self) -> str:
        """The figures as a table in Markdown."""
        return markdown_table(_HEAD, [_row(name, values) for name, values in self.summaries.items()])


def evaluate_maze2d(
    agents: Sequence[Agent],
    *,
    maze: str,
    task: Task,
    episodes: int = 100,
    seed: int = 0,
    progress: bool = False,
) -> Maze2dEvaluation:
    """Run agents on the stored episodes of a maze, under D4RL's protocol.

    Args:
        agents: what to run; `reference_agents` gives the reference rows.
        maze: "umaze", "medium" or "large".
        task: "single" for D4RL's fixed goal, "multi" for a goal of each episode's own.
        episodes: the first so many of the stored ones; at most 200.
        seed: of the agents' own draws.
        progress: show a bar.

    Raises:
        MissingExtraError: if the simulator or toppra is not installed.
        ValueError: if an argument is out of its range, or two agents share a name.
    """
    starts = load_starts(maze, task=task, episodes=episodes)
    names = [agent.name for agent in agents]
    if len(set(names)) < len(names):
        raise ValueError(f"agents must have names of their own, found {', '.join(names)}")
    settings = {
        "episodes": episodes,
        "seed": seed,
        "protocol": "D4RL: 0.5 m, every step, never done",
        "replan_every": {agent.name: agent.replan_every for agent in agents},
        "versions": installed_versions(_PACKAGES),
    }
    results = []
    with PointMazeEnv(starts.maze) as env:
        walls = find_walls(env)
        for agent in agents:
            # So that no set-up, as compilation, is in the times; an agent keeps nothing from it.
            run_episode(env, agent, starts, 0, seed=seed)
            numbers = progress_bar(
                agent.name, "episode", over=range(episodes), total=episodes, shown=progress, leave=False
            )
            rollouts = tuple(run_episode(env, agent, starts, number, seed=seed) for number in numbers)
            results.append(AgentResult(name=agent.name, starts=starts, rollouts=rollouts, walls=walls))
    return Maze2dEvaluation(starts=starts, results=tuple(results), settings=settings)


def _row(name: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    error = values["score_standard_error"]
    return (
        name,
        f"{values['score']:.1f}" + ("" if error is None else f" ± {error:.1f}"),
        f"{values['latched_score']:.1f}",
        f"{100 * values['success']:.0f} %",
        show_number(values["first_touch_step_mean"], "{:.0f}"),
        show_number(values["plan_over_shortest"], "{:.3f}"),
        f"{100 * values['hard_share']:.2f} %",
        f"{100 * values['soft_deepest_metres']:.1f} cm",
        f"{1000 * values['planning_seconds_per_episode']:.1f}",
        f"{1000 * values['seconds_per_step']:.3f}",
    )
