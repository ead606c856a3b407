"""What one call of the pipeline asks for, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from inspect import Parameter, signature
from numbers import Integral
from typing import Any, TypedDict, TypeVar, get_args, get_type_hints

import numpy as np
import torch
from jaxtyping import Float

from anchordiff import nn
from anchordiff.anchors import AnchorSet
from anchordiff.checks import check_choice, check_integer, check_type
from anchordiff.conditions import Condition
from anchordiff.horizons import AdaptiveHorizon
from anchordiff.masks import Even, MaskSampler, Spaced
from anchordiff.pipeline.config import PipelineConfig, SamplerName, make_sampler
from anchordiff.samplers import Sampler
from anchordiff.stages.config import Clamp, ClampDims
from anchordiff.stages.guidance import ClassifierFreeGuidance, Guidance
from anchordiff.tensors import check_tensor

Method = TypeVar("Method", bound=Callable[..., Any])
Value = TypeVar("Value")
StepCallback = Callable[[int, float, "torch.Tensor", "torch.Tensor"], None]


class StageOptions(TypedDict, total=False):
    """How the stages work in a call; see `TwoStagePipeline.generate`."""

    anchors: int | MaskSampler | AnchorSet | None
    sampler: SamplerName | Sampler | None
    steps: int | None
    level: int | None
    walk: bool
    clamp: Clamp | None
    clamp_dims: ClampDims | None


class GenerateOptions(StageOptions, total=False):
    """What a call of `TwoStagePipeline.generate` or `plan` can change; see there."""

    generator: torch.Generator | None
    horizon: int | None
    guidance: Sequence[Guidance] | None
    batch_size: int | None
    progress: bool
    callback: StepCallback | None


def spelled_out(method: Method) -> Method:
    """Show the names of `GenerateOptions` in a method's signature, for notebooks and `help`."""
    shown = signature(method)
    own = [p for p in shown.parameters.values() if p.kind is not Parameter.VAR_KEYWORD]
    options = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=False if hint is bool else None, annotation=hint)
        for name, hint in get_type_hints(GenerateOptions).items()
    ]
    setattr(method, "__signature__", shown.replace(parameters=[*own, *options]))  # noqa: B010
    return method


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What the networks of a pipeline allow: the device they are on, what conditions they read, stage 2's levels."""

    device: torch.device
    encoders: tuple[nn.Encoder[Any, Any], ...]
    num_levels: int


@dataclass(frozen=True, kw_only=True)
class Request:
    """A checked call.

    Attributes:
        anchors: one row a sample; or what gives each condition its own.
        sampler: the sampler of stage 1.
        level: where stage 2 starts.
        walk: whether it goes down from there level by level.
        clamp: what stage 2 may not move.
        clamp_dims: and in which entries of a state.
        guidance: what steers stage 1.
    """

    anchors: AnchorSet | AdaptiveHorizon
    sampler: Sampler
    level: int
    walk: bool
    clamp: Clamp
    clamp_dims: ClampDims
    guidance: tuple[Guidance, ...]


def check_request(
    condition: Condition,
    num_samples: int,
    options: GenerateOptions,
    *,
    config: PipelineConfig,
    limits: Limits,
) -> Request:
    """Fill in the config's defaults and check everything.

    Raises:
        ValueError: if anything is wrong; the message names the parameter, and the element where there is one.
        TypeError: if there is no such option.
    """
    if not isinstance(condition, Condition):
        wanted = limits.encoders[0].condition_type.__name__
        raise ValueError(f"condition must be a {wanted}, found {type(condition).__name__}")
    if condition.device != limits.device:
        raise ValueError(
            f"condition must be on the pipeline's device {limits.device}, found {condition.device}; "
            "move one of them with .to()"
        )
    if condition.legs() is not None:
        raise ValueError("condition must hold no way points here; generate and plan take them")
    check_integer("num_samples", num_samples)
    _check_types(options)
    adaptive = None
    if options.get("horizon") is None and options.get("anchors") is None:
        adaptive = config.adaptive
    usual = config.horizon if adaptive is None else config.longest_horizon
    horizon = _given(options.get("horizon"), usual)
    check_integer("horizon", horizon, least=2)
    for encoder in limits.encoders:
        encoder.check(condition, horizon=horizon)
    guidance = options.get("guidance")
    check_type("guidance", guidance, Sequence, type(None))
    guidance = tuple(guidance or ())
    for guide in guidance:
        if not isinstance(guide, Guidance):
            raise ValueError(f"guidance must hold Guidance, as CostGuidance(cost), found {guide!r}")
        if isinstance(guide, ClassifierFreeGuidance):
            condition.without_guided()  # refuses where there is nothing to leave out
    level = _given(options.get("level"), limits.num_levels)
    check_integer("level", level, most=limits.num_levels, most_is="the denoiser's num_levels")
    clamp = _given(options.get("clamp"), config.clamp)
    check_choice("clamp", clamp, get_args(Clamp))
    clamp_dims = _given(options.get("clamp_dims"), config.clamp_dims)
    check_choice("clamp_dims", clamp_dims, get_args(ClampDims))
    return Request(
        anchors=adaptive or _anchors(condition, num_samples, horizon, options, config),
        sampler=_sampler(options, config),
        level=level,
        walk=options.get("walk", False),
        clamp=clamp,
        clamp_dims=clamp_dims,
        guidance=guidance,
    )


