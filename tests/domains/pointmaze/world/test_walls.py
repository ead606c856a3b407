from types import SimpleNamespace

import mujoco
import numpy as np
import pytest

from anchordiff.domains.pointmaze.world import (
    POINT_MAZES,
    WallBoxes,
    find_walls,
    walls_from_maze,
    walls_from_mujoco,
)
from anchordiff.domains.pointmaze.world.physics import RADIUS

NAMES = tuple(POINT_MAZES)
ROOM = """
<mujoco>
  <worldbody>
    <geom name="floor" type="plane" size="9 9 1"/>
    <geom name="ghost" type="box" size="1 1 1" pos="5 5 0" contype="0" conaffinity="0"/>
    <geom name="round" type="cylinder" size="1 1" pos="-5 5 0"/>
    <body pos="1 2 0" euler="0 0 {angle}">
      <geom name="anything" type="box" size="0.5 0.25 1"/>
    </body>
    <body pos="0 0 1"><freejoint/><geom type="box" size="0.1 0.1 0.1"/></body>
  </worldbody>
</mujoco>"""


@pytest.mark.parametrize("name", NAMES)
def test_three_sources_agree(envs, name):
    maze, inner = POINT_MAZES[name], envs[name].gymnasium.unwrapped
    model, grid = find_walls(inner), find_walls(maze.maze)
    mapped = find_walls(SimpleNamespace(maze=inner.maze))
    assert len(model) == maze.maze.walls.sum()
    for other in (mapped, grid, find_walls(envs[name]), find_walls(maze), walls_from_maze(maze.maze)):
        np.testing.assert_allclose(model.low, other.low, atol=1e-12)
        np.testing.assert_allclose(model.high, other.high, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_balls_middle_is_never_inside_a_wall(envs, name):
    env = envs[name]
    walls = find_walls(env)
    generator = np.random.default_rng(0)
    state = env.reset(generator, task="single")
    seen = [state]
    for step in range(env.max_episode_steps):
        if step % 40 == 0:  # full force along one way for long enough to hit a wall at speed
            action = generator.choice([-1.0, -0.3, 0.3, 1.0], 2)
        state, _, _ = env.step(action)
        seen.append(state)
    points = np.array(seen)[:, :2]
    assert not walls.contains(points).any()
    deepest = walls.overlap(points, radius=RADIUS).max()
    assert 0.0 < deepest < 0.08


def test_distance_agrees_with_the_mazes_own_check():
    for maze in POINT_MAZES.values():
        points = np.random.default_rng(1).uniform(maze.maze.origin[0], -maze.maze.origin[0], (500, 2))
        points = points[np.abs(points[:, 1]) < maze.maze.origin[1]]
        walls = find_walls(maze)
        for radius in (0.0, 0.1, 0.3):
            free = maze.maze.is_free(maze.maze.from_world(points), radius=radius)
            np.testing.assert_array_equal(free, walls.distance(points) > radius)


def test_walls_are_told_by_what_they_do():
    walls = walls_from_mujoco(mujoco.MjModel.from_xml_string(ROOM.format(angle=90)))
    np.testing.assert_allclose(walls.low, [[0.75, 1.5]], atol=1e-9)
    np.testing.assert_allclose(walls.high, [[1.25, 2.5]], atol=1e-9)
    with pytest.raises(ValueError, match="found one that is turned"):
        walls_from_mujoco(mujoco.MjModel.from_xml_string(ROOM.format(angle=30)))


def test_wrong_sources_are_refused():
    with pytest.raises(TypeError, match="found int"):
        find_walls(3)
    with pytest.raises(ValueError, match="found none"):
        WallBoxes(np.zeros((0, 2)), np.zeros((0, 2)))
    with pytest.raises(ValueError, match="low must lie below high"):
        WallBoxes(np.ones((1, 2)), np.zeros((1, 2)))
