from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchordiff.kernels.grid.maze import cave_mazes, perfect_mazes, random_mazes, room_mazes


def depth_first(*args, **options):
    return perfect_mazes(*args, method="depth_first", **options)


def wilson(*args, **options):
    return perfect_mazes(*args, method="wilson", **options)


KINDS = [random_mazes, depth_first, wilson, room_mazes, cave_mazes]


def reached_from(walls, cell):
    """The free cells that straight steps reach, by a plain search."""
    seen, stack = {cell}, [cell]
    while stack:
        row, col = stack.pop()
        for i, j in ((row - 1, col), (row + 1, col), (row, col - 1), (row, col + 1)):
            if (i, j) not in seen and not walls[i, j]:
                seen.add((i, j))
                stack.append((i, j))
    return seen


@pytest.mark.parametrize("make", KINDS)
@settings(max_examples=15)
@given(
    rows=st.integers(3, 8).map(lambda k: 2 * k + 1),
    cols=st.integers(3, 8).map(lambda k: 2 * k + 1),
    min_l1=st.integers(0, 4),
    seed=st.integers(0, 2**63 - 1),
)
def test_a_maze_is_closed_and_its_pairs_are_free_connected_and_apart(make, rows, cols, min_l1, seed):
    batch = make(seed, np.arange(3), rows=rows, cols=cols, min_l1=min_l1, pairs=2)
    assert batch.walls.shape == (3, rows, cols)
    assert len(batch) == 3
    inner = np.zeros((rows, cols), bool)
    inner[1:-1, 1:-1] = True
    assert batch.walls[:, ~inner].all()
    for walls, starts, goals in zip(batch.walls, batch.starts, batch.goals, strict=True):
        for start, goal in zip(starts, goals, strict=True):
            assert not walls[tuple(start)]
            assert tuple(goal) in reached_from(walls, tuple(start))
            assert abs(start - goal).sum() >= min_l1


@pytest.mark.parametrize("make", [depth_first, wilson])
def test_perfect_mazes_are_trees(make):
    for walls in make(3, np.arange(20), rows=9, cols=13, min_l1=0).walls:
        free = ~walls
        assert free[1::2, 1::2].all()
        assert walls[::2, ::2].all()
        assert free.sum() == 2 * (4 * 6) - 1
        assert len(reached_from(walls, (1, 1))) == free.sum()


def test_wilson_draws_uniformly_from_all_perfect_mazes():
    walls = wilson(0, np.arange(6000), rows=5, cols=7, min_l1=0).walls
    counts = Counter(grid.tobytes() for grid in walls)
    # A ladder of 2 x 3 rooms has 15 spanning trees.
    assert len(counts) == 15
    assert sum((n - 400) ** 2 / 400 for n in counts.values()) < 36.1  # 0.1 % of fair draws are worse


@pytest.mark.parametrize("side", [7, 21, 35])
def test_rooms_are_joined_and_none_is_long(side):
    for walls in room_mazes(0, np.arange(20), rows=side, cols=side, min_l1=4).walls:
        free = ~walls
        assert len(reached_from(walls, (1, 1))) == free.sum()
        runs = max(len(run) for line in free for run in "".join(".#"[not v] for v in line).split("#"))
        assert runs <= max(side - 2, 5)
    walls = room_mazes(0, np.arange(200), rows=21, cols=21).walls[:, 1:-1, 1:-1]
    assert 0.1 < walls.mean() < 0.4


def test_caves_are_what_their_automaton_leaves():
    walls = cave_mazes(0, np.arange(300), rows=24, cols=31, min_l1=4).walls
    inner = walls[:, 1:-1, 1:-1]
    assert 0.2 < inner.mean() < 0.45
    # Rock hangs together: cells that nothing like them touches are few, where scattered ones have many.
    around = sum(
        np.roll(walls, (i, j), axis=(1, 2)).astype(int)
        for i, j in ((1, 0), (-1, 0), (0, 1), (0, -1))
    )[:, 1:-1, 1:-1]  # fmt: skip
    lone = (inner & (around == 0)) | (~inner & (around == 4))
    assert lone.mean() < 0.002
    scattered = random_mazes(0, np.arange(50), density=(0.4, 0.4), min_l1=0).walls
    assert (scattered[:, 1:-1, 1:-1] & ~scattered[:, :-2, 1:-1] & ~scattered[:, 2:, 1:-1]).mean() > 0.05


def test_density_is_drawn_uniformly_from_its_interval():
    shares = random_mazes(0, np.arange(4000), rows=63, cols=63, min_l1=0, density=(0.1, 0.4)).walls
    shares = shares[:, 1:-1, 1:-1].mean((1, 2))
    assert abs(shares.mean() - 0.25) < 0.005
    assert np.quantile(shares, [0.1, 0.9]) == pytest.approx([0.13, 0.37], abs=0.01)
    still = random_mazes(0, np.arange(200), min_l1=0, density=(0.0, 0.0)).walls
    assert not still[:, 1:-1, 1:-1].any()


@pytest.mark.parametrize("make", KINDS)
def test_a_maze_is_a_function_of_seed_and_index(make):
    whole = make(5, np.arange(12), pairs=2)
    part = make(5, np.array([7, 2, 7]), pairs=2)
    for name in ("walls", "starts", "goals"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[[7, 2, 7]])
    assert len({grid.tobytes() for grid in whole.walls}) == 12
    other = make(6, np.arange(12), pairs=2)
    assert not {grid.tobytes() for grid in whole.walls} & {grid.tobytes() for grid in other.walls}


def test_an_empty_batch():
    assert random_mazes(0, np.arange(0)).walls.shape == (0, 21, 21)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random_mazes(0, np.arange(1), rows=2), "rows must be an integer of at least 3, found 2"),
        (lambda: room_mazes(0, np.arange(1), cols=20), "cols must be odd and at least 3, found 20"),
        (
            lambda: random_mazes(0, np.arange(1), density=(0.4, 0.2)),
            r"density must be an interval .* \(0.4, 0.2\)",
        ),
        (
            lambda: random_mazes(0, np.arange(1), min_l1=99),
            "min_l1 must be between 0 and 36 in 21 x 21 cells",
        ),
        (
            lambda: random_mazes(0, np.array([0, -1])),
            r"index\[1\] must be at least 0 and at most .* found -1",
        ),
        (lambda: random_mazes(0, np.zeros((2, 2), int)), r"index must be an integer array \(batch,\), found"),
        (lambda: random_mazes(-1, np.arange(1)), "seed must be an integer of at least 0, found -1"),
        (lambda: random_mazes(0, np.arange(1), pairs=0), "pairs must be an integer of at least 1, found 0"),
        (lambda: perfect_mazes(0, np.arange(1), method="prim"), "method must be .* found 'prim'"),
        (lambda: random_mazes(0, np.arange(2), density=(1.0, 1.0)), "no maze 0 with 1 connected pairs"),
    ],
)
def test_errors_name_what_was_found(call, message):
    with pytest.raises(ValueError, match=message):
        call()
