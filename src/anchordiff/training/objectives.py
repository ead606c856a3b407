"""What the two stages are trained on: batches of trajectories become losses here.

Each objective is a frozen record of its settings that is called as `objective(model, batch, generator)`, the
form that `anchordiff.training.train` takes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from anchordiff.anchors import AnchorSet
from anchordiff.checks import check_rules
from anchordiff.data import ParticleBatch
from anchordiff.denoiser import InterpDenoiser
from anchordiff.interpolation import with_velocity
from anchordiff.keypoints import KeypointDiffusion
from anchordiff.masks import Ends, Even, MaskSampler, Nested, Random
from anchordiff.nn.maze_encoder import MazeEncoding
from anchordiff.pipeline.refine import fill_in

_FAR: Final = 60.0  # cells: longer distances are not told apart


@dataclass(frozen=True, kw_only=True)
class KeypointObjective:
    """Diffusion loss of stage 1, with distances to both ends as an auxiliary target of its encoder.

    Attributes:
        repeats: noised copies of each trajectory; they share one encoding.
        even_share: share of steps with evenly spaced anchors; the others draw them at random.
        distance_weight: weight of the auxiliary loss on the encoder's distances.

    Raises:
        ValueError: if a value is out of its range.
    """

    repeats: int = 4
    even_share: float = 0.75
    distance_weight: float = 0.1

    def __post_init__(self) -> None:
        rules = {
            "repeats": (self.repeats >= 1, "be at least 1"),
            "even_share": (0 <= self.even_share <= 1, "lie in [0, 1]"),
            "distance_weight": (self.distance_weight >= 0, "not be negative"),
        }
        check_rules(self, rules)

    def __call__(
        self, model: KeypointDiffusion, batch: ParticleBatch, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Loss of one batch and its terms: `diffusion`, `distance`."""
        size, horizon = batch.trajectory.shape[:2]
        count = model.config.num_keypoints
        even = _uniform(generator) < self.even_share
        sampler: MaskSampler = Even(count) if even else Ends() + Random(count - 2)
        anchors = AnchorSet.from_mask(sampler.sample(size, horizon, generator=generator))
        encoding = model.encode(batch.condition)
        diffusion = model.loss(
            anchors.gather(batch.trajectory), anchors, encoding, generator=generator, repeats=self.repeats
        )
        terms = {"loss": diffusion, "diffusion": diffusion.detach()}
        if model.config.encoder.value_iteration and self.distance_weight:
            distance = distance_loss(encoding, batch)
            terms |= {"loss": diffusion + self.distance_weight * distance, "distance": distance.detach()}
        return terms


