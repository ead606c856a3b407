import numpy as np
import pytest

from anchordiff.pointmaze import POINT_MAZES, GridWaypoint, WaypointPD, free_step
from anchordiff.pointmaze.controllers import RandomActions, grid_route


def test_waypoint_pd_is_diffusers_rule():
    generator = np.random.default_rng(0)
    path = generator.normal(size=(5, 4))
    control = WaypointPD(path)
    for step in range(9):
        state = generator.normal(size=4)
        waypoint = path[step + 1] if step < len(path) - 1 else np.array([*path[-1, :2], 0.0, 0.0])
        if step + 1 == len(path) - 1:
            waypoint = np.array([*path[-1, :2], 0.0, 0.0])
        expected = waypoint[:2] - state[:2] + (waypoint[2:] - state[2:])
        np.testing.assert_allclose(control(state), expected, atol=1e-14)


def test_waypoint_pd_takes_velocities_from_positions_where_there_are_none():
    position = np.cumsum(np.random.default_rng(0).normal(size=(20, 2)), axis=0)
    velocity = np.diff(position, axis=0, prepend=position[:1]) / 0.01
    with_velocity = WaypointPD(np.concatenate([position, velocity], axis=1))
    without, state = WaypointPD(position), np.zeros(4)
    for _ in range(25):
        np.testing.assert_allclose(without(state), with_velocity(state), atol=1e-9)


@pytest.mark.parametrize("name", POINT_MAZES)
def test_grid_waypoint_reaches_the_goal(envs, name):
    env, maze = envs[name], POINT_MAZES[name]
    state = env.reset_to(maze.place(maze.cells[-2]), np.zeros(2), maze.target)
    route = grid_route(maze, state[:2], maze.target)
    assert route[-1] == maze.target_cell
    control = GridWaypoint(maze, route, maze.target, generator=np.random.default_rng(0))
    for before, place, cell in zip(control.path, control.path[:-1], route, strict=False):
        assert (np.abs(before - place) < 1e-12).all()
        assert ((maze.centre(cell) - place >= 0.0) & (maze.centre(cell) - place < 0.2)).all()
    rewards = []
    for _ in range(maze.steps):
        state, reward, _ = env.step(control(state))
        rewards.append(reward)
    assert rewards[-1] == 1.0
    np.testing.assert_allclose(state, [*maze.target, 0.0, 0.0], atol=1e-2)


def test_grid_waypoint_pushes_by_p_10_and_d_minus_1():
    maze = POINT_MAZES["umaze"]
    control = GridWaypoint(maze, (), maze.target, generator=np.random.default_rng(0))
    state = np.array([0.3, 0.4, 0.5, -0.6])
    expected = 10.0 * (maze.target - state[:2]) - state[2:]
    np.testing.assert_allclose(control(state), expected)
    assert grid_route(maze, maze.target, maze.target + 0.05) == ()


def test_random_actions_fill_the_square():
    control = RandomActions(np.random.default_rng(0))
    actions = np.array([control(np.zeros(4)) for _ in range(500)])
    assert np.abs(actions).max() <= 1.0
    np.testing.assert_allclose(actions.std(axis=0), 1 / np.sqrt(3), rtol=0.1)
    assert np.isfinite(free_step(np.zeros(4), actions[0])).all()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("path", [np.zeros((0, 2)), np.zeros((3, 3)), np.full((3, 2), np.nan), np.zeros(4)])
def test_wrong_paths_are_refused(path):
    with pytest.raises(ValueError, match="path must be finite, of shape"):
        WaypointPD(path)
