"""What a pipeline does where a call says nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from anchordiff.checks import check_choice, check_integer
from anchordiff.configs import exact
from anchordiff.horizons import AdaptiveHorizon
from anchordiff.samplers import DDIMSampler, DDPMSampler, FlowSampler, Sampler, Spacing
from anchordiff.stages.config import Clamp, ClampDims

SamplerName = Literal["flow", "heun", "ddim", "ddpm"]


@dataclass(frozen=True, kw_only=True)
@exact
class PipelineConfig:
    """Defaults of `TwoStagePipeline.generate`; each can be changed in a call.

    Attributes:
        horizon: steps of a trajectory.
        num_keypoints: anchors K, evenly spaced.
        adaptive: gives each condition a horizon and a number of anchors by the length of its way, as the encoder
            estimates it, where a call asks for neither; `horizon` and `num_keypoints` do not count then.
        steps: steps of the sampler.
        sampler: "flow" (Euler), "heun", "ddim" (deterministic) or "ddpm" (ancestral).
        spacing: how the sampler's times lie between noise and data: "linear", "quadratic" (dense near the
            data) or "sqrt" (dense near the noise).
        clamp: what stage 2 may not move: "endpoints", "all_anchors" or "none".
        clamp_dims: whether the clamp holds the "position" or "all" of the state.
        shared_encoder: whether stage 2 sees the scenes of stage 1's encoder, and its own is not used, so that a
            condition is encoded once. For stages of which the second was trained on the first one's encoder.
    """

    horizon: int = 64
    num_keypoints: int = 8
    adaptive: AdaptiveHorizon | None = None
    steps: int = 8
    sampler: SamplerName = "flow"
    spacing: Spacing = "linear"
    clamp: Clamp = "endpoints"
    clamp_dims: ClampDims = "position"
    shared_encoder: bool = False

    def __post_init__(self) -> None:
        check_integer("horizon", self.horizon, least=2)
        check_integer("num_keypoints", self.num_keypoints, least=2, most=self.horizon, most_is="horizon")
        check_integer("steps", self.steps)
        check_choice("sampler", self.sampler, get_args(SamplerName))
        check_choice("spacing", self.spacing, get_args(Spacing))
        check_choice("clamp", self.clamp, get_args(Clamp))
        check_choice("clamp_dims", self.clamp_dims, get_args(ClampDims))

    @property
    def longest_horizon(self) -> int:
        """The most steps that a trajectory gets."""
        adaptive = self.adaptive
        return self.horizon if adaptive is None else adaptive.horizon(adaptive.most)

    @staticmethod
    def upgrade(data: Mapping[str, Any]) -> dict[str, Any]:
        """A saved config of an earlier version, in this one's terms."""
        return {"num_keypoints" if name == "num_anchors" else name: value for name, value in data.items()}


def make_sampler(name: SamplerName, steps: int, spacing: Spacing) -> Sampler:
    """The sampler that a config means.

    Raises:
        ValueError: if the name is unknown or `steps` is below 1.
    """
    check_choice("sampler", name, get_args(SamplerName))
    check_integer("steps", steps)
    if name == "ddim":
        return DDIMSampler(steps, spacing=spacing)
    if name == "ddpm":
        return DDPMSampler(steps, spacing=spacing)
    return FlowSampler(steps, spacing=spacing, method="heun" if name == "heun" else "euler")
