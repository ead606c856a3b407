"""The Maze2D benchmark's mazes, in MuJoCo: physics and environment.

Needs `pip install "anchordiff[pointmaze]"` for the environment; the mazes and the free-space physics need nothing more.

Example:
    >>> from anchordiff.pointmaze import POINT_MAZES
    >>> maze = POINT_MAZES["medium"]
    >>> maze.steps, maze.target.tolist()
    (600, [2.7, -2.7])
"""

from anchordiff.pointmaze.environment import PointMazeEnv, Task, draw_episode, make_gymnasium
from anchordiff.pointmaze.mazes import POINT_MAZES, PointMaze, find_point_maze
from anchordiff.pointmaze.physics import action_between, free_step

__all__ = [
    "POINT_MAZES",
    "PointMaze",
    "PointMazeEnv",
    "Task",
    "action_between",
    "draw_episode",
    "find_point_maze",
    "free_step",
    "make_gymnasium",
]
