"""What stages are trained on: particle mazes made on the fly, or windows of recorded PointMaze data."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from anchordiff.data import ParticleBatch, ParticleMazeConfig, ParticleMazeDataset
from anchordiff.data.pointmaze import PointMazeRecipe
from anchordiff.training import Slot

DatasetName = Literal["particle", "pointmaze"]

VALIDATION_SEED: Final = 0  # of the held-out stream; evaluation suites use other ones


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """A training stream and samples that it cannot give.

    Attributes:
        at: the batch of a slot.
        held_out: gives so many held-out samples.
        settings: what decides both, for the run's config.
    """

    at: Callable[[Slot], ParticleBatch]
    held_out: Callable[[int], ParticleBatch]
    settings: Mapping[str, Any]


def particle_data(config: ParticleMazeConfig) -> TrainingData:
    """Random mazes with expert trajectories."""
    held_out = replace(config, split="held_out", seed=VALIDATION_SEED)
    return TrainingData(
        at=ParticleMazeDataset(config, geodesic=True).at,
        held_out=lambda count: ParticleMazeDataset(held_out, geodesic=True).batch(range(count)),
        settings=asdict(config),
    )


def pointmaze_data(recipe: PointMazeRecipe, *, horizon: int, dim: Literal[2, 4]) -> TrainingData:
    """Windows of recordings.

    Raises:
        FileNotFoundError: if a data set is not there.
    """
    return TrainingData(
        at=recipe.open(horizon=horizon, dim=dim).at,
        held_out=lambda count: recipe.open(horizon=horizon, dim=dim, split="held_out").spread(count),
        settings={"dataset": "pointmaze", "horizon": horizon, "dim": dim, **asdict(recipe)},
    )
