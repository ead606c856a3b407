"""What the two stages are trained on: batches of trajectories become losses here.

Each objective is a frozen record of its settings that is called as `objective(model, batch, draw)`, the form that
`anchordiff.training.train` takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import torch
from jaxtyping import Bool, Float

from anchordiff import stages
from anchordiff.anchors import AnchorSet
from anchordiff.checks import check_integer, check_number, check_rules
from anchordiff.conditions import Condition
from anchordiff.configs import exact
from anchordiff.data.batch import TrajectoryBatch
from anchordiff.masks import Ends, Even, Jittered, MaskSampler, Mixture, Nested, Random, Spaced
from anchordiff.nn.scene import Scene
from anchordiff.stages.config import InterpDenoiserConfig
from anchordiff.stages.loss import Term, add_terms
from anchordiff.training.draw import Draw


def training_masks(
    num_keypoints: int, *, even_share: float = 0.75, spacing: int | None = None
) -> MaskSampler:
    """The anchors that stages are trained on unless told otherwise: mostly even.

    The others are random between the ends, or with `spacing`, by which no gap gets wide, moved a little.

    Args:
        num_keypoints: anchors K.
        even_share: share of trajectories with even anchors.
        spacing: steps from one anchor to the next instead of K, for data of several horizons.

    Raises:
        ValueError: if `even_share` does not lie in [0, 1].
    """
    check_integer("num_keypoints", num_keypoints, least=2)
    check_number("even_share", even_share, least=0.0, most=1.0)
    if spacing is not None:
        even = Spaced(spacing)
        return Mixture([(even_share, even), (1 - even_share, Jittered(even, spacing // 2))])
    scattered = Ends() + Random(num_keypoints - 2)
    return Mixture([(even_share, Even(num_keypoints)), (1 - even_share, scattered)])


@final
@dataclass(frozen=True, kw_only=True)
@exact
class KeypointObjective:
    """Diffusion loss of stage 1, with the domain's terms.

    Attributes:
        repeats: noised copies of each trajectory; they share one scene.
        masks: draws each trajectory's anchors; `training_masks` of the model's number where there is none. Anchors move
            to steps that a condition gives a state of.
        terms: losses of the domain's own, by name.

    Raises:
        ValueError: if a value is out of its range.
    """

    repeats: int = 4
    masks: MaskSampler | None = None
    terms: Mapping[str, Term] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_rules(self, {"repeats": (self.repeats >= 1, "be at least 1")})

    def __call__(
        self, model: stages.KeypointDiffusion, batch: TrajectoryBatch, draw: Draw
    ) -> dict[str, torch.Tensor]:
        """Loss of one batch and its terms: `diffusion`, and those of the domain."""
        size, horizon = batch.trajectory.shape[:2]
        masks = self.masks or training_masks(model.config.num_keypoints, spacing=model.config.spacing)
        mask = masks.sample(size, horizon, generator=draw.generator)
        anchors = _through_known(AnchorSet.from_mask(mask), batch.condition)
        made = model.loss(
            anchors.gather(batch.trajectory),
            anchors,
            model.encode(batch.condition),
            generator=draw.generator,
            repeats=self.repeats,
            valid=None if batch.valid is None else batch.valid.gather(1, anchors.index),
        )
        made = add_terms(made, self.terms, batch)
        return {"loss": made.loss, **made.terms}


@final
@dataclass(frozen=True, kw_only=True)
class Corrupted:
    """What stage 2 is to undo.

    Attributes:
        trajectory: x_0, what it is to find.
        level: corruption level s, the same for the batch.
        anchors: M_s, the steps that are kept.
        truth: the states of x_0 at the anchors.
        keypoints: what x_s is interpolated from: `truth`, disturbed or replaced.
        valid: as in `TrajectoryBatch`.
        scene: what networks know of the conditions.
    """

    trajectory: Float[torch.Tensor, "batch horizon dim"]
    level: int
    anchors: AnchorSet
    truth: Float[torch.Tensor, "batch K dim"]
    keypoints: Float[torch.Tensor, "batch K dim"]
    valid: Bool[torch.Tensor, "batch horizon"] | None
    scene: Scene


@final
@dataclass(frozen=True, kw_only=True)
@exact
class DenoiserObjective:
    """Reconstruction loss of stage 2 over random corruption levels, with the domain's terms.

    Attributes:
        sparsest_share: share of steps at the sparsest level, the one that inference uses; the others share
            the rest.
        masks: draws each trajectory's sparsest anchors; `training_masks` of the model's number where there is none.
        keypoint_noise: largest standard deviation of noise on what is not known of keypoints, in units of the states,
            drawn anew for each trajectory, so that the network learns to correct stage 1.
        step_weight: weight of the error of the way from one step to the next, against jitter.
        horizons: of which one is drawn for each step, the trajectories resampled to it, so that the network knows
            other horizons than that of the data; where none is given, that of the data.
        terms: losses of the domain's own, by name.

    Raises:
        ValueError: if a value is out of its range.
    """

    sparsest_share: float = 0.6
    masks: MaskSampler | None = None
    keypoint_noise: float = 0.3
    step_weight: float = 0.0
    horizons: tuple[int, ...] = ()
    terms: Mapping[str, Term] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rules = {
            "sparsest_share": (0 <= self.sparsest_share <= 1, "lie in [0, 1]"),
            "keypoint_noise": (self.keypoint_noise >= 0, "not be negative"),
            "step_weight": (self.step_weight >= 0, "not be negative"),
            "horizons": (min(self.horizons, default=2) >= 2, "hold numbers of at least 2 steps"),
        }
        check_rules(self, rules)

    def __call__(
        self, model: stages.InterpDenoiser, batch: TrajectoryBatch, draw: Draw
    ) -> dict[str, torch.Tensor]:
        """Loss of one batch and its terms: `error`, `steps` if weighed, and those of the domain."""
        return self.score(model, batch, self.corrupt(model, batch, draw))

    def check(self, config: InterpDenoiserConfig) -> None:
        """Refuse a stage 2 that this objective cannot train, before any step is taken.

        Raises:
            ValueError: if a horizon has fewer steps than the sparsest level has anchors.
        """
        shortest = min(self.horizons, default=config.horizon)
        if shortest < config.num_keypoints:
            raise ValueError(
                f"horizons must be at least num_keypoints = {config.num_keypoints} steps, found {shortest}"
            )

    def corrupt(self, model: stages.InterpDenoiser, batch: TrajectoryBatch, draw: Draw) -> Corrupted:
        """Draw a level and anchors, and disturb the keypoints there.

        Raises:
            ValueError: if padded trajectories are to be resampled, or a horizon is too short for the anchors.
        """
        self.check(model.config)
        config, states, generator = model.config, model.config.states, draw.generator
        x_0 = batch.trajectory
        if self.horizons:
            if batch.valid is not None:
                raise ValueError(
                    "horizons must be left out for padded trajectories, whose steps cannot be resampled"
                )
            x_0 = states.resample(x_0, self.horizons[int(draw.uniform() * len(self.horizons))])
        size, horizon = x_0.shape[:2]
        level = config.num_levels
        if config.num_levels > 1 and draw.uniform() >= self.sparsest_share:
            level = 1 + int(draw.uniform() * (config.num_levels - 1))
        base = self.masks or training_masks(config.num_keypoints, spacing=config.spacing)
        masks = Nested(base, config.num_levels, config.growth).sample(size, horizon, generator=generator)
        anchors = _through_known(AnchorSet.from_mask(masks[:, level]), batch.condition)
        truth = anchors.gather(x_0)
        scene = model.encode(batch.condition)
        device = truth.device
        scatter = self.keypoint_noise * torch.rand(
            size, 1, 1, generator=generator, dtype=torch.float32, device=device
        )
        noise = scatter * torch.randn(truth.shape, generator=generator, dtype=torch.float32, device=device)
        frame = scene.frame(anchors.times, horizon=horizon)
        # What is known is not disturbed, and stays the data's own.
        keypoints = torch.where(frame.is_known, truth, states.wrap(truth + noise * states.units(noise)))
        return Corrupted(
            trajectory=x_0, level=level, anchors=anchors, truth=truth, keypoints=keypoints, valid=batch.valid,
            scene=scene,
        )  # fmt: skip

    def score(
        self, model: stages.InterpDenoiser, batch: TrajectoryBatch, corrupted: Corrupted
    ) -> dict[str, torch.Tensor]:
        """The loss of what stage 2 makes of corrupted trajectories.

        Args:
            model: stage 2.
            batch: what was corrupted.
            corrupted: by `corrupt`.
        """
        x_s = model.config.states.fill_in(corrupted.keypoints, corrupted.anchors)
        made = model.loss(
            corrupted.trajectory,
            x_s,
            torch.full((len(x_s),), corrupted.level, device=x_s.device),
            corrupted.anchors,
            corrupted.scene,
            step_weight=self.step_weight,
            valid=corrupted.valid,
        )
        made = add_terms(made, self.terms, batch)
        return {"loss": made.loss, **made.terms}


def _through_known(anchors: AnchorSet, condition: Condition) -> AnchorSet:
    steps = condition.known_steps(anchors.horizon)
    return anchors if steps is None else anchors.through(steps)
