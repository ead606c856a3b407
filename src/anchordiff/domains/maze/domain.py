"""Mazes, as the commands see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, final

import torch
from jaxtyping import Float

from anchordiff.data.batch import TrajectoryBatch
from anchordiff.data.source import Source
from anchordiff.domains.domain import Benchmark, Domain, PlanRequest
from anchordiff.domains.maze.benchmark import MazeBenchmark
from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.config import MazeEncoderConfig
from anchordiff.domains.maze.data.config import ParticleMazeConfig
from anchordiff.domains.maze.metrics import collision_rate, is_success
from anchordiff.domains.maze.request import MazeRequest
from anchordiff.domains.maze.terms import Distances, WallHinge
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.stages.loss import Term


@final
class MazeDomain(Domain):
    """Particles among walls, on mazes that are made on the fly."""

    name = "maze"
    summary = "a particle among walls: random mazes made on the fly"

    @property
    def keypoints(self) -> KeypointDiffusionConfig:
        """Positions at 8 of 64 steps; its encoder plans by value iteration."""
        return KeypointDiffusionConfig(encoder=MazeEncoderConfig())

    @property
    def denoiser(self) -> InterpDenoiserConfig:
        """A small encoder of its own, without value iteration and attention."""
        return InterpDenoiserConfig(encoder=MazeEncoderConfig(value_iteration=False, attention_channels=0))

    @property
    def source(self) -> type[Source]:
        """Random mazes, no sample twice."""
        return ParticleMazeConfig

    @property
    def keypoint_terms(self) -> Mapping[str, Term]:
        """Distances, for an encoder that plans."""
        return {"distance": Distances()}

    @property
    def denoiser_terms(self) -> Mapping[str, Term]:
        """A hinge on the distance to walls, and distances."""
        return {"hinge": WallHinge(), "distance": Distances()}

    @property
    def request(self) -> type[PlanRequest]:
        """A held-out maze, or one of a text file."""
        return MazeRequest

    @property
    def benchmark(self) -> type[Benchmark]:
        """A suite of held-out mazes."""
        return MazeBenchmark

    def measure(
        self, batch: TrajectoryBatch, trajectory: Float[torch.Tensor, "batch horizon dim"]
    ) -> Mapping[str, torch.Tensor]:
        """Whether each trajectory is free of collisions and reaches the goal, and its share of points in walls."""
        condition = batch.condition
        assert isinstance(condition, MazeCondition)
        return {
            "success": is_success(condition, trajectory),
            "collision_rate": collision_rate(condition, trajectory),
        }


MAZE: Final = MazeDomain()