def check_keypoints(
    keypoints: Float[torch.Tensor, "batch K dim"],
    anchors: AnchorSet,
    conditions: int,
    *,
    dim: int,
    device: torch.device,
) -> int:
    """Refuse keypoints that stage 2 cannot fill in between.

    Returns:
        How many there are for each condition.

    Raises:
        ValueError: if they do not fit anchors and conditions, lie elsewhere, or are not finite.
    """
    check_type("anchors", anchors, AnchorSet)
    check_tensor("keypoints", keypoints, "batch K dim")
    each, rest = divmod(len(keypoints), conditions)
    if rest or not each or keypoints.shape[1:] != (anchors.num_keypoints, dim):
        raise ValueError(
            f"keypoints must have the shape (a multiple of {conditions} conditions, "
            f"{anchors.num_keypoints} anchors, {dim} numbers of a state), found {tuple(keypoints.shape)}"
        )
    if keypoints.device != device:
        raise ValueError(f"keypoints must be on the pipeline's device {device}, found {keypoints.device}")
    if not bool(keypoints.isfinite().all()):
        place = (~keypoints.isfinite()).nonzero()[0].tolist()
        raise ValueError(f"keypoints must be finite, found NaN or infinity at {place}")
    return each


def _check_types(options: GenerateOptions) -> None:
    """Refuse options of other names and types than these."""
    for name in ("walk", "progress"):
        if not isinstance(flag := options.get(name, False), bool | np.bool_):
            raise ValueError(f"{name} must be True or False, found {flag!r}")
    if unknown := options.keys() - get_type_hints(GenerateOptions).keys():
        raise TypeError(f"options must be those of GenerateOptions, found {', '.join(sorted(unknown))}")
    generator, callback = options.get("generator"), options.get("callback")
    if generator is not None and not isinstance(generator, torch.Generator):
        raise ValueError(f"generator must be a torch.Generator, found {generator!r}")
    if callback is not None and not callable(callback):
        raise ValueError(f"callback must be a function, found {callback!r}")
    if (batch_size := options.get("batch_size")) is not None:
        check_integer("batch_size", batch_size)


def _given(value: Value | None, default: Value) -> Value:
    return default if value is None else value


def _sampler(options: GenerateOptions, config: PipelineConfig) -> Sampler:
    sampler, steps = options.get("sampler"), options.get("steps")
    names = get_args(SamplerName)
    if not (sampler is None or isinstance(sampler, Sampler) or sampler in names):
        raise ValueError(
            f"sampler must be a Sampler or one of {', '.join(map(repr, names))}, found {sampler!r}"
        )
    if not isinstance(sampler, Sampler):
        return make_sampler(_given(sampler, config.sampler), _given(steps, config.steps), config.spacing)
    if steps is not None and steps != sampler.steps:
        raise ValueError(f"steps must be left out where sampler has its own ({sampler.steps}), found {steps}")
    return sampler


def _anchors(
    condition: Condition,
    num_samples: int,
    horizon: int,
    options: GenerateOptions,
    config: PipelineConfig,
) -> AnchorSet:
    """One row a sample, on the condition's device."""
    anchors = options.get("anchors")
    if anchors is None:
        anchors = config.num_keypoints
        if config.adaptive is not None:
            anchors = Spaced(config.adaptive.spacing).count(horizon)
    total = len(condition) * num_samples
    device = condition.device
    if isinstance(anchors, AnchorSet):
        return _repeated(anchors, len(condition), num_samples, horizon).to(device)
    if isinstance(anchors, MaskSampler):
        mask = anchors.sample(total, horizon, generator=options.get("generator"))
        if mask.shape != (total, horizon) or mask.dtype != torch.bool:
            raise ValueError(
                f"anchors must give a boolean mask of shape ({total}, {horizon}), "
                f"found {mask.dtype} of shape {tuple(mask.shape)}"
            )
        if not bool(mask[:, 0].all() & mask[:, -1].all()):
            raise ValueError(
                f"anchors must keep the first and the last step, as Ends() + … does, found {anchors}"
            )
        return AnchorSet.from_mask(mask.to(device))
    name = "anchors" if options.get("anchors") is not None else "num_keypoints"
    if not isinstance(anchors, Integral):
        raise ValueError(
            f"anchors must be a number of even anchors, a MaskSampler or an AnchorSet, found {anchors!r}"
        )
    check_integer(name, anchors, least=2, most=horizon, most_is="horizon")
    even = even_anchors(anchors, horizon)
    steps = condition.known_steps(horizon)
    if steps is None:
        return even.repeat(total).to(device)
    return even.repeat(len(condition)).through(steps.cpu(), name=name).repeat(num_samples).to(device)


@lru_cache(maxsize=64)
def even_anchors(count: int, horizon: int) -> AnchorSet:
    """One row of even anchors, which a planner asks for again and again."""
    return AnchorSet.from_mask(Even(count).sample(1, horizon))


def _repeated(anchors: AnchorSet, conditions: int, num_samples: int, horizon: int) -> AnchorSet:
    if anchors.horizon != horizon:
        raise ValueError(f"anchors must have the horizon {horizon} of the call, found {anchors.horizon}")
    times = {1: conditions * num_samples, conditions: num_samples, conditions * num_samples: 1}
    if len(anchors) not in times:
        raise ValueError(
            "anchors must have one row, one a condition or one a sample "
            f"(1, {conditions} or {conditions * num_samples}), found {len(anchors)}"
        )
    return anchors.repeat(times[len(anchors)])
