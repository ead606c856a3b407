"""From a `VectorCondition` to what networks see of it."""

import math
from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from anchordiff.conditions import Condition
from anchordiff.domains.vector.condition import VectorCondition
from anchordiff.domains.vector.config import LOOK_OCTAVES, MARK_OCTAVES, VectorEncoderConfig
from anchordiff.nn.encoder import Encoder
from anchordiff.nn.fourier import fourier_features
from anchordiff.nn.frame import Frame
from anchordiff.nn.scene import Scene
from anchordiff.states import StateSpace


@final
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class VectorScene(Scene):
    """A `VectorCondition` as networks see it.

    `keys` and `values` are those of a token of its own that is always there, of the condition's tokens and of its
    context. Local features say where in the space of positions an estimate lies; the marks of a step, where its origin
    lies and what of it is known.

    Attributes:
        start: of the condition, zero where it is not given.
        goal: likewise.
        given: whether each element has a start and a goal.
        known: of the condition.
        is_known: likewise.
        states: what a state holds.
    """

    start: Float[Tensor, "batch dim"]
    goal: Float[Tensor, "batch dim"]
    given: Bool[Tensor, "batch ends dim"]
    known: Float[Tensor, "batch horizon dim"] | None
    is_known: Bool[Tensor, "batch horizon dim"] | None
    states: StateSpace

    def frame(self, times: Float[Tensor, "samples steps"], *, horizon: int) -> Frame:
        """Around what is given of the trajectory; see `Frame.known`."""
        batch, dim = self.start.shape
        if self.known is not None and self.known.shape[1] != horizon:
            raise ValueError(
                f"known must have the horizon {horizon} of the call, found {self.known.shape[1]}"
            )
        if self.known is None or self.is_known is None:
            values = self.start.new_zeros(batch, horizon, dim)
            mask = torch.zeros(batch, horizon, dim, dtype=torch.bool, device=values.device)
        else:
            values, mask = self.known.clone(), self.is_known.clone()
        for place, end in ((0, self.start), (horizon - 1, self.goal)):
            there = self.given[:, 0 if place == 0 else 1]
            values[:, place] = torch.where(there, end, values[:, place])
            mask[:, place] |= there
        copies = self.copies_in(len(times), "times")
        return Frame.known(
            values.repeat_interleave(copies, dim=0),
            mask.repeat_interleave(copies, dim=0),
            times,
            states=self.states,
        )

    def look(self, states: Float[Tensor, "samples steps dim"]) -> Float[Tensor, "samples steps features"]:
        """Where estimates lie in the space of positions."""
        return _place(states, self.states, octaves=LOOK_OCTAVES)

    def marks(self, frame: Frame) -> Float[Tensor, "samples steps features"]:
        """Where a step's origin lies, its spread, and which numbers are known."""
        place = _place(frame.origin, self.states, octaves=MARK_OCTAVES)
        return torch.cat([place, frame.spread, frame.is_known.to(place.dtype)], dim=-1)


