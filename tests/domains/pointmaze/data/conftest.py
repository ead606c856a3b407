"""One small data set of each flavour, made with MuJoCo, for all tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from anchordiff.domains.pointmaze.data import GenerationConfig, Recording, generate, read_minari
from anchordiff.domains.pointmaze.data.local_minari import minari_root

STEPS = 1500


@pytest.fixture(scope="session")
def minari_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of Minari data sets, which Minari finds, with umaze in both flavours."""
    folder = tmp_path_factory.mktemp("minari")
    for flavour in ("dfs", "qiter"):
        generate(GenerationConfig(maze="umaze", steps=STEPS, flavour=flavour, seed=3), folder, progress=False)
    with minari_root(folder):
        yield folder


@pytest.fixture(scope="session")
def recording(minari_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """What is read from the depth-first one."""
    cache = tmp_path_factory.mktemp("cache")
    return read_minari("anchordiff/pointmaze/umaze-dfs-v0", cache=cache, progress=False)
