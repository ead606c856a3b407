"""PointMaze, as the commands see it: the maze's states and scenes, on recorded data and in closed loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, final

import torch
from jaxtyping import Float

from anchordiff.data.batch import TrajectoryBatch
from anchordiff.data.source import Source
from anchordiff.domains.domain import Benchmark, Domain, PlanRequest
from anchordiff.domains.maze.domain import MAZE
from anchordiff.domains.pointmaze.data.recipe import PointMazeRecipe
from anchordiff.domains.pointmaze.maze2d import Maze2dBenchmark
from anchordiff.domains.pointmaze.request import PointMazeRequest
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.stages.loss import Term


@final
class PointMazeDomain(Domain):
    """D4RL's Maze2D: recorded data that Minari finds in `MINARI_DATASETS_PATH`, and the benchmark in MuJoCo."""

    name = "pointmaze"
    summary = "a ball in D4RL's mazes, in MuJoCo: recorded data of Minari's"

    @property
    def keypoints(self) -> KeypointDiffusionConfig:
        """As for mazes."""
        return MAZE.keypoints

    @property
    def denoiser(self) -> InterpDenoiserConfig:
        """As for mazes."""
        return MAZE.denoiser

    @property
    def source(self) -> type[Source]:
        """Of recorded windows the shortest between two places."""
        return PointMazeRecipe

    @property
    def keypoint_terms(self) -> Mapping[str, Term]:
        """As for mazes."""
        return MAZE.keypoint_terms

    @property
    def denoiser_terms(self) -> Mapping[str, Term]:
        """As for mazes."""
        return MAZE.denoiser_terms

    @property
    def request(self) -> type[PlanRequest]:
        """One of D4RL's mazes."""
        return PointMazeRequest

    @property
    def benchmark(self) -> type[Benchmark]:
        """D4RL's Maze2D."""
        return Maze2dBenchmark

    def measure(
        self, batch: TrajectoryBatch, trajectory: Float[torch.Tensor, "batch horizon dim"]
    ) -> Mapping[str, torch.Tensor]:
        """As for mazes."""
        return MAZE.measure(batch, trajectory)


POINT_MAZE: Final = PointMazeDomain()
