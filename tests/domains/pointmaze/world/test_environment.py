import sys
from pathlib import Path

import numpy as np
import pytest

from anchordiff.domains.pointmaze.world import POINT_MAZES, PointMazeEnv, draw_episode, make_gymnasium
from anchordiff.domains.pointmaze.world.physics import DT, GEAR, MASS, RADIUS, action_between, free_step
from anchordiff.errors import MissingExtraError

NAMES = tuple(POINT_MAZES)


def rollout(env, seed, *, task="single", steps=60):
    generator = np.random.default_rng(seed)
    states = [env.reset(generator, task=task)]
    rewards = []
    for _ in range(steps):
        state, reward, _ = env.step(generator.uniform(-1.3, 1.3, 2))
        states.append(state)
        rewards.append(reward)
    return np.array(states), np.array(rewards)


def test_model_has_the_constants_of_physics(envs):
    for env in envs.values():
        model = env.model
        assert model.opt.timestep == DT
        assert env._inner.point_env.frame_skip == 1
        assert model.body("particle").mass[0] == pytest.approx(MASS, rel=1e-12)
        assert model.geom("particle_geom").size[0] == RADIUS
        assert model.actuator_gear[:, 0].tolist() == [GEAR, GEAR]


def test_free_step_is_mujocos(envs):
    env, maze = envs["umaze"], POINT_MAZES["umaze"]
    generator = np.random.default_rng(0)
    for _ in range(200):
        position = maze.centre((1, 2)) + generator.uniform(-0.2, 0.2, 2)
        state = env.reset_to(position, generator.uniform(-7, 7, 2), maze.target)
        action = generator.uniform(-1.5, 1.5, 2)
        expected = free_step(state, action)
        np.testing.assert_allclose(env.step(action)[0], expected, rtol=0, atol=1e-12)


def test_action_between_undoes_free_step():
    generator = np.random.default_rng(1)
    state = generator.uniform(-5, 5, (100, 4))
    action = generator.uniform(-1, 1, (100, 2))
    back = action_between(state[:, 2:], free_step(state, action)[:, 2:])
    np.testing.assert_allclose(back, action, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_episodes_are_the_same_to_the_bit_whatever_came_before(envs, name):
    first = rollout(envs[name], 3)
    rollout(envs[name], 4, steps=200)
    again = rollout(envs[name], 3)
    with PointMazeEnv(POINT_MAZES[name]) as other:
        afresh = rollout(other, 3)
    for result in (again, afresh):
        assert np.array_equal(first[0], result[0])
        assert np.array_equal(first[1], result[1])


def test_reset_follows_the_protocol(envs):
    env, maze = envs["medium"], POINT_MAZES["medium"]
    places = np.array([maze.place(cell) for cell in maze.cells])
    found, goals, velocities = set(), set(), []
    generator = np.random.default_rng(0)
    for _ in range(400):
        position, velocity, target = draw_episode(maze, generator, task="multi")
        for points, seen in ((position, found), (target, goals)):
            nearest = int(np.abs(places - points).max(axis=1).argmin())
            assert np.abs(places[nearest] - points).max() <= 0.1
            seen.add(nearest)
        velocities.append(velocity)
    assert len(found) == len(goals) == len(maze.cells)
    assert np.std(velocities) == pytest.approx(0.1, rel=0.1)
    state = env.reset(np.random.default_rng(7), task="single")
    position, velocity, target = draw_episode(maze, np.random.default_rng(7), task="single")
    assert np.array_equal(state, np.concatenate([position, velocity]))
    assert np.array_equal(env.target, target)
    assert np.array_equal(target, maze.place((6, 6)))


def test_reward_is_one_within_half_a_metre_and_the_episode_goes_on(envs):
    env, maze = envs["umaze"], POINT_MAZES["umaze"]
    state = env.reset_to(maze.target + np.array([0.49, 0.0]), np.array([0.4, 0.0]), maze.target)
    rewards, over = [], False
    while not over:
        state, reward, over = env.step(np.zeros(2))
        assert reward == float(np.linalg.norm(state[:2] - maze.target) <= 0.5)
        rewards.append(reward)
    assert rewards[0] == 1.0
    assert rewards[-1] == 0.0
    assert len(rewards) == env.steps == maze.steps
    with pytest.raises(RuntimeError, match="over after 300 steps"):
        env.step(np.zeros(2))


def test_target_is_exact_and_stays(envs):
    env, maze = envs["umaze"], POINT_MAZES["umaze"]
    target = np.array([0.1234567, 0.9876543])
    env.reset_to(target, np.zeros(2), target)
    env.step(np.zeros(2))
    assert np.array_equal(env.target, target)
    assert env.model.site("target").pos[:2].tolist() == target.tolist()
    assert np.array_equal(env.maze.target, maze.target)


@pytest.mark.usefixtures("unchecked")
def test_wrong_arguments_are_refused(envs):
    env, maze = envs["umaze"], POINT_MAZES["umaze"]
    env.reset(np.random.default_rng(0), task="single")
    before = env.state
    for action in (np.array([np.nan, 0.0]), np.array([0.0, np.inf]), np.zeros(3)):
        with pytest.raises(ValueError, match=r"action must be finite numbers of shape \(2,\), found"):
            env.step(action)
    assert np.array_equal(env.state, before)
    with pytest.raises(
        ValueError, match="position must be in a free cell, not in a wall or on its edge, found"
    ):
        env.reset_to(maze.centre((2, 1)), np.zeros(2), maze.target)
    with pytest.raises(ValueError, match="target must lie inside the maze, x in"):
        env.reset_to(maze.target, np.zeros(2), np.array([40.0, 0.0]))
    with pytest.raises(
        ValueError, match=r"velocity must be finite numbers of shape \(2,\), found \[nan, nan\]"
    ):
        env.reset_to(maze.target, np.full(2, np.nan), maze.target)
    with pytest.raises(ValueError, match='task must be "single" or "multi"'):
        env.reset(np.random.default_rng(0), task="both")
    with pytest.raises(ValueError, match="cell must be a free cell"):
        draw_episode(maze, np.random.default_rng(0), task="single", cell=(0, 0))
    with pytest.raises(TypeError, match="float"):
        PointMazeEnv(maze, max_episode_steps=1e3)
    with pytest.raises(ValueError, match="max_episode_steps must be at least 1, found 0"):
        PointMazeEnv(maze, max_episode_steps=0)


def test_nothing_can_be_done_before_an_episode():
    with PointMazeEnv(POINT_MAZES["umaze"], max_episode_steps=3) as env:
        with pytest.raises(RuntimeError, match="no episode yet"):
            env.step(np.zeros(2))
        with pytest.raises(RuntimeError, match="no episode yet"):
            _ = env.target


def test_temporary_model_is_removed():
    env = make_gymnasium(POINT_MAZES["umaze"], max_episode_steps=10, reset_target=True)
    assert not Path(env.unwrapped.tmp_xml_file_path).exists()
    env.close()


def test_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "gymnasium_robotics", None)
    with pytest.raises(MissingExtraError, match=r'pip install -c constraints\.txt "\.\[pointmaze\]"'):
        PointMazeEnv(POINT_MAZES["umaze"])
