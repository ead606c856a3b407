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
    "anchordiff.domains",
    "anchordiff.evaluation",
    "anchordiff.interpolation",
    "anchordiff.judge",
    "anchordiff.masks",
    "anchordiff.nn",
    "anchordiff.pipeline",
    "anchordiff.samplers",
    "anchordiff.schedules",
    "anchordiff.stages",
    "anchordiff.states",
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
        from anchordiff.domains.maze.condition import MazeCondition

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
    from anchordiff.domains.pointmaze.data import GenerationConfig, generate

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


@pytest.fixture(scope="session")
def tiny_encoder() -> Callable[..., Any]:
    """Make the config of a small encoder of mazes, with other sizes where they are given."""

    def make(**sizes: Any) -> Any:
        from anchordiff.domains.maze.config import MazeEncoderConfig

        small = {"map_channels": 4, "convolution_blocks": 1, "cell_channels": 8, "attention_channels": 8}
        return MazeEncoderConfig(**small | sizes)

    return make


@pytest.fixture(scope="session")
def tiny_keypoints(tiny_encoder: Callable[..., Any]) -> Callable[..., Any]:
    """Make a small stage 1 for mazes, always with the same weights; fields of its config as they are given."""

    def make(**fields: Any) -> Any:
        from anchordiff.nn.config import TransformerConfig
        from anchordiff.stages.config import KeypointDiffusionConfig
        from anchordiff.stages.keypoints import KeypointDiffusion

        small = {"horizon": 16, "num_keypoints": 4, "encoder": tiny_encoder()}
        small["transformer"] = TransformerConfig(width=16, depth=1, heads=2)
        torch.manual_seed(0)
        return KeypointDiffusion(KeypointDiffusionConfig(**small | fields))

    return make


@pytest.fixture(scope="session")
def tiny_denoiser(tiny_encoder: Callable[..., Any]) -> Callable[..., Any]:
    """Make a small stage 2 for mazes, without planning and attention, as `tiny_keypoints`."""

    def make(**fields: Any) -> Any:
        from anchordiff.nn.config import TransformerConfig
        from anchordiff.stages.config import InterpDenoiserConfig
        from anchordiff.stages.denoiser import InterpDenoiser

        small = {"horizon": 16, "num_keypoints": 4, "num_levels": 2}
        small["encoder"] = tiny_encoder(attention_channels=0, value_iteration=False)
        small["transformer"] = TransformerConfig(width=16, depth=1, heads=2)
        torch.manual_seed(0)
        return InterpDenoiser(InterpDenoiserConfig(**small | fields))

    return make
