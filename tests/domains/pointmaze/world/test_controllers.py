import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchordiff.domains.pointmaze.world import POINT_MAZES, GridWaypoint, WaypointPD, free_step
from anchordiff.domains.pointmaze.world.controllers import RandomActions
from anchordiff.domains.pointmaze.world.solvers import SOLVERS, q_iteration_path


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


def ahead(maze, position, target):
    """The controller with all its waypoints drawn, as the evaluation's agent has it."""
    control = GridWaypoint(maze.maze, q_iteration_path, generator=np.random.default_rng(0), ahead=True)
    control.aim(position, target)
    return control


@pytest.mark.parametrize("name", POINT_MAZES)
def test_grid_waypoint_reaches_the_goal(envs, name):
    env, maze = envs[name], POINT_MAZES[name]
    state = env.reset_to(maze.place(maze.cells[-2]), np.zeros(2), maze.target)
    control = ahead(maze, state[:2], maze.target)
    route = q_iteration_path(maze.maze.walls, maze.cells[-2], maze.target_cell)[1:]
    *drawn, last = waypoints = control.waypoints
    np.testing.assert_array_equal(last, maze.target)
    draws = np.random.default_rng(0)
    for place, cell in zip(drawn, route[:-1], strict=True):
        np.testing.assert_array_equal(place, maze.centre(cell) - draws.uniform(0.0, 0.2, 2))
    rewards = []
    for _ in range(maze.steps):
        state, reward, _ = env.step(control(state))
        rewards.append(reward)
    assert rewards[-1] == 1.0
    np.testing.assert_allclose(state, [*maze.target, 0.0, 0.0], atol=1e-2)
    np.testing.assert_array_equal(control.waypoints, waypoints)


def test_grid_waypoint_pushes_by_p_10_and_d_minus_1():
    maze = POINT_MAZES["umaze"]
    control = ahead(maze, maze.target + 0.05, maze.target)
    assert control.waypoints.tolist() == [maze.target.tolist()]
    state = np.array([0.3, 0.4, 0.5, -0.6])
    expected = 10.0 * (maze.target - state[:2]) - state[2:]
    np.testing.assert_allclose(control(state), expected)
    clipped = GridWaypoint(maze.maze, q_iteration_path, generator=np.random.default_rng(0), clip=True)
    clipped.aim(maze.target, maze.target)
    np.testing.assert_array_equal(clipped(state), np.clip(expected, -1.0, 1.0))


def test_grid_waypoint_needs_a_goal_that_a_path_leads_to():
    maze = POINT_MAZES["umaze"]
    control = GridWaypoint(maze.maze, q_iteration_path, generator=np.random.default_rng(0))
    with pytest.raises(RuntimeError, match="there is no goal yet; call aim first"):
        control(np.zeros(4))
    control.aim(maze.target, maze.centre((1, 3)))
    before = control.memory()
    with pytest.raises(
        ValueError, match=r"goal must be a free cell \(row, col\) of the grid, found \(0, 0\)"
    ):
        control.aim(maze.target, maze.centre((0, 0)))
    assert control.memory() == before


def naive_waypoints(maze, solver, goals, seed):
    """The rule of the data's script: takes positions, gives the waypoint to push to from each."""
    generator = np.random.default_rng(seed)
    position = yield
    for goal, steps in goals:
        route = solver(maze.maze.walls, cell_of(maze, position), cell_of(maze, goal))[1:]
        waypoint = maze.centre(route[0]) if route else goal
        for _ in range(steps):
            if len(route) > 1 and np.linalg.norm(waypoint - position) <= 0.1:
                route = route[1:]
                waypoint = goal if len(route) == 1 else maze.centre(route[0]) - 0.2 * generator.random(2)
            position = yield waypoint


def cell_of(maze, position):
    x, y = maze.maze.from_world(position).tolist()
    return int(y), int(x)


