import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchordiff.domains.pointmaze.world import POINT_MAZES, PathTracker, find_walls, free_step
from anchordiff.domains.pointmaze.world.physics import DT, MAX_ACCELERATION, RADIUS
from anchordiff.domains.pointmaze.world.retiming import retime
from anchordiff.domains.pointmaze.world.smoothing import smooth
from anchordiff.domains.pointmaze.world.tracker import ACCELERATION, LEASH, SPEED
from anchordiff.errors import MissingExtraError
from anchordiff.kernels.grid.polyline import resample


def way(maze, start, target, *, clearance=0.25, points=128, noise=0.0):
    grid = maze.maze
    path = grid.shortest_path(grid.from_world(start), grid.from_world(target), clearance=clearance)
    path = resample(grid.to_world(path), points)
    path[1:-1] += noise * np.random.default_rng(0).normal(size=(points - 2, 2))
    return path


def distance_to_polyline(points, line):
    dense = resample(line, 4000)
    return np.linalg.norm(points[:, None] - dense[None], axis=-1).min(axis=1)


def bending(path):
    return (np.diff(path, 2, axis=0) ** 2).sum()


@pytest.mark.parametrize("tolerance", [0.0, 0.02, 0.1])
def test_smoothing_stays_in_the_tube_and_bends_less(tolerance):
    maze = POINT_MAZES["medium"]
    path = way(maze, maze.place((1, 1)), maze.target, noise=0.01)
    smoothed = smooth(path, tolerance=tolerance)
    middle = resample(path, len(smoothed))
    assert (np.linalg.norm(smoothed - middle, axis=1) <= tolerance + 1e-12).all()
    assert np.array_equal(smoothed[[0, -1]], path[[0, -1]])
    assert bending(smoothed) <= bending(middle) * (0.5 if tolerance else 1.0)


@pytest.mark.parametrize("name", POINT_MAZES)
def test_smoothing_between_walls_leaves_the_ball_room(name):
    maze = POINT_MAZES[name]
    walls = find_walls(maze)
    for cell in maze.cells[::5]:
        path = way(maze, maze.place(cell), maze.target)
        smoothed = smooth(path, tolerance=0.05, walls=walls)
        assert walls.distance(smoothed).min() > RADIUS


def test_retimed_path_keeps_the_limits():
    path = smooth(np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 2.0], [0.0, 2.0]]), tolerance=0.1)
    steps = retime(path, np.array([1.0, 0.0]), speed=SPEED, acceleration=ACCELERATION)
    velocity = np.diff(steps, axis=0) / DT
    assert np.abs(velocity).max() <= 1.001 * SPEED
    assert np.abs(velocity).max() >= 0.99 * SPEED
    assert np.abs(np.diff(velocity, axis=0) / DT).max() <= 1.05 * ACCELERATION
    np.testing.assert_allclose(velocity[0], [1.1, 0.0], atol=0.1)
    np.testing.assert_allclose(steps[[0, -1]], path[[0, -1]], atol=1e-9)


def test_straight_line_is_as_fast_as_the_limits_allow():
    path = np.array([[0.0, 0.0], [2.0, 0.0]])
    steps = retime(smooth(path), np.zeros(2), speed=4.0, acceleration=20.0)
    assert (len(steps) - 1) * DT == pytest.approx(2 * 4 / 20 + (2 - 4**2 / 20) / 4, abs=0.015)


def test_pace_and_repeated_points_do_not_matter():
    path = np.array([[0.0, 0.0], [0.5, 0.0], [1.0, 0.5]])
    slow = np.repeat(resample(path, 97), 3, axis=0)
    first, second = (PathTracker(p, np.zeros(4)).reference for p in (resample(path, 97), slow))
    np.testing.assert_allclose(first, second, atol=1e-9)


