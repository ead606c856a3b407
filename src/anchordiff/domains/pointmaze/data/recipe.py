"""From recordings that wander to samples to learn planning from: which windows are kept, and how they are read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import anchordiff as ad
from anchordiff.configs import exact
from anchordiff.data.source import Source, TrainingData
from anchordiff.domains.maze.data.batch import ParticleBatch
from anchordiff.domains.maze.data.config import Split
from anchordiff.domains.pointmaze import data
from anchordiff.domains.pointmaze.data.config import PointMazeConfig
from anchordiff.domains.pointmaze.data.filters import ShortestBetween, Within
from anchordiff.domains.pointmaze.world.mazes import GRID, POINT_MAZES
from anchordiff.states import StateSpace


@dataclass(frozen=True, kw_only=True)
@exact
class PointMazeRecipe(Source):
    """What a planner for PointMaze is trained on: of all windows that touch no wall, the shortest between two places.

    Windows begin every `stride` rows and have each of `lengths`. Of those that join the same two places the `count`
    shortest are kept, so that each way through a maze is seen about equally often, however the recorded ball wandered;
    a window that is still more than `most_detour` times as long as the shortest way is left out. Points lie at equal
    steps of arc length, and the goal is the window's end.

    Attributes:
        datasets: Minari ids, one for each maze; `anchordiff data pointmaze` makes the default ones.
        lengths: steps of windows, at 100 Hz; windows of each length are taken.
        stride: rows from the beginning of a window to that of the next one.
        count: windows of each pair of places, at most.
        places: places along the side of a cell.
        most_detour: greatest length over the shortest way's that is kept.
        seed: of the order of training.

    Raises:
        ValueError: if there are no data sets or no lengths.
    """

    datasets: tuple[str, ...] = tuple(f"anchordiff/pointmaze/{maze}-qiter-v0" for maze in POINT_MAZES)
    lengths: tuple[int, ...] = (
        16, 24, 32, 44, 56, 70, 86, 104, 124, 148, 174, 204, 240, 280, 326, 380, 440, 510, 590,
    )  # fmt: skip
    stride: int = 3
    count: int = 8
    places: int = 2
    most_detour: float = 1.6
    seed: int = 0

    def __post_init__(self) -> None:
        for name, values in (("datasets", self.datasets), ("lengths", self.lengths)):
            if not values:
                raise ValueError(f"{name} must hold at least one, found none")

    def open(self, *, states: StateSpace, horizon: int) -> TrainingData:
        """Windows of recordings; see `Source.open`."""
        dim: Literal[2, 4] = 4 if states.velocities else 2
        return TrainingData(
            at=self.read(horizon=horizon, dim=dim).at,
            held_out=lambda count: self.read(horizon=horizon, dim=dim, split="held_out").spread(count),
            settings={"dataset": "pointmaze", "horizon": horizon, "dim": dim, **asdict(self)},
        )

    def read(
        self, *, horizon: int, dim: Literal[2, 4], split: Split = "train", progress: bool | None = None
    ) -> ad.data.InterleavedDataset[ParticleBatch]:
        """Read the recordings and choose their windows.

        Args:
            horizon: points of a trajectory.
            dim: 2 for positions, 4 with velocities.
            split: "held_out" for windows of episodes that training takes no step of.
            progress: show progress bars while reading; None shows them on a terminal only.

        Raises:
            FileNotFoundError: if a data set is not there.
            ValueError: if no window of a data set is left, or a value is out of its range.
        """
        config = PointMazeConfig(
            horizon=horizon, dim=dim, windows="random", lengths=self.lengths, stride=self.stride, pace="arc",
            goal="window_end", grid=GRID, split=split, seed=self.seed,
        )  # fmt: skip
        keep = (
            Within("collision_rate", most=0.0)
            & ShortestBetween(count=self.count, places=self.places)
            & Within("detour", most=self.most_detour)
        )
        return ad.data.InterleavedDataset(
            [
                data.PointMazeDataset(
                    data.read_minari(name, progress=progress), config, keep=keep, geodesic=True
                )
                for name in self.datasets
            ]
        )
