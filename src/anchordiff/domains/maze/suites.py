"""Suites: fixed held-out mazes that every method is measured on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal

from anchordiff.domains.maze.data.batch import ParticleBatch
from anchordiff.domains.maze.data.config import ParticleMazeConfig, SymmetricWallConfig


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Mazes with starts, goals and expert trajectories that training cannot draw.

    Attributes:
        name: what people call it.
        data: how its samples are made; its split, where there are two, is "held_out".
        size: number of mazes.

    Raises:
        ValueError: if `data` is of another split, or `size` is below 1.

    Example:
        >>> batch = SUITES["particle-21"].load(range(3), horizon=32)
        >>> batch.trajectory.shape
        torch.Size([3, 32, 2])
    """

    name: str
    data: ParticleMazeConfig | SymmetricWallConfig
    size: int = 1000

    def __post_init__(self) -> None:
        if isinstance(self.data, ParticleMazeConfig) and self.data.split != "held_out":
            raise ValueError(f'data.split must be "held_out", found {self.data.split!r}')
        if self.size < 1:
            raise ValueError(f"size must be at least 1, found {self.size}")

    def load(self, indices: range, *, horizon: int = 64, dim: Literal[2, 4] = 2) -> ParticleBatch:
        """Make some of the suite's samples.

        Args:
            indices: which, from 0 below `size`. The tasks are those of every other horizon and dim, but for horizons
                too short for the expert's bends, where a task is drawn again (see `ParticleMazeConfig.horizon`).
            horizon: steps of the expert's trajectories.
            dim: 2 for positions, 4 with velocities.
        """
        return replace(self.data, horizon=horizon, dim=dim).dataset(self.size).batch(indices)


def _suite(name: str, seed: int, **data: object) -> Suite:
    return Suite(name=name, data=ParticleMazeConfig(split="held_out", seed=seed, **data))  # type: ignore[arg-type]


SUITES: Final[Mapping[str, Suite]] = MappingProxyType(
    {
        suite.name: suite
        for suite in (
            _suite("particle-21", 21),
            _suite("perfect-21", 22, kind="depth_first"),
            _suite("rooms-21", 23, kind="rooms"),
            _suite("particle-31", 31, rows=31, cols=31),
            _suite("perfect-31", 32, kind="depth_first", rows=31, cols=31),
            _suite("particle-61", 61, rows=61, cols=61),
            Suite(name="symmetric-21", data=SymmetricWallConfig(seed=24)),
        )
    }
)
"""The suites by name: `particle-21` is like the training data of the bundled weights, the others are not.

`symmetric-21` asks whether samples keep both of two equally good ways."""


def find_suite(name: str) -> Suite:
    """The suite of that name.

    Raises:
        ValueError: if there is none.
    """
    if not isinstance(name, str) or name not in SUITES:
        raise ValueError(f"suite must be one of {', '.join(SUITES)}, found {name!r}")
    return SUITES[name]
