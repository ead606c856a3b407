import importlib.util
import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from anchordiff.kernels.grid import sample as module
from anchordiff.kernels.grid.distance import signed_distances
from anchordiff.kernels.grid.grid_path import path_cost, shortest_path
from anchordiff.kernels.grid.polyline import points_in_wall, polylines_are_free
from anchordiff.kernels.grid.sample import particle_samples

KINDS = ["random", "depth_first", "wilson", "rooms"]
FIELDS = ["walls", "sdf", "start", "goal", "trajectory"]


def assert_same(one, two, *, rows=slice(None)):
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name)[rows])


def lengths(samples):
    return np.linalg.norm(np.diff(samples.trajectory.astype(float), axis=1), axis=-1).sum(1)


@pytest.mark.parametrize("expert", ["smooth", "grid"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_keeps_its_promises(kind, expert):
    made = particle_samples(0, np.arange(300), kind=kind, expert=expert)
    assert len(made) == 300
    assert polylines_are_free(made.walls, made.trajectory).all()
    np.testing.assert_array_equal(made.trajectory[:, 0], made.start)
    np.testing.assert_array_equal(made.trajectory[:, -1], made.goal)
    np.testing.assert_array_equal(made.sdf, signed_distances(made.walls))
    ends = np.stack([made.start, made.goal], axis=1)
    assert not points_in_wall(made.walls, ends, radius=0.2 - 1e-5).any()
    assert (np.abs(np.floor(made.start) - np.floor(made.goal)).sum(1) >= 10).all()
    assert {array.dtype for array in (made.sdf, made.start, made.goal, made.trajectory)} == {
        np.dtype(np.float32)
    }
    assert all(getattr(made, name).flags.c_contiguous for name in FIELDS)


def test_random_samples_have_equal_steps_but_at_bends():
    made = particle_samples(0, np.arange(300))
    steps = np.linalg.norm(np.diff(made.trajectory, axis=1), axis=-1)
    assert (steps.max(1) / np.median(steps, axis=1) < 1.01).mean() > 0.99


def test_the_smooth_expert_is_short_and_keeps_its_distance():
    smooth, grid = (particle_samples(0, np.arange(1000), expert=name) for name in ("smooth", "grid"))
    for name in ("walls", "sdf", "start", "goal"):
        np.testing.assert_array_equal(getattr(smooth, name), getattr(grid, name))
    assert np.median(lengths(smooth) / lengths(grid)) < 0.96
    dense = particle_samples(0, np.arange(1000), horizon=1024)
    assert polylines_are_free(dense.walls, dense.trajectory, radius=0.19).all()


def test_the_grid_expert_walks_a_shortest_path():
    made = particle_samples(0, np.arange(50), expert="grid", horizon=512)
    for walls, start, goal, length in zip(made.walls, made.start, made.goal, lengths(made), strict=True):
        ends = [tuple(int(v) for v in point[::-1]) for point in (start, goal)]
        # The ends lie up to 0.7 cells off the centres that the path of cells joins.
        assert abs(length - path_cost(shortest_path(walls, *ends))) < 2 * math.sqrt(0.5) + 0.05


@pytest.mark.parametrize("pairs", [1, 3])
def test_a_sample_is_a_function_of_seed_and_index(pairs, monkeypatch):
    whole = particle_samples(4, np.arange(40), pairs=pairs)
    index = np.array([31, 2, 2, 17, 16])
    assert_same(particle_samples(4, index, pairs=pairs), whole, rows=index)
    monkeypatch.setattr(module, "_SAMPLES_A_THREAD", 4)
    assert_same(particle_samples(4, np.arange(40), pairs=pairs, threads=3), whole)
    other = particle_samples(5, np.arange(40), pairs=pairs)
    assert not {w.tobytes() for w in whole.walls} & {w.tobytes() for w in other.walls}


def test_consecutive_samples_share_a_maze():
    made = particle_samples(0, np.arange(12), pairs=4)
    assert len({walls.tobytes() for walls in made.walls}) == 3
    assert (made.walls.reshape(3, 4, -1) == made.walls.reshape(3, 4, -1)[:, :1]).all()
    assert len({start.tobytes() for start in made.start}) == 12
    firsts = particle_samples(0, np.arange(3))
    assert_same(firsts, made, rows=slice(0, 12, 4))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("horizon", [6, 16])
def test_few_points_still_make_a_free_polyline(kind, horizon):
    options = {"rows": 11, "cols": 13, "min_l1": 4, "clearance": 0.3}
    made = particle_samples(0, np.arange(100), kind=kind, horizon=horizon, **options)
    assert polylines_are_free(made.walls, made.trajectory).all()


def test_ends_spread_over_the_free_space():
    made = particle_samples(0, np.arange(4000), density=(0.0, 0.0))
    inside = made.start - np.floor(made.start)
    assert abs(inside.mean() - 0.5) < 0.02
    assert (inside < 0.1).mean() > 0.05
    for axis in range(2):
        cells = np.bincount(np.floor(made.start[:, axis]).astype(int), minlength=21)[1:20]
        assert cells.min() > 100


def test_wide_and_small_grids():
    made = particle_samples(0, np.arange(20), rows=9, cols=150, min_l1=60, horizon=400)
    assert polylines_are_free(made.walls, made.trajectory, radius=0.1).all()
    tiny = particle_samples(0, np.arange(3), rows=3, cols=3, density=(0.0, 0.0), min_l1=0, horizon=2)
    assert tiny.trajectory.shape == (3, 2, 2)
    assert particle_samples(0, np.arange(0)).trajectory.shape == (0, 64, 2)


def test_neighbouring_seeds_and_indices_look_unrelated():
    made = particle_samples(0, np.arange(200), density=(0.3, 0.3)).walls[:, 1:-1, 1:-1].reshape(200, -1)
    for one, two in pairwise(made.astype(float)):
        assert abs(np.corrcoef(one, two)[0, 1]) < 0.25


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"kind": "hexagons"},
            "kind must be one of 'random', 'depth_first', 'wilson', 'rooms', 'caves', found 'hexagons'",
        ),
        ({"expert": "wise"}, "expert must be one of 'smooth', 'grid', found 'wise'"),
        ({"horizon": 1}, "horizon must be an integer of at least 2, found 1"),
        ({"clearance": 0.5}, "clearance must be a finite number of more than 0 and less than 0.5, found 0.5"),
        ({"pairs": 0}, "pairs must be an integer of at least 1, found 0"),
        ({"threads": 0}, "threads must be an integer of at least 1, found 0"),
        ({"rows": 20, "kind": "rooms"}, "rows must be odd and at least 3, found 20"),
        ({"density": (0.99, 1.0)}, "sample 0 cannot be made: no connected start and goal"),
    ],
)
def test_errors_name_what_was_found(options, message):
    with pytest.raises(ValueError, match=message):
        particle_samples(0, np.arange(2), **options)


