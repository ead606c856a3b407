import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from anchordiff.kernels.grid import line_of_sight
from anchordiff.kernels.grid.polyline import (
    line_is_free,
    points_in_wall,
    polyline_is_free,
    polyline_length,
    polylines_are_free,
    resample,
    resample_batch,
)

SIDE = 5


def quarters(largest=4 * SIDE):
    """Positions on a fine lattice, so that lines often run along walls and through corners."""
    return st.tuples(st.integers(-1, largest + 1), st.integers(-1, largest + 1)).map(
        lambda p: (p[0] / 4, p[1] / 4)
    )


positions = st.one_of(quarters(), st.tuples(*[st.floats(0, SIDE, width=32)] * 2))


@st.composite
def grids(draw):
    bits = draw(st.integers(0, 2 ** (SIDE * SIDE) - 1))
    return np.array([bool(bits >> k & 1) for k in range(SIDE * SIDE)]).reshape(SIDE, SIDE)


def squared_distance(a, b, col, row):
    """From the segment a-b to the closed square of a cell, in exact fractions."""
    ax, ay, bx, by = (Fraction(v) for v in (*a, *b))
    if clipped(ax, ay, bx, by, col, row):
        return Fraction(0)
    corners = [(col + i, row + j) for i in (0, 1) for j in (0, 1)]
    return min(
        *(point_to_segment(Fraction(x), Fraction(y), ax, ay, bx, by) for x, y in corners),
        *(
            max(col - x, Fraction(0), x - col - 1) ** 2 + max(row - y, Fraction(0), y - row - 1) ** 2
            for x, y in ((ax, ay), (bx, by))
        ),
    )


def clipped(ax, ay, bx, by, col, row):
    """Whether a part of the segment is left after clipping it to the closed square."""
    low, high = Fraction(0), Fraction(1)
    for start, step, least in ((ax, bx - ax, col), (ay, by - ay, row)):
        if step == 0:
            if not least <= start <= least + 1:
                return False
            continue
        enter, leave = sorted(((least - start) / step, (least + 1 - start) / step))
        low, high = max(low, enter), min(high, leave)
    return low <= high


def point_to_segment(x, y, ax, ay, bx, by):
    dx, dy = bx - ax, by - ay
    square = dx * dx + dy * dy
    t = (
        min(max(((x - ax) * dx + (y - ay) * dy) / square, Fraction(0)), Fraction(1))
        if square
        else Fraction(0)
    )
    return (ax + t * dx - x) ** 2 + (ay + t * dy - y) ** 2


def exact_clearance(walls, a, b):
    """Squared distance from the segment to the nearest wall or to the outside."""
    cells = [(j, i) for i, j in np.argwhere(np.pad(walls, 2, constant_values=True)) - 2]
    return min(squared_distance(a, b, int(j), int(i)) for j, i in cells)


@given(grids(), positions, positions)
def test_lines_agree_with_exact_fractions(walls, a, b):
    assert line_is_free(walls, a, b) == (exact_clearance(walls, a, b) > 0)


@given(grids(), positions, positions, st.sampled_from([0.1, 0.25, 0.5, 1.0]))
def test_swept_discs_agree_with_exact_fractions(walls, a, b, radius):
    clearance = exact_clearance(walls, a, b)
    assume(abs(clearance - Fraction(radius) ** 2) > 1e-9)
    assert line_is_free(walls, a, b, radius=radius) == (clearance > Fraction(radius) ** 2)


@given(grids(), positions, positions)
def test_lines_are_free_in_both_directions(walls, a, b):
    assert line_is_free(walls, a, b) == line_is_free(walls, b, a)


@given(grids(), st.lists(positions, min_size=1, max_size=4), st.sampled_from([0.0, 0.3]))
def test_polylines_are_free_where_all_their_lines_are(walls, path, radius):
    points = np.array(path)
    pieces = list(pairwise(path)) or [(path[0], path[0])]
    expected = all(line_is_free(walls, a, b, radius=radius) for a, b in pieces)
    assert polyline_is_free(walls, points, radius=radius) == expected
    assert polylines_are_free(walls[None], points[None], radius=radius).tolist() == [expected]


@given(grids(), st.lists(positions, min_size=1, max_size=4), st.sampled_from([0.0, 0.3]))
def test_points_agree_with_lines_of_no_length(walls, path, radius):
    expected = [not line_is_free(walls, point, point, radius=radius) for point in path]
    assert points_in_wall(walls[None], np.array([path]), radius=radius)[0].tolist() == expected


def test_touching_is_a_collision():
    walls = np.zeros((3, 3), bool)
    walls[1, 1] = True
    assert not line_is_free(walls, (0.5, 1.0), (2.5, 1.0))
    assert line_is_free(walls, (0.5, np.nextafter(1.0, 0.0)), (2.5, np.nextafter(1.0, 0.0)))
    assert not line_is_free(walls, (0.5, 0.75), (2.5, 0.75), radius=0.25)
    assert not line_is_free(np.zeros((3, 3), bool), (0.0, 0.5), (1.0, 0.5))