@dataclass(frozen=True, kw_only=True)
class DenoiserObjective:
    """Reconstruction loss of stage 2 over random corruption levels.

    Attributes:
        sparsest_share: share of steps at the sparsest level, the one that inference uses; the others share
            the rest.
        even_share: share of steps whose sparsest anchors are evenly spaced.
        keypoint_noise: largest standard deviation of noise on keypoints between the ends, in cells, drawn
            anew for each trajectory, so that the network learns to correct stage 1.
        margin: distance to walls that the hinge asks for, in cells.
        hinge: weight of the hinge.
        step_weight: weight of the error of the way from one step to the next, against jitter.
        distance_weight: weight of the auxiliary loss on the encoder's distances, where it has any.
        horizons: of which one is drawn for each step, the trajectories resampled to it, so that the network knows
            other horizons than that of the data; where none is given, that of the data.

    Raises:
        ValueError: if a value is out of its range.
    """

    sparsest_share: float = 0.6
    even_share: float = 0.75
    keypoint_noise: float = 0.3
    margin: float = 0.15
    hinge: float = 0.5
    step_weight: float = 0.0
    distance_weight: float = 0.1
    horizons: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        rules = {
            "sparsest_share": (0 <= self.sparsest_share <= 1, "lie in [0, 1]"),
            "even_share": (0 <= self.even_share <= 1, "lie in [0, 1]"),
            "keypoint_noise": (self.keypoint_noise >= 0, "not be negative"),
            "margin": (self.margin >= 0, "not be negative"),
            "hinge": (self.hinge >= 0, "not be negative"),
            "step_weight": (self.step_weight >= 0, "not be negative"),
            "distance_weight": (self.distance_weight >= 0, "not be negative"),
            "horizons": (min(self.horizons, default=2) >= 2, "hold numbers of at least 2 steps"),
        }
        check_rules(self, rules)

    def __call__(
        self,
        model: InterpDenoiser,
        batch: ParticleBatch,
        generator: torch.Generator,
        *,
        replace: Callable[[Tensor, Tensor, AnchorSet], Tensor] | None = None,
    ) -> dict[str, Tensor]:
        """Loss of one batch and its terms: `error`, `hinge`, `steps` if weighed, `distance` if the encoder plans.

        Args:
            model: stage 2.
            batch: what to learn from.
            generator: source of levels, anchors and noise.
            replace: called as `replace(keypoints, truth, anchors)` at the sparsest level, with the disturbed and the
                true keypoints; gives the keypoints to start from instead (see `anchordiff.training.bootstrap`).
        """
        config = model.config
        x_0 = batch.trajectory
        if self.horizons:
            x_0 = resample(x_0, self.horizons[int(_uniform(generator) * len(self.horizons))])
        size, horizon = x_0.shape[:2]
        level = config.num_levels
        if config.num_levels > 1 and _uniform(generator) >= self.sparsest_share:
            level = 1 + int(_uniform(generator) * (config.num_levels - 1))
        even = _uniform(generator) < self.even_share
        base: MaskSampler = Even(config.num_anchors) if even else Ends() + Random(config.num_anchors - 2)
        masks = Nested(base, config.num_levels, config.growth).sample(size, horizon, generator=generator)
        anchors = AnchorSet.from_mask(masks[:, level])
        truth = anchors.gather(x_0)
        keypoints = self._disturb(truth, generator)
        if replace is not None and level == config.num_levels:
            keypoints = replace(keypoints, truth, anchors)
        x_s = fill_in(keypoints, anchors)
        levels = torch.full((size,), level, device=x_0.device)
        encoding = model.encode(batch.condition)
        terms = model.loss(
            x_0,
            x_s,
            levels,
            anchors,
            batch.condition,
            encoding=encoding,
            margin=self.margin,
            hinge=self.hinge,
            step_weight=self.step_weight,
        )
        if config.encoder.value_iteration and self.distance_weight:
            distance = distance_loss(encoding, batch)
            terms |= {"loss": terms["loss"] + self.distance_weight * distance, "distance": distance.detach()}
        return terms

    def _disturb(self, keypoints: Tensor, generator: torch.Generator) -> Tensor:
        device = keypoints.device
        size = self.keypoint_noise * torch.rand(len(keypoints), 1, 1, generator=generator, device=device)
        noise = size * torch.randn(keypoints.shape, generator=generator, device=device)
        noise[:, [0, -1]] = 0.0
        return keypoints + noise


def resample(x_0: Float[Tensor, "batch horizon dim"], horizon: int) -> Float[Tensor, "batch steps dim"]:
    """The same ways at another number of equal steps of time, interpolated linearly; velocities follow anew.

    Args:
        x_0: trajectories.
        horizon: steps of the result.
    """
    positions = functional.interpolate(
        x_0[..., :2].transpose(1, 2), size=horizon, mode="linear", align_corners=True
    ).transpose(1, 2)
    return positions if x_0.shape[-1] == 2 else with_velocity(positions)


def distance_loss(encoding: MazeEncoding, batch: ParticleBatch) -> Float[Tensor, ""]:
    """Smooth L1 error of the encoder's distances against exact shortest paths, over reachable cells.

    Raises:
        ValueError: if the batch was made without `geodesic` distances.
    """
    if batch.geodesic is None:
        raise ValueError("batch must hold geodesic distances for the auxiliary loss, found none")
    reached = batch.geodesic < _FAR
    target = torch.where(reached, batch.geodesic, 0.0)
    error = functional.smooth_l1_loss(encoding.distances, target, reduction="none", beta=0.5)
    return (error * reached).sum() / reached.sum().clamp(min=1)


def _uniform(generator: torch.Generator) -> float:
    return float(torch.rand((), generator=generator, device=generator.device))
