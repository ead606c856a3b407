"""What else makes an estimate good in a maze: that it keeps off walls, and that the encoder knows distances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from jaxtyping import Float

from anchordiff.domains import maze
from anchordiff.domains.maze.clearance import wall_distance
from anchordiff.domains.maze.data.batch import ParticleBatch
from anchordiff.records import TensorRecord
from anchordiff.stages.loss import StageLoss, Term


@final
@dataclass(frozen=True, kw_only=True)
class WallHinge(Term):
    """A hinge on the distance to walls, at points and half way between.

    Attributes:
        weight: of the term in the loss.
        margin: distance to walls, in cells, below which the hinge acts.

    Raises:
        ValueError: if a value is negative.
    """

    weight: float = 0.5
    margin: float = 0.15

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.margin >= 0:
            raise ValueError(f"margin must not be negative, found {self.margin}")

    def measure(self, made: StageLoss, batch: TensorRecord) -> Float[torch.Tensor, ""]:
        """Mean depth below the margin, in cells."""
        assert isinstance(batch, ParticleBatch)
        points = made.estimate[..., :2]
        midway = (points[:, 1:] + points[:, :-1]) / 2
        walls = batch.condition.walls
        walls = walls.repeat_interleave(len(points) // len(walls), dim=0)
        distance = wall_distance(walls, torch.cat([points, midway], dim=1))
        return torch.nn.functional.relu(self.margin - distance).mean()


@final
@dataclass(frozen=True, kw_only=True)
class Distances(Term):
    """Smooth L1 error of the encoder's distances against exact shortest paths, over reachable cells, where it has any.

    Attributes:
        weight: of the term in the loss.
        farthest: distance in cells beyond which none is told apart.

    Raises:
        ValueError: if `weight` is negative or `farthest` is not above 0.
    """

    of_encoder: ClassVar[bool] = True

    weight: float = 0.1
    farthest: float = 60.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.farthest > 0:
            raise ValueError(f"farthest must be above 0, found {self.farthest}")

    def measure(self, made: StageLoss, batch: TensorRecord) -> Float[torch.Tensor, ""] | None:
        """Mean error, in cells.

        Raises:
            ValueError: if the batch was made without `geodesic` distances.
        """
        assert isinstance(batch, ParticleBatch)
        assert isinstance(made.scene, maze.MazeScene)
        distances = made.scene.distances
        if distances.shape[1] == 0:
            return None
        if batch.geodesic is None:
            raise ValueError("batch must hold geodesic distances for the auxiliary loss, found none")
        reached = batch.geodesic < self.farthest
        target = torch.where(reached, batch.geodesic, 0.0)
        error = torch.nn.functional.smooth_l1_loss(distances, target, reduction="none", beta=0.5)
        return (error * reached).sum() / reached.sum().clamp(min=1)