def test_nothing_slips_between_two_corners():
    walls = np.eye(2, dtype=bool)
    assert not line_is_free(walls, (1.5, 0.5), (0.5, 1.5))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_positions_that_are_no_numbers_are_never_free(bad):
    walls = np.zeros((3, 3), bool)
    assert not line_is_free(walls, (1.0, 1.0), (bad, 1.0))
    assert points_in_wall(walls[None], np.array([[[1.0, bad]]])).all()


def test_a_long_line_in_a_large_grid():
    walls = np.zeros((400, 900), bool)
    assert line_is_free(walls, (1.0, 1.0), (899.0, 399.0), radius=0.5)
    walls[200, 450] = True
    assert not line_is_free(walls, (1.0, 1.0), (899.0, 399.0), radius=0.5)
    assert line_is_free(walls, (1.0, 5.0), (899.0, 399.0))


def test_groups_of_polylines_share_a_grid():
    walls = np.zeros((2, 3, 3), bool)
    walls[1, 1, 1] = True
    points = np.tile(np.array([[0.5, 1.5], [2.5, 1.5]], np.float32), (6, 1, 1))
    assert polylines_are_free(walls, points).tolist() == [True] * 3 + [False] * 3
    assert polylines_are_free(walls[:0], points[:0]).shape == (0,)


def test_threads_do_not_matter(monkeypatch):
    monkeypatch.setattr(line_of_sight, "_ROWS_A_THREAD", 1)
    random = np.random.default_rng(0)
    walls = random.random((50, 8, 8)) < 0.1
    points = random.random((50, 4, 2)) * 8
    expected = polylines_are_free(walls, points)
    assert 0 < expected.sum() < 50
    np.testing.assert_array_equal(polylines_are_free(walls, points, threads=3), expected)


def naive_resample(points, horizon):
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    at = np.linspace(0.0, lengths[-1], horizon)
    return np.stack([np.interp(at, lengths, column) for column in points.T], axis=1)


@given(st.lists(quarters(), min_size=1, max_size=8), st.integers(2, 40), st.booleans())
def test_resampling_agrees_with_interpolation_over_arc_length(path, horizon, single):
    points = np.array(path, np.float32 if single else np.float64)
    out = resample(points, horizon)
    assert out.dtype == points.dtype
    np.testing.assert_allclose(
        out, naive_resample(points.astype(float), horizon), atol=1e-4 if single else 1e-9
    )
    np.testing.assert_array_equal(out[[0, -1]], points[[0, -1]])


def test_resampling_in_one_and_three_dimensions():
    assert resample(np.array([[0.0], [3.0]]), 4)[:, 0].tolist() == [0.0, 1.0, 2.0, 3.0]
    points = np.random.default_rng(0).random((5, 3))
    np.testing.assert_allclose(resample(points, 11), naive_resample(points, 11))


def test_a_batch_of_polylines():
    random = np.random.default_rng(0)
    offsets = np.array([0, 3, 4, 11])
    points = random.random((11, 2))
    expected = [resample(points[a:b], 7) for a, b in pairwise(offsets)]
    np.testing.assert_array_equal(resample_batch(points, offsets, 7), np.stack(expected))
    assert resample_batch(points[:0], np.zeros(1, int), 7).shape == (0, 7, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: resample(np.zeros((0, 2)), 4), "points must hold at least one point, found none"),
        (
            lambda: resample(np.array([[0, 0], [np.nan, 0], [1, 1]]), 4),
            r"points must be finite, found nan at \[1, 0\]",
        ),
        (lambda: resample(np.zeros((3, 2)), 2.5), "horizon must be an integer of at least 2, found 2.5"),
        (lambda: resample(np.array([[0, 0], [1e200, 0]]), 4), "points must be within"),
        (lambda: polyline_length(np.array([[0.0, np.inf]])), "points must be finite"),
        (
            lambda: line_is_free(np.zeros((2, 2), bool), (1, 1, 1), (1, 1)),
            r"a must be a position \(x, y\), found",
        ),
        (lambda: line_is_free(np.zeros((2, 2), bool), (1, 1), "ab"), r"b must be a position \(x, y\), found"),
        (lambda: resample(np.zeros((3, 2)), 1), "horizon must be an integer of at least 2, found 1"),
        (lambda: resample(np.zeros((3, 2), int), 4), r"points must be .* found int64 \(3, 2\)"),
        (lambda: resample_batch(np.zeros((3, 2)), np.array([0, 2]), 4), "offsets must go from 0 to 3, found"),
        (lambda: resample_batch(np.zeros((3, 2)), np.array([0, 0, 3]), 4), "polyline 0 without a point"),
        (
            lambda: line_is_free(np.zeros((2, 2), bool), (1, 1), (1, 1), radius=-1.0),
            "radius must be a finite number of at least 0, found -1.0",
        ),
        (
            lambda: polyline_is_free(np.zeros((2, 2), bool), np.zeros((0, 2))),
            r"points must hold at least one point, found the shape \(0, 2\)",
        ),
        (
            lambda: polylines_are_free(np.zeros((2, 2, 2), bool), np.zeros((3, 1, 2))),
            "as many rows as walls has grids, or a multiple, found 3 and 2",
        ),
    ],
)
def test_errors_name_what_was_found(call, message):
    with pytest.raises(ValueError, match=message):
        call()
