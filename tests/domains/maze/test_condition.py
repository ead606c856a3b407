"""Conditions: what is accepted, and that each refusal names the element and the rule."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.maze import Maze
from anchordiff.kernels.grid.distance import signed_distances

WALLS = np.zeros((2, 4, 5), dtype=bool)
WALLS[1, 2, 3] = True
START = np.full((2, 2), 0.5, dtype=np.float32)
GOAL = np.array([[4.5, 3.5], [1.25, 2.75]], dtype=np.float32)


def point(x: float, y: float) -> np.ndarray:
    """`START` with another second element."""
    return np.array([[0.5, 0.5], [x, y]], dtype=np.float32)


def test_arrays_and_tensors_give_the_same_condition():
    condition = MazeCondition.from_arrays(WALLS, START, GOAL)
    other = MazeCondition.from_arrays(*(torch.from_numpy(array) for array in (WALLS, START, GOAL)))
    assert len(condition) == 2
    for name in ("walls", "sdf", "start", "goal"):
        assert torch.equal(getattr(condition, name), getattr(other, name))
    np.testing.assert_array_equal(condition.sdf.numpy(), signed_distances(WALLS))
    np.testing.assert_array_equal(condition.walls.numpy(), WALLS)
    condition.check()


def test_positions_of_any_precision_become_float32():
    condition = MazeCondition.from_arrays(WALLS, START.astype(np.float64), torch.from_numpy(GOAL).half())
    assert condition.start.dtype == condition.goal.dtype == torch.float32


@given(
    x=st.floats(0, 5, width=32) | st.integers(0, 5).map(float),
    y=st.floats(0, 4, width=32) | st.integers(0, 4).map(float),
)
def test_a_point_is_refused_exactly_where_it_touches_a_wall(x, y):
    if not Maze(WALLS[1]).is_free(np.array([x, y])):
        with pytest.raises(ValueError, match=r"goal\[1\] must (be in free cells|lie inside)"):
            MazeCondition.from_arrays(WALLS, START, point(x, y))
    else:
        MazeCondition.from_arrays(WALLS, START, point(x, y))


BAD_ENDS = [
    (point(np.nan, 1), r"{name}\[1\] must be finite, found \(nan, 1.00\)"),
    (point(1, -np.inf), r"{name}\[1\] must be finite, found \(1.00, -inf\)"),
    (point(-0.01, 1), r"{name}\[1\] must lie inside the maze of 5 x 4 cells \(x, y\), found \(-0.01, 1.00\)"),
    (point(5, 1), r"{name}\[1\] must lie inside the maze"),
    (point(1, 4), r"{name}\[1\] must lie inside the maze"),
    (
        point(3.5, 2.5),
        r"{name}\[1\] must be in free cells, not in a wall or on its edge, found \(3.50, 2.50\)",
    ),
    (
        point(3.0, 2.5),
        r"{name}\[1\] must be in free cells, not in a wall or on its edge, found \(3.00, 2.50\)",
    ),
    (START.astype(np.int64), r"{name} must be floating point \(x, y\) in cells, found torch.int64"),
    (START[:1], r"{name} must have the shape \(2, 2\), found \(1, 2\)"),
    (START[0], r"{name} must have the shape \(2, 2\), found \(2,\)"),
    (np.zeros((2, 3), dtype=np.float32), r"{name} must have the shape \(2, 2\), found \(2, 3\)"),
    (torch.zeros(2, 2, device="meta"), r"{name} must be on cpu, where walls is; found meta"),
]


@pytest.mark.parametrize("name", ["start", "goal"])
@pytest.mark.parametrize(("value", "message"), BAD_ENDS)
@pytest.mark.usefixtures("unchecked")
def test_bad_ends_are_refused(name, value, message):
    ends = {"start": START, "goal": GOAL} | {name: value}
    with pytest.raises(ValueError, match=message.format(name=name)):
        MazeCondition.from_arrays(WALLS, **ends)
    good = MazeCondition.from_arrays(WALLS, START, GOAL)
    with pytest.raises(ValueError, match=message.format(name=name)):
        replace(good, **{name: torch.as_tensor(value)}).check()


BAD_WALLS = [
    (WALLS[0], r"walls must have the shape \(batch, rows, cols\), found \(4, 5\)"),
    (np.zeros((2, 0, 5), dtype=bool), r"walls must have the shape \(batch, rows, cols\), found \(2, 0, 5\)"),
    (WALLS.astype(np.uint8), r"walls must be boolean \(True where blocked\), found torch.uint8"),
    (WALLS.astype(np.float32), "walls must be boolean"),
]


@pytest.mark.parametrize(("walls", "message"), BAD_WALLS)
@pytest.mark.usefixtures("unchecked")
def test_bad_walls_are_refused(walls, message):
    with pytest.raises(ValueError, match=message):
        MazeCondition.from_arrays(walls, START, GOAL)
    good = MazeCondition.from_arrays(WALLS, START, GOAL)
    with pytest.raises(ValueError, match=message):
        replace(good, walls=torch.as_tensor(walls)).check()


BAD_SDF = [
    (
        torch.zeros(2, 5, 4),
        r"sdf must have the shape of walls \(2, 4, 5\), found \(2, 5, 4\)",
    ),
    (torch.zeros(2, 4, 5, dtype=torch.float64), "sdf must be float32.*found torch.float64"),
    (torch.zeros(2, 4, 5, device="meta"), "sdf must be on cpu, where walls is; found meta"),
    (torch.full((2, 4, 5), torch.nan), "sdf must be finite"),
]


@pytest.mark.parametrize(("sdf", "message"), BAD_SDF)
@pytest.mark.usefixtures("unchecked")
def test_bad_distances_are_refused(sdf, message):
    good = MazeCondition.from_arrays(WALLS, START, GOAL)
    with pytest.raises(ValueError, match=message):
        replace(good, sdf=sdf).check()


@pytest.mark.usefixtures("unchecked")
def test_fields_must_be_float32_tensors():
    good = MazeCondition.from_arrays(WALLS, START, GOAL)
    with pytest.raises(ValueError, match=r"start must be float32.*found torch\.float64"):
        replace(good, start=good.start.double()).check()
    with pytest.raises(ValueError, match=r"walls must be a tensor.*found ndarray"):
        replace(good, walls=WALLS)
    with pytest.raises(ValueError, match="walls must be an array or a tensor, found Maze"):
        MazeCondition.from_arrays(Maze(WALLS[0]), START, GOAL)


def test_what_is_written_into_the_arrays_later_does_not_matter():
    walls, start = np.zeros((1, 4, 4), bool), np.full((1, 2), 0.5)
    conditions = [
        MazeCondition.from_arrays(w, s, torch.full((1, 2), 3.5))
        for w, s in ((walls, start), (torch.from_numpy(walls), torch.from_numpy(start)))
    ]
    distances = [condition.sdf.clone() for condition in conditions]
    walls[:], start[:] = True, 9.0
    for condition, sdf in zip(conditions, distances, strict=True):
        assert not condition.walls.any()
        assert torch.equal(condition.sdf, sdf)
        condition.check()


def test_an_end_that_rounds_onto_an_edge_is_refused():
    walls = np.zeros((1, 4, 4), bool)
    walls[0, 1, 1] = True
    inside = np.full((1, 2), 3.5)
    for x in (np.nextafter(4.0, 0.0), np.nextafter(1.0, 0.0), np.nextafter(2.0, 3.0)):
        with pytest.raises(ValueError, match="start"):
            MazeCondition.from_arrays(walls, np.array([[x, 1.5]]), inside)


def test_arrays_in_any_byte_order():
    condition = MazeCondition.from_arrays(
        np.zeros((1, 4, 4), bool), np.full((1, 2), 0.5, ">f8"), np.full((1, 2), 3.5)
    )
    assert condition.start.tolist() == [[0.5, 0.5]]


def test_way_points_divide_a_way_into_legs(mazes):
    condition = mazes(2, 7, 9)
    points = torch.stack([condition.goal, condition.start], dim=1)
    legs = condition.through(points, (4, 9)).legs()
    assert (legs.count, legs.steps, len(legs.conditions)) == (3, (4, 9), 6)
    ends = torch.stack([condition.start, condition.goal, condition.start, condition.goal], dim=1)
    assert torch.equal(legs.conditions.start, ends[:, :-1].flatten(0, 1))
    assert torch.equal(legs.conditions.goal, ends[:, 1:].flatten(0, 1))
    assert torch.equal(legs.conditions.walls[3], condition.walls[1])
    legs.conditions.check()
    assert condition.legs() is None
    # One row of points is for all.
    assert torch.equal(
        condition[:1].through(points[0]).way_points, condition[:1].through(points[:1]).way_points
    )


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("points", "steps", "told"),
    [
        ([[0.5, 0.5]], None, r"way_points\[:, 0\]\[0\] must be in free cells, .* found \(0.50, 0.50\)"),
        ([[99.0, 1.5]], None, r"way_points\[:, 0\]\[0\] must lie inside the maze"),
        ([[float("nan"), 1.5]], None, r"way_points\[:, 0\]\[0\] must be finite"),
        ([[[1.5, 1.5, 1.5]]], None, r"way_points\[:, 0\] must have the shape \(1, 2\)"),
        (np.zeros((1, 0, 2)), None, r"way_points must have the shape \(1, at least 1, 2\)"),
        ([[1.5, 1.5]], (3, 4), "way_steps must be 1, one for each way point, found 2"),
        ([[1.5, 1.5]], (0,), "way_steps must be an integer of at least 1, found 0"),
    ],
)
def test_way_points_that_nobody_can_go_through(points, steps, told):
    walls = np.ones((1, 5, 5), bool)
    walls[0, 1:-1, 1:-1] = False
    condition = MazeCondition.from_arrays(walls, np.full((1, 2), 1.5), np.full((1, 2), 3.5))
    with pytest.raises(ValueError, match=told):
        condition.through(np.asarray(points, float), steps)


def test_steps_without_way_points_are_refused(mazes):
    with pytest.raises(ValueError, match=r"way_steps must be left out without way_points, found \(3,\)"):
        replace(mazes(1), way_steps=(3,)).check()