def test_tracker_holds_where_the_path_is_a_point():
    tracker = PathTracker(np.zeros((5, 2)), np.zeros(4))
    assert tracker.reference.tolist() == [[0.0, 0.0]]
    assert tracker(np.zeros(4)).tolist() == [0.0, 0.0]
    assert (tracker(np.array([0.1, -0.1, 0.0, 0.0])) * [-1, 1] > 0).all()


@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("name", POINT_MAZES)
def test_tracker_follows_in_mujoco_within_millimetres(envs, name, noise):
    env, maze = envs[name], POINT_MAZES[name]
    walls = find_walls(env)
    start = maze.place(maze.cells[len(maze.cells) // 2])
    state = env.reset_to(start, np.array([0.1, -0.1]), maze.target)
    path = way(maze, start, maze.target, noise=noise)
    tracker = PathTracker(path, state, walls=walls)
    states = [state]
    for _ in range(len(tracker.reference) + 30):
        state, reward, _ = env.step(tracker(state))
        states.append(state)
    places = np.array(states)[:, :2]
    count = len(tracker.reference)
    assert np.linalg.norm(places[:count] - tracker.reference, axis=1).max() < 0.01
    assert walls.overlap(places, radius=RADIUS).max() == 0.0
    assert reward == 1.0
    np.testing.assert_allclose(state, [*maze.target, 0.0, 0.0], atol=1e-3)
    assert distance_to_polyline(places, path).max() < 0.5


def test_reference_waits_for_a_ball_that_is_held():
    path = np.array([[0.0, 0.0], [3.0, 0.0]])
    tracker, state = PathTracker(path, np.zeros(4)), np.zeros(4)
    for _ in range(300):  # something holds it
        assert np.isfinite(tracker(state)).all()
    for _ in range(300):
        state = free_step(state, tracker(state))
    np.testing.assert_allclose(state, [3.0, 0.0, 0.0, 0.0], atol=1e-3)


@pytest.mark.usefixtures("unchecked")
def test_wrong_arguments_are_refused():
    path = np.array([[0.0, 0.0], [1.0, 0.0]])
    for name in ("speed", "acceleration", "frequency"):
        with pytest.raises(ValueError, match=f"{name} must be finite and above 0, found 0"):
            PathTracker(path, np.zeros(4), **{name: 0.0})
    with pytest.raises(ValueError, match="tolerance must be finite and at least 0 m"):
        PathTracker(path, np.zeros(4), tolerance=-0.1)
    with pytest.raises(ValueError, match="path must be finite"):
        PathTracker(path * np.nan, np.zeros(4))


def test_missing_library_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "toppra", None)
    with pytest.raises(MissingExtraError, match=r'pip install -c constraints\.txt "\.\[pointmaze\]"'):
        PathTracker(np.array([[0.0, 0.0], [1.0, 0.0]]), np.zeros(4))


def test_a_ball_that_flies_off_sideways_still_comes_to_the_end():
    path, state = np.array([[0.0, 0.0], [6.0, 0.0]]), np.array([0.0, 0.0, 0.0, 4.0])
    tracker = PathTracker(path, state)
    for _ in range(2000):
        state = free_step(state, tracker(state))
    np.testing.assert_allclose(state, [6.0, 0.0, 0.0, 0.0], atol=1e-6)


@given(
    st.lists(st.tuples(st.floats(-3, 3), st.floats(-3, 3)), min_size=2, max_size=5),
    st.tuples(*[st.floats(-5, 5)] * 2),
    st.tuples(*[st.floats(-1, 1)] * 2),
)
@settings(max_examples=25)
def test_from_any_state_the_ball_comes_to_rest_at_the_end(path, velocity, off):
    path = np.array(path)
    state = np.concatenate([path[0] + off, velocity])
    tracker = PathTracker(path, state)
    for _ in range(5 * len(tracker.reference) + 600):
        state = free_step(state, tracker(state))
    np.testing.assert_allclose(state, [*path[-1], 0.0, 0.0], atol=1e-3)


def test_a_ball_that_was_held_goes_the_whole_way():
    path = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0]])
    tracker, state = PathTracker(path, np.zeros(4)), np.zeros(4)
    for _ in range(500):  # longer than the way takes
        tracker(state)
    places = []
    for _ in range(500):
        state = free_step(state, tracker(state))
        places.append(state[:2])
    assert distance_to_polyline(np.array(places), path).max() < LEASH / 2
    np.testing.assert_allclose(state, [2.0, 2.0, 0.0, 0.0], atol=1e-3)


