"""Properties of the samples: what they promise, and that nothing but config and index decides them."""

import heapq
import itertools
import math
from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import ConcatDataset, DataLoader, Subset

from anchordiff.domains.maze import ParticleBatch, ParticleMazeConfig, ParticleMazeDataset
from anchordiff.interpolation import with_velocity

SMALL = ParticleMazeConfig(rows=13, cols=11, min_l1=5, horizon=24)


def assert_same(a: ParticleBatch, b: ParticleBatch) -> None:
    for f in fields(a.condition):
        one, other = getattr(a.condition, f.name), getattr(b.condition, f.name)
        assert (one is other) if one is None else torch.equal(one, other), f.name
    assert torch.equal(a.trajectory, b.trajectory)
    assert (a.geodesic is None) == (b.geodesic is None)
    if a.geodesic is not None:
        assert torch.equal(a.geodesic, b.geodesic)


def enters(a: np.ndarray, b: np.ndarray, row: int, col: int, margin: float) -> bool:
    """Whether the segment a-b comes nearer to the middle of a cell than its sides, less a margin."""
    low, high = 0.0, 1.0
    for d, side in ((0, col), (1, row)):
        first, last, step = side + margin - a[d], side + 1 - margin - a[d], b[d] - a[d]
        if step == 0:
            if not first < 0 < last:
                return False
        else:
            low = max(low, min(first / step, last / step))
            high = min(high, max(first / step, last / step))
    return low < high


def is_free(walls: np.ndarray, points: np.ndarray, *, margin: float) -> bool:
    points = points.astype(np.float64)
    for a, b in itertools.pairwise(points):
        cells = [range(math.floor(min(a[d], b[d])), math.floor(max(a[d], b[d])) + 1) for d in (1, 0)]
        if any(walls[i, j] and enters(a, b, i, j, margin) for i in cells[0] for j in cells[1]):
            return False
    return True


def grid_distances(walls: np.ndarray, source: tuple[int, int]) -> np.ndarray:
    """Dijkstra with a heap; diagonal steps cut no corner."""
    out = np.full(walls.shape, np.inf)
    queue = [(0.0, *source)]
    while queue:
        length, i, j = heapq.heappop(queue)
        if length >= out[i, j]:
            continue
        out[i, j] = length
        for di, dj in itertools.product((-1, 0, 1), repeat=2):
            if (di or dj) and not (walls[i + di, j + dj] or walls[i + di, j] or walls[i, j + dj]):
                heapq.heappush(queue, (length + math.hypot(di, dj), i + di, j + dj))
    return out


configs = st.builds(
    ParticleMazeConfig,
    kind=st.sampled_from(["random", "depth_first", "wilson", "rooms", "caves"]),
    rows=st.sampled_from([11, 13, 21]),
    cols=st.sampled_from([11, 15]),
    min_l1=st.integers(0, 8),
    horizon=st.integers(16, 40),
    expert=st.sampled_from(["smooth", "grid"]),
    clearance=st.sampled_from([0.05, 0.2, 0.35]),
    seed=st.integers(0, 2**62 - 1),
    split=st.sampled_from(["train", "held_out"]),
)


@given(configs, st.lists(st.integers(0, 2**40), min_size=1, max_size=4))
def test_samples_are_what_they_promise(config: ParticleMazeConfig, indices: list[int]) -> None:
    batch = ParticleMazeDataset(config).batch(indices)
    walls = batch.condition.walls.numpy()
    trajectory = batch.trajectory.numpy()
    start, goal = batch.condition.start.numpy(), batch.condition.goal.numpy()
    assert trajectory.shape == (len(indices), config.horizon, 2)
    np.testing.assert_array_equal(trajectory[:, 0], start)
    np.testing.assert_array_equal(trajectory[:, -1], goal)
    assert walls[:, [0, -1]].all()
    assert walls[:, :, [0, -1]].all()
    apart = np.abs(np.floor(start) - np.floor(goal)).sum(axis=1)
    assert (apart >= config.min_l1).all()
    for grid, points in zip(walls, trajectory, strict=True):
        assert is_free(grid, points, margin=1e-5)
    batch.condition.check()


@pytest.mark.parametrize("expert", ["smooth", "grid"])
def test_steps_are_even_but_for_a_few_sharp_bends(expert: str) -> None:
    points = ParticleMazeDataset(ParticleMazeConfig(expert=expert)).batch(range(200)).trajectory
    steps = points.diff(dim=1).norm(dim=2)
    unevenness = steps.amax(dim=1) / steps.mean(dim=1)
    assert (unevenness < 1.15).double().mean() > 0.9


@given(configs, st.integers(0, 2**40))
@settings(max_examples=20)
def test_ends_keep_their_clearance(config: ParticleMazeConfig, index: int) -> None:
    batch = ParticleMazeDataset(config).batch([index])
    walls = batch.condition.walls[0].numpy()
    for point in (batch.condition.start[0].numpy(), batch.condition.goal[0].numpy()):
        rows, cols = np.nonzero(walls)
        away_x = np.maximum(np.maximum(cols - point[0], point[0] - cols - 1), 0)
        away_y = np.maximum(np.maximum(rows - point[1], point[1] - rows - 1), 0)
        assert np.hypot(away_x, away_y).min() >= config.clearance - 1e-5


@given(
    st.integers(0, 2**62 - 1),
    st.lists(st.integers(0, 2**50), min_size=2, max_size=6),
    st.randoms(use_true_random=False),
)
@settings(max_examples=20)
def test_a_sample_depends_on_its_index_alone(seed: int, indices: list[int], random: object) -> None:
    dataset = ParticleMazeDataset(replace(SMALL, seed=seed), geodesic=True)
    whole = dataset.batch(indices)
    order = random.sample(range(len(indices)), len(indices))  # type: ignore[attr-defined]
    assert_same(dataset.batch([indices[i] for i in order]), whole[order])
    assert_same(ParticleBatch.collate([dataset[i] for i in indices]), whole)


