"""One environment of each maze for all tests."""

from collections.abc import Iterator, Mapping

import pytest

from anchordiff.domains.pointmaze.world import POINT_MAZES, PointMazeEnv


@pytest.fixture(scope="session")
def envs() -> Iterator[Mapping[str, PointMazeEnv]]:
    made = {name: PointMazeEnv(maze) for name, maze in POINT_MAZES.items()}
    yield made
    for env in made.values():
        env.close()