@pytest.fixture(scope="module")
def twin():
    """The sample in plain Python beside this file."""
    spec = importlib.util.spec_from_file_location("naive_sample", Path(__file__).with_name("naive_sample.py"))
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def naive_signed_distance(walls):
    return (distance_transform_edt(~walls) - distance_transform_edt(walls)).astype(np.float32)


@pytest.mark.parametrize("expert", ["smooth", "grid"])
def test_samples_agree_with_plain_python(twin, expert):
    made = particle_samples(3, np.arange(80), expert=expert)
    naive = [twin.make_sample(3, number, naive_signed_distance, expert=expert) for number in range(80)]
    for name in ("walls", "sdf", "start", "goal"):
        np.testing.assert_array_equal(getattr(made, name), np.stack([sample[name] for sample in naive]))
    trajectories = np.stack([sample["trajectory"] for sample in naive])
    same = np.abs(made.trajectory - trajectories).max((1, 2)) < 1e-3
    lengths_of_twins = np.linalg.norm(np.diff(trajectories.astype(float), axis=1), axis=-1).sum(1)
    # Among equally short paths of cells the two may choose differently, and pull them taut on another side.
    assert same.mean() > (0.7 if expert == "smooth" else 0.1)
    assert np.median(np.abs(lengths(made) / lengths_of_twins - 1)) < 0.01
