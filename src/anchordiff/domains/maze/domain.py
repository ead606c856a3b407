"""Mazes, as the commands see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, final

import torch
from jaxtyping import Float

from anchordiff.data.batch import TrajectoryBatch
from anchordiff.data.source import Source
from anchordiff.domains.domain import Benchmark, Domain, PlanRequest, StageConfig
from anchordiff.domains.maze.benchmark import MazeBenchmark
from anchordiff.domains.maze.condition import MazeCondition
from anchordiff.domains.maze.config import MazeEncoderConfig
from anchordiff.domains.maze.data.config import ParticleMazeConfig
from anchordiff.domains.maze.data.mixture import MazeMixtureConfig
from anchordiff.domains.maze.metrics import collision_rate, is_success
from anchordiff.domains.maze.request import MazeRequest
from anchordiff.domains.maze.terms import Distances, WallHinge
from anchordiff.horizons import AdaptiveHorizon
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.stages.loss import Term
from anchordiff.states import StateSpace

_LONGEST: Final = 600.0  # cells


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


@final
class MazeMixtureDomain(MazeDomain):
    """Mazes of all kinds and sizes, with a horizon that grows with the way."""

    name = "mazes"
    summary = "the same in mazes of every kind and size, with horizons by the length of the way"

    @property
    def keypoints(self) -> KeypointDiffusionConfig:
        """An encoder that tells ways of hundreds of cells apart and looks around in what it planned."""
        return KeypointDiffusionConfig(
            states=StateSpace(scale=4.0),
            spacing=AdaptiveHorizon.spacing,
            encoder=MazeEncoderConfig(farthest=_LONGEST, log_distances=True, plan_blocks=2),
        )

    @property
    def denoiser(self) -> InterpDenoiserConfig:
        """As stage 1's, to share its encoder."""
        first = self.keypoints
        return InterpDenoiserConfig(states=first.states, spacing=first.spacing, encoder=first.encoder)

    @property
    def source(self) -> type[Source]:
        """Mazes of all kinds, no sample twice."""
        return MazeMixtureConfig

    @property
    def keypoint_terms(self) -> Mapping[str, Term]:
        """Distances, as far as the longest ways."""
        return {"distance": Distances(farthest=_LONGEST)}

    @property
    def denoiser_terms(self) -> Mapping[str, Term]:
        """A hinge on the distance to walls, and distances."""
        return {"hinge": WallHinge(), **self.keypoint_terms}

    def configure(self, config: StageConfig, source: Source) -> StageConfig:
        """Refuse another spacing than that of the data; see `Domain.configure`."""
        assert isinstance(source, MazeMixtureConfig)
        if config.spacing != source.horizons.spacing:
            raise ValueError(
                f"model.spacing must be data.horizons.spacing = {source.horizons.spacing}, found {config.spacing}"
            )
        return config


MAZE: Final = MazeDomain()
MAZES: Final = MazeMixtureDomain()
