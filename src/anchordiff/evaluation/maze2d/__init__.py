"""D4RL's Maze2D benchmark in closed loop, in MuJoCo: stored episodes, agents, scores and reference rows.

Needs `pip install "anchordiff[pointmaze]"`.

Example:
    >>> from anchordiff.evaluation.maze2d import Random, evaluate_maze2d
    >>> evaluation = evaluate_maze2d([Random()], maze="umaze", task="single", episodes=2)
    >>> evaluation["random"].scores.shape
    (2,)
"""

from anchordiff.evaluation.maze2d.agents import Agent, Beginning, Planned, Planner, Random, Waypoints
from anchordiff.evaluation.maze2d.comparison import Maze2dEvaluation, evaluate_maze2d
from anchordiff.evaluation.maze2d.measures import AgentResult, shortest_length
from anchordiff.evaluation.maze2d.references import reference_agents, shortest_planner
from anchordiff.evaluation.maze2d.rollout import Rollout, run_episode
from anchordiff.evaluation.maze2d.starts import Starts, load_starts

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
