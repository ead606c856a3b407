import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from anchordiff.kernels.grid import distance as module
from anchordiff.kernels.grid.distance import distance, signed_distance, signed_distances


@st.composite
def grids(draw, *, largest=9):
    rows, cols = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    return random.random((rows, cols)) < draw(st.sampled_from([0.0, 0.05, 0.3, 0.7, 0.95, 1.0]))


def naive_distance(walls, *, value):
    """From every cell to the nearest cell with walls == value, pair by pair."""
    cells = np.argwhere(np.ones_like(walls))
    marked = np.argwhere(walls == value)
    if not len(marked):
        return np.full(walls.shape, np.inf)
    return np.sqrt(((cells[:, None] - marked[None]) ** 2).sum(-1)).min(1).reshape(walls.shape)


def naive_signed(walls):
    padded = np.pad(walls, 1, constant_values=True)
    if walls.all():
        return -naive_distance(np.pad(walls, 1, constant_values=False), value=False)[1:-1, 1:-1]
    return naive_distance(padded, value=True)[1:-1, 1:-1] - naive_distance(walls, value=False)


@given(grids())
def test_distance_agrees_with_all_pairs(walls):
    np.testing.assert_allclose(distance(walls), naive_distance(walls, value=True), rtol=1e-6)


@given(grids())
def test_signed_distance_agrees_with_all_pairs(walls):
    np.testing.assert_allclose(signed_distance(walls), naive_signed(walls), rtol=1e-6)


@given(grids())
def test_signed_distance_turns_with_the_grid(walls):
    expected = np.rot90(signed_distance(walls))
    np.testing.assert_array_equal(signed_distance(np.ascontiguousarray(np.rot90(walls))), expected)


@pytest.mark.parametrize("shape", [(130, 90), (3, 150), (200, 2), (64, 64), (65, 64), (21, 21)])
@pytest.mark.parametrize("density", [0.0005, 0.02, 0.4])
def test_larger_grids_agree_with_scipy(shape, density):
    walls = np.random.default_rng(0).random(shape) < density
    walls[shape[0] // 2, 0] = True
    outside = distance_transform_edt(~np.pad(walls, 1, constant_values=True))[1:-1, 1:-1]
    np.testing.assert_allclose(distance(walls), distance_transform_edt(~walls), rtol=1e-6)
    np.testing.assert_allclose(signed_distance(walls), outside - distance_transform_edt(walls), rtol=1e-6)


@pytest.mark.parametrize("shape", [(24, 25), (24, 26), (5, 64), (64, 5), (1, 1)])
def test_near_and_far_grids_of_one_batch_agree_with_scipy(shape):
    """Clearings and blocks of growing sizes: distances around those where other sizes of numbers are needed."""
    walls = np.random.default_rng(1).random((40, *shape)) < 0.5
    for side, grid in enumerate(walls):
        grid[1 : side // 2 + 2, 1 : side // 2 + 2] = side % 2
        grid[0, 0] = False
    outside = [distance_transform_edt(np.pad(~grid, 1))[1:-1, 1:-1] for grid in walls]
    inside = [distance_transform_edt(grid) for grid in walls]
    np.testing.assert_allclose(signed_distances(walls), np.stack(outside) - np.stack(inside), rtol=1e-6)


def test_calls_with_other_sizes_do_not_disturb_each_other():
    random = np.random.default_rng(1)
    for shape in [(5, 7), (7, 5), (5, 7), (40, 3), (5, 7)]:
        for density in (0.0, 1.0, 0.3):
            walls = random.random(shape) < density
            np.testing.assert_allclose(signed_distance(walls), naive_signed(walls), rtol=1e-6)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_batch_is_its_grids(threads, monkeypatch):
    monkeypatch.setattr(module, "_PARALLEL_CELLS", 1)
    walls = np.random.default_rng(0).random((4, 6, 9)) < 0.3
    expected = np.stack([signed_distance(grid) for grid in walls])
    np.testing.assert_array_equal(signed_distances(walls, threads=threads), expected)
    assert signed_distances(walls[:0], threads=threads).shape == (0, 6, 9)


def test_without_walls_nothing_is_near():
    assert np.isinf(distance(np.zeros((3, 4), bool))).all()


def test_errors_name_what_was_found():
    with pytest.raises(ValueError, match=r"walls must be a bool array .* found float64"):
        signed_distance(np.zeros((3, 3)))
    with pytest.raises(
        ValueError, match=r"walls must be a bool array \(batch, rows, cols\), found bool \(3, 3\)"
    ):
        signed_distances(np.zeros((3, 3), bool))
    with pytest.raises(ValueError, match="threads must be an integer of at least 1, found 0"):
        signed_distances(np.zeros((1, 3, 3), bool), threads=0)


@pytest.mark.parametrize("shape", [(70, 90), (200, 65), (65, 300), (1, 400), (400, 1)])
@pytest.mark.parametrize("share", [0.0, 0.0005, 0.01, 0.99, 0.9995])
def test_large_grids_with_few_cells_of_one_kind(shape, share):
    walls = np.random.default_rng(0).random(shape) < share
    walls[0, 0], walls[-1, -1] = True, False
    outside = distance_transform_edt(~np.pad(walls, 1, constant_values=True))[1:-1, 1:-1]
    expected = np.where(walls, -distance_transform_edt(walls), outside)
    np.testing.assert_allclose(signed_distance(walls), expected, rtol=1e-6)
    np.testing.assert_allclose(distance(walls), distance_transform_edt(~walls), rtol=1e-6)