@final
class VectorEncoder(Encoder[VectorCondition, VectorScene]):
    """Encode a `VectorCondition` into a `VectorScene`.

    Tokens are a set: they attend to each other without an order. What is not given is told apart from zeros by flags,
    and attention always has one learned token to fall back on.

    Raises:
        ValueError: if the states have other sizes than the config.
    """

    condition_type = VectorCondition

    def __init__(self, config: VectorEncoderConfig, states: StateSpace) -> None:
        super().__init__(config, states)
        for name in ("positions", "velocities"):
            if getattr(config, name) != getattr(states, name):
                raise ValueError(
                    f"encoder.{name} must be that of the states, {getattr(states, name)}, "
                    f"found {getattr(config, name)}"
                )
        self.sizes = config
        if config.context_size:
            self.read_context = nn.Sequential(
                nn.Linear(config.context_size, config.width), nn.SiLU(), nn.Linear(config.width, config.width)
            )
            self.sum_up = nn.Linear(config.width, config.context_channels)
        if config.token_size:
            self.read_token = nn.Sequential(
                nn.Linear(config.token_size, config.width), nn.SiLU(), nn.Linear(config.width, config.width)
            )
        if config.attention[0]:
            self.fallback = nn.Parameter(0.02 * torch.randn(1, 1, config.width))
            layer = nn.TransformerEncoderLayer(
                config.width, config.attention_heads, 2 * config.width, dropout=0.0, activation="gelu",
                batch_first=True, norm_first=True,
            )  # fmt: skip
            self.mix = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
            self.norm = nn.LayerNorm(config.width)
            self.to_keys_values = nn.Linear(config.width, 2 * config.attention_channels)

    def check(self, condition: Condition, *, horizon: int) -> None:
        """Refuse conditions whose sizes are not those that the networks were built for; see `Encoder.check`."""
        super().check(condition, horizon=horizon)
        assert isinstance(condition, VectorCondition)
        states, sizes = self.states, self.sizes
        for name in ("start", "goal"):
            value = getattr(condition, name)
            if value is not None and value.shape[1] not in (states.positions, states.dim):
                allowed = " or ".join(map(str, sorted({states.positions, states.dim})))
                raise ValueError(
                    f"{name} must have {allowed} numbers, as the weights, found {value.shape[1]}"
                )
        for name, size in (("context", sizes.context_size), ("tokens", sizes.token_size)):
            value = getattr(condition, name)
            found = 0 if value is None else value.shape[-1]
            if value is not None and found != size:
                told = f"{size} features, as the weights" if size else "left out: the weights read none"
                raise ValueError(
                    f"{name} must have {told}, found {found}" if size else f"{name} must be {told}"
                )
        if condition.known is not None and condition.known.shape[2] != states.dim:
            raise ValueError(
                f"known must have {states.dim} numbers a state, found {condition.known.shape[2]}"
            )
        condition.known_steps(horizon)

    def forward(self, condition: VectorCondition) -> VectorScene:
        """Encode each element of the batch."""
        batch, device, states = len(condition), condition.device, self.states
        start, has_start = self._end(condition, "start")
        goal, has_goal = self._end(condition, "goal")
        count = states.positions
        centre, scale = states.centres(start)[:count], states.scales(2, start)[:count]
        both = (has_start[:, :count] & has_goal[:, :count]).to(start.dtype)
        way = states.difference(goal[:, :count], start[:, :count]) / scale * both
        scalars = [
            states.wrap(start[:, :count] - centre) / scale * has_start[:, :count],
            states.wrap(goal[:, :count] - centre) / scale * has_goal[:, :count],
            way,
            has_start[:, :1].to(start.dtype),
            has_goal[:, :1].to(start.dtype),
            way.norm(dim=-1, keepdim=True),
        ]
        keys = values = start.new_zeros(batch, 0, 1, 0)
        visible = None
        if self.sizes.attention[0]:
            rows = [self.fallback.expand(batch, -1, -1)]
            seen = [torch.ones(batch, 1, dtype=torch.bool, device=device)]
            self._read_tokens(condition, rows, seen)
            summary = self._read_context(condition, rows, seen)
            scalars.extend(summary)
            visible = torch.cat(seen, dim=1)
            mixed = torch.cat(rows, dim=1)
            if self.sizes.layers:  # torch's encoder does not run without one
                mixed = self.mix(mixed, src_key_padding_mask=~visible)
            pair = self.to_keys_values(self.norm(mixed)).unflatten(-1, (2, self.sizes.attention_heads, -1))
            keys, values = pair.permute(2, 0, 3, 1, 4).unbind()
        # The weights' dtype also under autocast, so that a scene can be used outside it.
        dtype = start.dtype
        return VectorScene(
            keys=keys.to(dtype), values=values.to(dtype), scalars=torch.cat(scalars, dim=-1).to(dtype), visible=visible,
            start=start, goal=goal, given=torch.stack([has_start, has_goal], dim=1), known=condition.known,
            is_known=condition.is_known, states=states,
        )  # fmt: skip

    def _end(
        self, condition: VectorCondition, part: str
    ) -> tuple[Float[Tensor, "batch dim"], Bool[Tensor, "batch dim"]]:
        """An end as a whole state, and which of its numbers are given."""
        batch, dim, device = len(condition), self.states.dim, condition.device
        values = torch.zeros(batch, dim, dtype=torch.float32, device=device)
        given = torch.zeros(batch, dim, dtype=torch.bool, device=device)
        end, has = getattr(condition, part), condition.has(part)
        if end is not None and has is not None:
            width = end.shape[1]
            values[:, :width] = torch.where(has[:, None], end, 0.0)
            given[:, :width] = has[:, None]
        return values, given

    def _read_tokens(self, condition: VectorCondition, rows: list[Tensor], seen: list[Tensor]) -> None:
        if self.sizes.token_size and condition.tokens is not None:
            visible = condition.seen
            # Rows that are not there may hold anything.
            tokens = _normalised(condition.tokens, self.sizes.token_centre, self.sizes.token_scale)
            rows.append(self.read_token(torch.where(visible[..., None], tokens, 0.0)))
            seen.append(visible)

    def _read_context(
        self, condition: VectorCondition, rows: list[Tensor], seen: list[Tensor]
    ) -> list[Float[Tensor, "batch channels"]]:
        """The context as one more token, and summed up in a few numbers."""
        if not self.sizes.context_size:
            return []
        context, has = condition.context, condition.has("context")
        if context is None or has is None:
            return [
                torch.zeros(
                    len(condition), self.sizes.context_channels, dtype=torch.float32, device=condition.device
                )
            ]
        context = _normalised(context, self.sizes.context_centre, self.sizes.context_scale)
        read = self.read_context(torch.where(has[:, None], context, 0.0))
        rows.append(read[:, None])
        seen.append(has[:, None])
        return [torch.tanh(self.sum_up(read)) * has[:, None]]


def _normalised(values: Tensor, centre: tuple[float, ...], scale: tuple[float, ...]) -> Tensor:
    if centre:
        values = values - values.new_tensor(centre)
    return values / values.new_tensor(scale) if scale else values


def _place(
    x: Float[Tensor, "samples steps dim"], states: StateSpace, *, octaves: int
) -> Float[Tensor, "samples steps features"]:
    """Fourier features of positions: of angles their sines and cosines, of others those of normalised numbers."""
    count = states.positions
    positions = x[..., :count]
    normalised = (positions - states.centres(x)[:count]) / (2 * states.scales(2, x)[:count])
    if states.wraps:
        turns = states.is_angle(x.device)[:count]
        features = fourier_features(torch.where(turns, positions / math.pi, normalised), octaves=octaves)
        # The number itself jumps where the circle closes.
        plain = torch.where(turns, torch.zeros_like(normalised), normalised)
        return torch.cat([plain, features[..., count:]], dim=-1)
    return fourier_features(normalised, octaves=octaves)
