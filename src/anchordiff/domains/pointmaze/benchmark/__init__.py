"""D4RL's Maze2D benchmark in closed loop, in MuJoCo: stored episodes, agents, scores and reference rows.

Needs `pip install -c constraints.txt ".[pointmaze]"`.

Example:
    >>> from anchordiff.domains.pointmaze.benchmark import Random, evaluate_maze2d
    >>> evaluation = evaluate_maze2d([Random()], maze="umaze", task="single", episodes=2)
    >>> evaluation["random"].scores.shape
    (2,)
"""

from anchordiff.domains.pointmaze.benchmark.agents import (
    Agent,
    Beginning,
    Planned,
    Planner,
    Random,
    Waypoints,
)
from anchordiff.domains.pointmaze.benchmark.comparison import Maze2dEvaluation, evaluate_maze2d
from anchordiff.domains.pointmaze.benchmark.measures import AgentResult, shortest_length
from anchordiff.domains.pointmaze.benchmark.references import reference_agents, shortest_planner
from anchordiff.domains.pointmaze.benchmark.rollout import Rollout, run_episode
from anchordiff.domains.pointmaze.benchmark.starts import Starts, load_starts

__all__ = [
    "Agent",
    "AgentResult",
    "Beginning",
    "Maze2dEvaluation",
    "Planned",
    "Planner",
    "Random",
    "Rollout",
    "Starts",
    "Waypoints",
    "evaluate_maze2d",
    "load_starts",
    "reference_agents",
    "run_episode",
    "shortest_length",
    "shortest_planner",
]
