"""Set-up that every test shares: checked shapes, repeatable hypothesis runs, one thread."""

from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import jaxtyping
import numpy as np
import pytest
import torch

# Kernels are left out: the hook breaks inside compiled functions.
CHECKED = [
    "anchordiff.anchors",
    "anchordiff.conditions",
    "anchordiff.data",
    "anchordiff.denoiser",
    "anchordiff.evaluation",
    "anchordiff.interpolation",
    "anchordiff.keypoints",
    "anchordiff.masks",
    "anchordiff.maze",
    "anchordiff.nn",
    "anchordiff.pipeline",
    "anchordiff.pointmaze",
    "anchordiff.samplers",
    "anchordiff.schedules",
    "anchordiff.training",
]
jaxtyping.install_import_hook(CHECKED, "beartype.beartype")

hypothesis.settings.register_profile(
    "anchordiff", deadline=None, derandomize=True, max_examples=50, database=None, print_blob=False
)
hypothesis.settings.load_profile("anchordiff")

torch.set_num_threads(1)


@pytest.fixture
def generator() -> torch.Generator:
    """A fresh generator with a fixed seed."""
    return torch.Generator().manual_seed(0)


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Lift the shape checks, so that wrong arguments reach the library's own error messages."""
    jaxtyping.config.update("jaxtyping_disable", value=True)
    yield
    jaxtyping.config.update("jaxtyping_disable", value=False)


@pytest.fixture(scope="session")
def mazes() -> Callable[..., Any]:
    """Make a `MazeCondition`: random walls inside a closed border, ends in free cells."""

    def make(batch: int, rows: int = 9, cols: int = 9, *, density: float = 0.2, seed: int = 0) -> Any:
        from anchordiff.conditions import MazeCondition

        random = np.random.default_rng(seed)
        walls = random.random((batch, rows, cols)) < density
        walls[:, [0, -1]] = walls[:, :, [0, -1]] = True
        walls[:, 1, 1] = walls[:, rows - 2, cols - 2] = False
        start = random.uniform(1.2, 1.8, (batch, 2)).astype(np.float32)
        goal = (np.array([cols, rows]) - random.uniform(1.2, 1.8, (batch, 2))).astype(np.float32)
        return MazeCondition.from_arrays(walls, start, goal)

    return make


@pytest.fixture(scope="module")
def recorded_umaze(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The id of a set that `anchordiff data pointmaze` made, where Minari and the cache look for the module's while.

    It has enough episodes for a held-out block.
    """
    from anchordiff.data.pointmaze import GenerationConfig, generate

    base = tmp_path_factory.mktemp("pointmaze")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINARI_DATASETS_PATH", str(base / "minari"))
        patch.setenv("XDG_CACHE_HOME", str(base / "cache"))
        config = GenerationConfig(maze="umaze", steps=3000, flavour="qiter")
        generate(config, progress=False)
        yield config.dataset_id


@pytest.fixture(scope="session")
def roughen() -> Callable[..., Any]:
    """Add noise to all weights of a network: heads start at zero, where little can be seen to go wrong."""

    def add(network: Any, *, size: float = 0.1, seed: int = 0) -> Any:
        source = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for weight in network.parameters():
                weight.add_(size * torch.randn(weight.shape, generator=source))
        return network

    return add