def test_samples_differ_by_index_seed_and_split() -> None:
    base = ParticleMazeDataset(SMALL).batch(range(50)).trajectory
    assert len({row.numpy().tobytes() for row in base}) == 50
    for change in ({"seed": 1}, {"split": "held_out"}):
        other = ParticleMazeDataset(replace(SMALL, **change)).batch(range(50)).trajectory
        assert not (base == other).all(dim=(1, 2)).any()


@given(st.integers(0, 2**62 - 1), st.integers(0, 2**62 - 1))
def test_no_training_seed_reaches_a_held_out_stream(training: int, evaluation: int) -> None:
    train = ParticleMazeConfig(seed=training)
    held_out = ParticleMazeConfig(seed=evaluation, split="held_out")
    assert train.split == "train"
    assert train.key != held_out.key
    assert 0 <= train.key < 2**63
    assert 0 <= held_out.key < 2**63


def test_dim_4_appends_velocities() -> None:
    positions = ParticleMazeDataset(SMALL).batch([3, 4]).trajectory
    both = ParticleMazeDataset(replace(SMALL, dim=4)).batch([3, 4]).trajectory
    assert torch.equal(both, with_velocity(positions))


@given(st.sampled_from(["random", "wilson"]), st.integers(0, 2**40))
@settings(max_examples=20)
def test_geodesic_is_the_distance_from_both_ends(kind: str, index: int) -> None:
    config = replace(SMALL, kind=kind, cols=11, rows=13)
    batch = ParticleMazeDataset(config, geodesic=True).batch([index])
    assert batch.geodesic is not None
    for channel, point in enumerate((batch.condition.start[0], batch.condition.goal[0])):
        source = (int(point[1]), int(point[0]))
        expected = grid_distances(batch.condition.walls[0].numpy(), source)
        np.testing.assert_allclose(batch.geodesic[0, channel].numpy(), expected, rtol=2e-5)
        assert batch.geodesic[0, channel][source] == 0


def test_without_geodesic_there_is_none() -> None:
    assert ParticleMazeDataset(SMALL).batch([0]).geodesic is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "spiral"}, "kind must be one of 'random', 'depth_first'"),
        ({"expert": "best"}, "expert must be one of"),
        ({"split": "test"}, "split must be one of"),
        ({"dim": 3}, "dim must be one of 2, 4, found 3"),
        ({"rows": 2}, "rows must be an integer of at least 3, found 2"),
        ({"cols": 20.5}, "cols must be an integer, found 20.5"),
        ({"kind": "wilson", "cols": 20}, "cols must be odd for kind 'wilson', found 20"),
        ({"kind": "rooms", "rows": 20}, "rows must be odd for kind 'rooms', found 20"),
        ({"density": (0.3, 0.2)}, r"density must satisfy .* found \(0.3, 0.2\)"),
        ({"density": (0.3, 1.0)}, r"density must satisfy"),
        ({"density": (math.nan, 0.3)}, r"density must satisfy"),
        ({"density": 0.3}, "density must be a tuple \\(a number, a number\\), found 0.3"),
        ({"min_l1": -1}, "min_l1 must be an integer of at least 0"),
        ({"rows": 7, "cols": 7, "min_l1": 9}, "min_l1 must be at most 8"),
        ({"horizon": 1}, "horizon must be an integer of at least 2"),
        ({"horizon": True}, "horizon must be an integer"),
        ({"clearance": 0.5}, r"clearance must lie in \(0, 0.5\), found 0.5"),
        ({"clearance": 0.0}, r"clearance must lie in \(0, 0.5\), found 0.0"),
        ({"clearance": math.nan}, "clearance must lie in"),
        ({"seed": -1}, "seed must be an integer of at least 0"),
        ({"seed": 2**62}, r"seed must be below 2\*\*62"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_config_refuses(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ParticleMazeConfig(**change)  # type: ignore[arg-type]


def test_config_refuses_unknown_names() -> None:
    with pytest.raises(TypeError, match="colums"):
        ParticleMazeConfig(colums=21)  # type: ignore[call-arg]


@pytest.mark.filterwarnings("ignore:This DataLoader will create 2 worker")  # on a machine with one core
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_change_nothing(method: str) -> None:
    dataset = ParticleMazeDataset(replace(SMALL, dim=4), size=20, geodesic=True)
    alone = list(DataLoader(dataset, batch_size=8, collate_fn=dataset.collate))
    loader = DataLoader(
        dataset, batch_size=8, collate_fn=dataset.collate, num_workers=2, multiprocessing_context=method
    )
    for place, (a, b) in enumerate(zip(alone, loader, strict=True)):
        assert_same(a, b)
        assert_same(a, dataset.batch(range(8 * place, min(8 * place + 8, 20))))


def test_composes_with_torch_datasets() -> None:
    dataset = ParticleMazeDataset(SMALL, size=10)
    expected = dataset.batch([4, 2])
    subset = Subset(dataset, [4, 2])
    assert_same(next(iter(DataLoader(subset, batch_size=2, collate_fn=dataset.collate))), expected)
    joined = ConcatDataset([Subset(dataset, [4]), Subset(dataset, [2])])
    assert_same(next(iter(DataLoader(joined, batch_size=2, collate_fn=dataset.collate))), expected)


def test_impossible_mazes_are_refused_by_name() -> None:
    dataset = ParticleMazeDataset(replace(SMALL, density=(0.98, 0.99), min_l1=15))
    with pytest.raises(ValueError, match="sample 0"):
        dataset.batch([0])
