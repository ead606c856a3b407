"""Trajectories of numbers, as the commands see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, final

import torch
from jaxtyping import Float

from anchordiff.data.batch import TrajectoryBatch
from anchordiff.data.source import Source
from anchordiff.domains.domain import Benchmark, Domain, PlanRequest, StageConfig
from anchordiff.domains.vector.benchmark import VectorBenchmark
from anchordiff.domains.vector.config import VectorEncoderConfig
from anchordiff.domains.vector.data.source import VectorSource
from anchordiff.domains.vector.request import VectorRequest
from anchordiff.nn.config import TransformerConfig
from anchordiff.stages.config import InterpDenoiserConfig, KeypointDiffusionConfig
from anchordiff.states import StateSpace

_SIZES: Final = (
    "positions", "velocities", "context_size", "token_size", "context_centre", "context_scale", "token_centre",
    "token_scale",
)  # fmt: skip


@final
class VectorDomain(Domain):
    """Trajectories of any numbers: a user's own data, a Minari set, LeRobot's format."""

    name = "vector"
    summary = "trajectories of numbers: your own arrays, a Minari data set, LeRobot's format"

    @property
    def keypoints(self) -> KeypointDiffusionConfig:
        """States, normaliser, horizon and the encoder's sizes are those of the data."""
        return KeypointDiffusionConfig(encoder=VectorEncoderConfig())

    @property
    def denoiser(self) -> InterpDenoiserConfig:
        """As stage 1; its transformer attends to tokens too."""
        return InterpDenoiserConfig(
            encoder=VectorEncoderConfig(), transformer=TransformerConfig(width=96, depth=3)
        )

    @property
    def source(self) -> type[Source]:
        """A file, a Minari data set, or a folder in LeRobot's format."""
        return VectorSource

    @property
    def request(self) -> type[PlanRequest]:
        """What is given, from a file."""
        return VectorRequest

    @property
    def benchmark(self) -> type[Benchmark]:
        """Held-out samples of the data."""
        return VectorBenchmark

    def configure(self, config: StageConfig, source: Source) -> StageConfig:
        """A stage's config with the states, horizon and encoder's sizes of the data; see `Domain.configure`."""
        assert isinstance(source, VectorSource)
        assert isinstance(config.encoder, VectorEncoderConfig)
        for name, value, default in (
            ("states", config.states, StateSpace()),
            *(
                (f"encoder.{n}", getattr(config.encoder, n), getattr(VectorEncoderConfig(), n))
                for n in _SIZES
            ),
        ):
            if value != default:
                raise ValueError(f"model.{name} must be left out: the data say what it is, found {value}")
        dataset = source.dataset()
        if config.horizon not in (type(config).horizon, dataset.horizon):
            raise ValueError(
                f"model.horizon must be left out: the data say that it is {dataset.horizon} "
                f"(--data.windows.horizon), found {config.horizon}"
            )
        sizes = dataset.encoder_config()
        encoder = replace(config.encoder, **{name: getattr(sizes, name) for name in _SIZES})
        return replace(
            config,
            encoder=encoder,
            states=dataset.states,
            horizon=dataset.horizon,
        )

    def measure(
        self, batch: TrajectoryBatch, trajectory: Float[torch.Tensor, "batch horizon dim"]
    ) -> Mapping[str, torch.Tensor]:
        """Nothing that the stages do not measure themselves."""
        return {}


VECTOR: Final = VectorDomain()