@given(
    st.sampled_from(sorted(POINT_MAZES)),
    st.sampled_from(sorted(SOLVERS)),
    st.lists(st.tuples(st.integers(0, 25), st.integers(1, 90)), min_size=1, max_size=3),
    st.integers(0, 99),
)
@settings(max_examples=10)
def test_grid_waypoint_is_the_data_scripts_rule_and_goes_on_from_its_memory(name, solver, legs, seed):
    maze = POINT_MAZES[name]
    legs = [(cell % len(maze.cells), steps) for cell, steps in legs]
    legs = [legs[0], *(b for a, b in itertools.pairwise(legs) if a[0] != b[0])]
    goals = [(maze.place(maze.cells[cell]), steps) for cell, steps in legs]
    naive = naive_waypoints(maze, SOLVERS[solver], goals, seed)
    next(naive)
    generator = np.random.default_rng(seed)
    control = GridWaypoint(maze.maze, SOLVERS[solver], generator=generator)
    position, velocity, memories = maze.centre(maze.cells[0]), np.array([0.3, -0.1]), []
    for goal, steps in goals:
        for step in range(steps):
            waypoint = naive.send(position)
            control.aim(position, goal + 1e-4 * (step % 2))  # the same goal, for all that matters
            action = control(np.concatenate([position, velocity]))
            np.testing.assert_allclose(action, 10.0 * (waypoint - position) - velocity, atol=1e-9)
            memories.append((control.memory(), json.dumps(control.memory())))
            if step % 3 == 0:
                control = GridWaypoint(maze.maze, SOLVERS[solver], generator=generator)
                control.remember(json.loads(memories[-1][1]))
            position = position + np.clip(waypoint - position, -0.04, 0.04)
    assert all(json.dumps(memory) == written for memory, written in memories)


def test_random_actions_fill_the_square():
    control = RandomActions(np.random.default_rng(0))
    actions = np.array([control(np.zeros(4)) for _ in range(500)])
    assert np.abs(actions).max() <= 1.0
    np.testing.assert_allclose(actions.std(axis=0), 1 / np.sqrt(3), rtol=0.1)
    assert np.isfinite(free_step(np.zeros(4), actions[0])).all()


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("path", [np.zeros((0, 2)), np.zeros((3, 3)), np.full((3, 2), np.nan), np.zeros(4)])
def test_wrong_paths_are_refused(path):
    with pytest.raises(ValueError, match=r"path must be finite numbers of shape \(n >= 1, 2 or 4\), found"):
        WaypointPD(path)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("state", [[0.0, 0.0, np.nan, 0.0], [0.0, 0.0, 0.0], "rest"])
def test_states_that_are_none_are_refused(state):
    maze = POINT_MAZES["umaze"]
    for control in (WaypointPD(np.zeros((3, 2))), ahead(maze, maze.target, maze.target)):
        with pytest.raises(ValueError, match=r"state must be finite numbers of shape \(4,\), found"):
            control(state)


@pytest.mark.usefixtures("unchecked")
def test_places_that_are_none_are_refused():
    maze = POINT_MAZES["umaze"]
    control = GridWaypoint(maze.maze, q_iteration_path, generator=np.random.default_rng(0))
    with pytest.raises(
        ValueError, match=r"position must be finite numbers of shape \(2,\), found \[nan, 0.0\]"
    ):
        control.aim(np.array([np.nan, 0.0]), maze.target)
    with pytest.raises(ValueError, match=r"goal must be finite numbers of shape \(2,\), found shape \(4,\)"):
        control.aim(maze.target, np.zeros(4))
    for state, action in ((np.zeros(3), np.zeros(2)), (np.zeros(4), np.zeros(4))):
        with pytest.raises(ValueError, match=r"must have \d columns, found shape"):
            free_step(state, action)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
def test_solvers_refuse_cells_and_walls_that_are_none(solver):
    walls = POINT_MAZES["umaze"].maze.walls
    for cell in ((1.0, 1.0), (1,), (-1, 1), (0, 0)):
        with pytest.raises(ValueError, match=r"goal must be a free cell \(row, col\) of the grid, found"):
            solver(walls, (1, 1), cell)
    with pytest.raises(ValueError, match=r"walls must be booleans of shape \(rows, cols\), found int64"):
        solver(walls.astype(np.int64), (1, 1), (1, 2))