def test_the_reference_waits_at_rest():
    tracker = PathTracker(np.array([[0.0, 0.0], [6.0, 0.0]]), np.zeros(4), frequency=1.0)
    held = np.array([0.25, 0.0, 0.0, 0.0])
    for _ in range(400):
        tracker(held)
    row = int(np.argmax(tracker.reference[:, 0] > 0.25 + LEASH))
    np.testing.assert_allclose(tracker(held), (tracker.reference[row] - held[:2]) / MAX_ACCELERATION)


@pytest.mark.parametrize("tolerance", [0.0, 0.05])
@pytest.mark.parametrize(
    "path",
    [
        [[0.0, 0.0], [1.0, 0.0], [0.0, 0.0]],
        [[0.0, 0.0], [1.0, 0.0], [0.0, 0.3]],
        [[0.0, 0.0], [0.3, 0.0], [0.1, 0.0], [0.5, 0.0]],
        [[0.0, 0.0], [3.0, 0.0], [3.0, 2.0], [0.0, 2.0]],
    ],
)
def test_the_limits_hold_where_a_path_turns_back(path, tolerance):
    reference = PathTracker(np.array(path), np.zeros(4), tolerance=tolerance).reference
    velocity = np.diff(reference, axis=0) / DT
    assert np.abs(velocity).max() <= 1.01 * SPEED
    acceleration = np.abs(np.diff(velocity, axis=0) / DT).max()
    assert 0.95 * ACCELERATION < acceleration < 1.02 * ACCELERATION


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    "state", [[0.0, 0.0, np.nan, 0.0], [0.0, 0.0], np.zeros((1, 4)), ["a", "b", "c", "d"], [1j, 0, 0, 0]]
)
def test_states_that_are_none_are_refused(state):
    path = np.array([[0.0, 0.0], [1.0, 0.0]])
    for call in (lambda: PathTracker(path, state), lambda: PathTracker(path, np.zeros(4))(state)):
        with pytest.raises(ValueError, match=r"state must be finite numbers of shape \(4,\), found"):
            call()


@pytest.mark.usefixtures("unchecked")
def test_integers_are_numbers():
    path, state = np.array([[0, 0], [2, 0]]), np.array([0, 0, 0, 1])
    whole, real = PathTracker(path, state), PathTracker(path.astype(float), state.astype(float))
    np.testing.assert_array_equal(whole.reference, real.reference)
    np.testing.assert_array_equal(whole(state), real(state.astype(float)))


@pytest.mark.usefixtures("unchecked")
def test_wrong_arguments_of_its_parts_are_refused():
    path = np.array([[0.0, 0.0], [1.0, 0.0]])
    limits = {"speed": 1.0, "acceleration": 1.0}
    with pytest.raises(ValueError, match=r"path must be finite numbers of shape \(n >= 1, 2\), found \[\["):
        smooth(path * np.nan)
    with pytest.raises(
        ValueError, match=r"path must be finite numbers of shape \(n >= 1, 2\), found shape \(0, 2"
    ):
        retime(path[:0], np.zeros(2), **limits)
    with pytest.raises(
        ValueError, match=r"velocity must be finite numbers of shape \(2,\), found shape \(4,\)"
    ):
        retime(path, np.zeros(4), **limits)
    with pytest.raises(ValueError, match="speed must be finite and above 0, found 0"):
        retime(path, np.zeros(2), **(limits | {"speed": 0.0}))
    with pytest.raises(ValueError, match="acceleration must be finite"):
        retime(path, np.zeros(2), **(limits | {"acceleration": np.inf}))
