"""A way in legs: whole states that are known between its ends divide it, and each leg is generated on its own.

Where a known state says all that later steps hang on, the distribution of a trajectory is the product of those of its
legs: p(x_0 … x_n | x_i) = p(x_0 … x_i) p(x_i … x_n). So networks that know two ends alone go through any number of way
points, each leg as they were trained, and meet them exactly.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from anchordiff.anchors import AnchorSet
from anchordiff.checks import check_integer
from anchordiff.conditions import Legs
from anchordiff.masks import Spaced
from anchordiff.pipeline.config import PipelineConfig
from anchordiff.pipeline.records import Generation, hold
from anchordiff.pipeline.request import GenerateOptions
from anchordiff.states import StateSpace


def generate_legs(
    generate: Callable[..., Generation],
    legs: Legs,
    num_samples: int,
    options: GenerateOptions,
    *,
    config: PipelineConfig,
    states: StateSpace,
    return_trace: bool,
) -> Generation:
    """Generate all legs, and join them.

    A leg has the pipeline's own horizon (each its own where that adapts), and the whole as many steps as they have
    together; or, where the call has a horizon or the way points have steps, the steps between.

    Args:
        generate: of the pipeline.
        legs: what is to be generated.
        num_samples: trajectories a condition.
        options: of the call.
        config: of the pipeline.
        states: what a state holds.
        return_trace: of the call.

    Raises:
        ValueError: if the call asks for anchors or a trace, or the steps of way points do not fit its horizon.
    """
    if options.get("anchors") is not None:
        raise ValueError("anchors must be left out with way points, whose legs have their own")
    if return_trace:
        raise ValueError("return_trace must be left out with way points, whose legs have one each")
    horizon = options.get("horizon")
    if horizon is None and legs.steps is None:
        made = generate(legs.conditions, num_samples=num_samples, **options)
        rows = torch.arange(len(made)).view(-1, legs.count, num_samples)
        parts = [made[rows[:, leg].flatten()] for leg in range(legs.count)]
    else:
        spacing = (config.horizon - 1) // (config.num_keypoints - 1)
        if config.adaptive is not None:
            spacing = config.adaptive.spacing
        parts = []
        for leg, steps in enumerate(_steps_between(legs, config.horizon if horizon is None else horizon)):
            own: dict[str, Any] = {**options, "horizon": steps, "anchors": Spaced(spacing).count(steps)}
            parts.append(generate(legs.conditions[leg :: legs.count], num_samples=num_samples, **own))
    return _joined(parts) if parts[0].lengths is None else _joined_unequal(parts, states.positions)


def _steps_between(legs: Legs, horizon: int) -> list[int]:
    """The horizon of each leg, both ends counted."""
    check_integer("horizon", horizon, least=legs.count + 1)
    steps = legs.steps
    if steps is None:
        steps = tuple(round(leg * (horizon - 1) / legs.count) for leg in range(1, legs.count))
    whole = (0, *steps, horizon - 1)
    if any(before >= after for before, after in pairwise(whole)):
        raise ValueError(f"way_steps must increase strictly within 1 ... {horizon - 2}, found {steps}")
    return [after - before + 1 for before, after in pairwise(whole)]


def _joined(parts: Sequence[Generation]) -> Generation:
    """Legs that are as long for all conditions."""
    first, *others = parts
    offset, index = first.anchors.horizon - 1, [first.anchors.index]
    for part in others:
        index.append(part.anchors.index[:, 1:] + offset)
        offset += part.anchors.horizon - 1

    def join(name: str) -> Tensor:
        # Where one leg ends the next begins: its first state has the velocity from there on.
        return torch.cat(
            [*(getattr(part, name)[:, :-1] for part in parts[:-1]), getattr(parts[-1], name)], dim=1
        )

    return Generation(
        trajectory=join("trajectory"),
        coarse=join("coarse"),
        keypoints=join("keypoints"),
        anchors=AnchorSet(torch.cat(index, dim=1), horizon=offset + 1),
    )


def _joined_unequal(parts: Sequence[Generation], positions: int) -> Generation:
    """Legs with horizons of their own; a trajectory that arrives early stays."""
    spacing = int(parts[0].anchors.gaps[0, 0])
    steps = torch.stack([_lengths(part) for part in parts]) - 1
    totals = steps.sum(dim=0) + 1
    longest = int(totals.max())
    ends = torch.cat([torch.zeros_like(steps[:1]), steps.cumsum(dim=0)])

    def join(name: str, each: int) -> Tensor:
        """Of states every `each` steps."""
        last = getattr(parts[-1], name)
        whole = hold(last[:, -1:], (longest - 1) // each, positions).clone()
        for leg, part in enumerate(parts):
            states = getattr(part, name)
            for row, (begin, end) in enumerate(zip(ends[leg].tolist(), ends[leg + 1].tolist(), strict=True)):
                whole[row, begin // each : end // each + 1] = states[row, : (end - begin) // each + 1]
        return whole

    mask = Spaced(spacing).sample(1, longest).to(totals.device)
    return Generation(
        trajectory=join("trajectory", 1),
        coarse=join("coarse", 1),
        keypoints=join("keypoints", spacing),
        anchors=AnchorSet.from_mask(mask).repeat(len(totals)),
        lengths=totals,
    )


def _lengths(part: Generation) -> Tensor:
    assert part.lengths is not None
    return part.lengths
