"""What the two stages are made of.

No network is needed to say so: these are what a saved config.json holds, and what flags are made of.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, final, get_args

from anchordiff.checks import check_choice, check_rules
from anchordiff.configs import exact
from anchordiff.masks.nested import Growth
from anchordiff.nn.config import EncoderConfig, TransformerConfig
from anchordiff.samplers.prediction import Prediction
from anchordiff.schedules import ScheduleName
from anchordiff.states import StateSpace

Clamp = Literal["endpoints", "all_anchors", "none"]
"""What stage 2 may not move: the keypoints at both ends, all keypoints, or nothing. What the condition gives is held
too, but by `"none"`."""

ClampDims = Literal["position", "all"]
"""Which numbers of a keypoint the clamp holds: its position or the whole state."""

FREE: Final = (
    "horizon", "num_keypoints", "spacing", "num_levels", "growth", "transformer.causal",
    "transformer.activation_checkpointing",
)  # fmt: skip
"""What may differ between a model and its first weights, since no weight's shape or name hangs on it."""


@final
@dataclass(frozen=True, kw_only=True)
@exact
class KeypointDiffusionConfig:
    """What a `KeypointDiffusion` is made of.

    Attributes:
        encoder: sizes of the encoder, which says what conditions it is for.
        states: what a state holds.
        horizon: steps of the trajectories that it is trained on.
        num_keypoints: anchors K that it is trained on.
        spacing: steps from one even anchor to the next, for data of several horizons, of which each has its own K; none
            where all trajectories have `num_keypoints`.
        schedule: noise schedule by name.
        prediction: what the network's raw output stands for; "eps" needs the schedule "linear_beta".
        transformer: sizes of the transformer over keypoints.

    Raises:
        ValueError: if a value is out of its range.
    """

    encoder: EncoderConfig
    states: StateSpace = field(default_factory=StateSpace)
    horizon: int = 64
    num_keypoints: int = 8
    spacing: int | None = None
    schedule: ScheduleName = "rectified"
    prediction: Prediction = "x0"
    transformer: TransformerConfig = field(default_factory=TransformerConfig)

    def __post_init__(self) -> None:
        rules = {
            "horizon": (self.horizon >= 2, "be at least 2"),
            "num_keypoints": (2 <= self.num_keypoints <= self.horizon, "lie in 2 ... horizon"),
            "spacing": (self.spacing is None or self.spacing >= 1, "be at least 1"),
        }
        check_rules(self, rules)
        _check_order(self.states, self.transformer)
        check_choice("schedule", self.schedule, get_args(ScheduleName))
        check_choice("prediction", self.prediction, get_args(Prediction))
        if self.prediction == "eps" and self.schedule != "linear_beta":
            raise ValueError(
                'prediction must be "x0" or "v" with a schedule that ends in pure noise, where noise tells nothing of '
                f'the data ("eps" needs "linear_beta"), found "eps" with {self.schedule!r}'
            )

    @staticmethod
    def upgrade(data: Mapping[str, Any]) -> dict[str, Any]:
        """A saved config of an earlier version, in this one's terms."""
        return _upgrade(data)


@final
@dataclass(frozen=True, kw_only=True)
@exact
class InterpDenoiserConfig:
    """What an `InterpDenoiser` is made of.

    Attributes:
        encoder: sizes of the encoder, which says what conditions it is for.
        states: what a state holds.
        horizon: steps of the trajectories that it is trained on.
        num_levels: corruption levels S; level 0 keeps every step, level S the fewest.
        num_keypoints: anchors K at level S.
        spacing: as of `KeypointDiffusionConfig`.
        growth: how the number of anchors grows from level S to level 0.
        transformer: sizes of the transformer over all steps; with `causal` a step's estimate depends on x_s at that and
            earlier steps alone, beside the condition, the level and where anchors are.

    Raises:
        ValueError: if a value is out of its range.
    """

    encoder: EncoderConfig
    states: StateSpace = field(default_factory=StateSpace)
    horizon: int = 64
    num_levels: int = 3
    num_keypoints: int = 8
    spacing: int | None = None
    growth: Growth = "doubling"
    transformer: TransformerConfig = field(
        default_factory=lambda: TransformerConfig(width=96, cross_attention=False)
    )

    def __post_init__(self) -> None:
        rules = {
            "horizon": (self.horizon >= 2, "be at least 2"),
            "num_levels": (1 <= self.num_levels <= self.horizon, "lie in 1 ... horizon"),
            "num_keypoints": (2 <= self.num_keypoints <= self.horizon, "lie in 2 ... horizon"),
            "spacing": (self.spacing is None or self.spacing >= 1, "be at least 1"),
        }
        check_rules(self, rules)
        _check_order(self.states, self.transformer)
        check_choice("growth", self.growth, get_args(Growth))

    @staticmethod
    def upgrade(data: Mapping[str, Any]) -> dict[str, Any]:
        """A saved config of an earlier version, in this one's terms."""
        return _upgrade(data)


def _check_order(states: StateSpace, transformer: TransformerConfig) -> None:
    if transformer.causal and states.num_tokens > 1 and transformer.attention == "full":
        raise ValueError(
            'transformer.attention must be "factorised" for a causal network of patches, whose tokens have no order '
            'within a step, found "full"'
        )


def _upgrade(data: Mapping[str, Any]) -> dict[str, Any]:
    """The config of a stage that 0.1 saved: positions on a plane, with or without velocities; K by another name."""
    new = dict(data)
    if "states" not in new and "dim" in new:
        dim = new.pop("dim")
        if dim not in (2, 4):
            raise ValueError(f"dim must be 2 or 4, found {dim!r}")
        states = {"positions": 2, "velocities": dim == 4}
        new["states"] = states | ({"scale": new.pop("scale")} if "scale" in new else {})
    if "num_anchors" in new and "num_keypoints" not in new:
        new["num_keypoints"] = new.pop("num_anchors")
    return new
