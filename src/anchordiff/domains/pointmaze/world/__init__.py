"""The Maze2D benchmark's mazes, in MuJoCo: physics, environment, walls and controllers.

Needs `pip install -c constraints.txt ".[pointmaze]"` for the environment; mazes and free-space physics need
nothing more.

Example:
    >>> from anchordiff.domains.pointmaze.world import POINT_MAZES
    >>> maze = POINT_MAZES["medium"]
    >>> maze.steps, maze.target.tolist()
    (600, [2.7, -2.7])
"""

from anchordiff.domains.pointmaze.world.controllers import Controller, GridWaypoint, WaypointPD
from anchordiff.domains.pointmaze.world.environment import PointMazeEnv, Task, draw_episode, make_gymnasium
from anchordiff.domains.pointmaze.world.mazes import POINT_MAZES, PointMaze, find_point_maze
from anchordiff.domains.pointmaze.world.physics import action_between, free_step
from anchordiff.domains.pointmaze.world.tracker import PathTracker
from anchordiff.domains.pointmaze.world.walls import (
    WallBoxes,
    find_walls,
    walls_from_map,
    walls_from_maze,
    walls_from_mujoco,
)

__all__ = [
    "POINT_MAZES",
    "Controller",
    "GridWaypoint",
    "PathTracker",
    "PointMaze",
    "PointMazeEnv",
    "Task",
    "WallBoxes",
    "WaypointPD",
    "action_between",
    "draw_episode",
    "find_point_maze",
    "find_walls",
    "free_step",
    "make_gymnasium",
    "walls_from_map",
    "walls_from_maze",
    "walls_from_mujoco",
]
