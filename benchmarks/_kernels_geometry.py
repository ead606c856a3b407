"""Distances, resampling and whole samples: against OpenCV, SciPy, NumPy and a sample made in plain Python.

The plain Python sample is the twin from the tests: A* with a binary heap, the same string pulling, and for the signed
distance, in turn, torch.cdist and SciPy's exact transform. All works run on one thread. Run alone, it prints its table:
`python benchmarks/_kernels_geometry.py`.
"""

import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import torch
from scipy.ndimage import distance_transform_edt

from _timing import Row, compare, format_table
from anchordiff.kernels.grid.distance import distance
from anchordiff.kernels.grid.polyline import resample
from anchordiff.kernels.grid.sample import Expert, particle_samples

TWIN = Path(__file__).parents[1] / "tests" / "kernels" / "grid" / "naive_sample.py"


def distance_row(side: int, density: float, *, target: float | None = None) -> Row:
    """Exact distance to the nearest wall."""
    walls = np.random.default_rng(0).random((side, side)) < density
    free = ~walls
    image = free.astype(np.uint8)
    return compare(
        f"exact distance {side}×{side}, {density:.1%} walls",
        lambda: distance(walls),
        {
            "OpenCV": lambda: cv2.distanceTransform(image, cv2.DIST_L2, cv2.DIST_MASK_PRECISE),
            "SciPy": lambda: distance_transform_edt(free),
        },
        targets={} if target is None else {"OpenCV": target},
        seconds=0.03,
        clock=time.thread_time,
    )


def numpy_resample(points: np.ndarray, horizon: int) -> np.ndarray:
    """Points at equal steps of arc length, by `np.interp`."""
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    at = np.linspace(0.0, lengths[-1], horizon)
    return np.stack([np.interp(at, lengths, column) for column in points.T], axis=1)


def resample_row(count: int, horizon: int) -> Row:
    """One polyline in two dimensions."""
    points = np.cumsum(np.random.default_rng(0).normal(size=(count, 2)), axis=0)
    return compare(
        f"resampling {count} → {horizon} points",
        lambda: resample(points, horizon),
        {"NumPy": lambda: numpy_resample(points, horizon)},
        clock=time.thread_time,
    )


def cdist_signed(walls: np.ndarray) -> np.ndarray:
    """Signed distance of a grid with walls and free cells, closed at its border, by all distances."""
    grid = torch.from_numpy(walls)
    cells = torch.nonzero(torch.ones_like(grid)).float()
    outside, inside = (torch.cdist(cells, torch.nonzero(kind).float()).amin(1) for kind in (grid, ~grid))
    return (outside - inside).reshape(grid.shape).numpy()


def scipy_signed(walls: np.ndarray) -> np.ndarray:
    """The same by SciPy's exact transform."""
    return (distance_transform_edt(~walls) - distance_transform_edt(walls)).astype(np.float32)


def sample_row(expert: Expert, *, count: int = 200) -> Row:
    """Maze, start, goal, expert's trajectory and signed distance."""
    twin = load_twin()

    def in_python(signed_distance: Callable[[np.ndarray], np.ndarray]) -> Callable[[], None]:
        def work() -> None:
            for number in range(count):
                twin.make_sample(0, number, signed_distance, expert=expert)

        return work

    index = np.arange(count)
    return compare(
        f"a whole sample 21×21, 64 points, {expert} expert",
        lambda: particle_samples(0, index, expert=expert),
        {
            "plain Python + torch.cdist": in_python(cdist_signed),
            "plain Python + SciPy": in_python(scipy_signed),
        },
        targets={"plain Python + torch.cdist": 300.0},
        per_run=count,
        seconds=0.05,
        clock=time.thread_time,
    )


def load_twin() -> ModuleType:
    """The tests' sample in plain Python."""
    spec = importlib.util.spec_from_file_location("naive_sample", TWIN)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"benchmarks need the tests beside them, found no {TWIN}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows() -> list[Row]:
    """All rows of this section."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    return [
        distance_row(21, 0.2, target=1.5),
        distance_row(64, 0.2),
        distance_row(256, 0.2),
        distance_row(512, 0.2, target=10.0),
        distance_row(512, 0.001),
        distance_row(2048, 0.002),
        resample_row(29, 64),
        sample_row("smooth"),
        sample_row("grid"),
    ]


if __name__ == "__main__":
    print(format_table(rows()))
