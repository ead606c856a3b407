"""From a `TextCondition` to what networks see of it."""

from dataclasses import dataclass
from typing import final

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from anchordiff.conditions import Condition
from anchordiff.domains.video.condition import TextCondition
from anchordiff.domains.video.config import VideoEncoderConfig
from anchordiff.nn.encoder import Encoder
from anchordiff.nn.frame import Frame
from anchordiff.nn.scene import Scene
from anchordiff.states import StateSpace


@final
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class VideoScene(Scene):
    """A `TextCondition` as networks see it.

    `keys` and `values` are those of a token of its own that is always there, and of the sentence's; `scalars` sum the
    sentence up. The marks of a step say how much of it is known.

    Attributes:
        known: of the condition.
        is_known: likewise.
        states: what a state holds.
    """

    known: Float[Tensor, "batch horizon dim"] | None
    is_known: Bool[Tensor, "batch horizon dim"] | None
    states: StateSpace

    def frame(self, times: Float[Tensor, "samples steps"], *, horizon: int) -> Frame:
        """Around known frames, or the normaliser's centre where there are none; see `Frame`."""
        if self.known is None or self.is_known is None:
            centre = self.states.centres(times)[None, None]
            return Frame.around(centre, times, states=self.states, horizon=horizon)
        if self.known.shape[1] != horizon:
            raise ValueError(
                f"known must have the horizon {horizon} of the call, found {self.known.shape[1]}"
            )
        copies = self.copies_in(len(times), "times")
        known, is_known = (part.repeat_interleave(copies, dim=0) for part in (self.known, self.is_known))
        return Frame.known(known, is_known, times, states=self.states)

    def marks(self, frame: Frame) -> Float[Tensor, "samples steps 2"]:
        """Of each step how much is known, and how far the prior lets it be from its origin."""
        known = frame.is_known.to(frame.spread.dtype)
        return torch.stack([known.mean(dim=-1), frame.spread.mean(dim=-1)], dim=-1)


@final
class VideoEncoder(Encoder[TextCondition, VideoScene]):
    """Encode a `TextCondition` into a `VideoScene`."""

    condition_type = TextCondition

    def __init__(self, config: VideoEncoderConfig, states: StateSpace) -> None:
        super().__init__(config, states)
        self.sizes = config
        width = config.width
        self.read_token = nn.Linear(config.token_size, width)
        self.read_pooled = nn.Sequential(
            nn.Linear(config.token_size, width), nn.SiLU(), nn.Linear(width, width)
        )
        self.sum_up = nn.Linear(width, config.context_channels)
        self.fallback = nn.Parameter(0.02 * torch.randn(1, 1, width))
        layer = nn.TransformerEncoderLayer(
            width,
            config.attention_heads,
            2 * width,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        self.mix = nn.TransformerEncoder(layer, config.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.to_keys_values = nn.Linear(width, 2 * config.attention_channels)

    def check(self, condition: Condition, *, horizon: int) -> None:
        """Refuse texts of another model, and clips of other states; see `Encoder.check`."""
        super().check(condition, horizon=horizon)
        assert isinstance(condition, TextCondition)
        for name in ("tokens", "pooled"):
            found = getattr(condition, name).shape[-1]
            if found != self.sizes.token_size:
                raise ValueError(
                    f"{name} must have {self.sizes.token_size} features, as the weights, found {found}"
                )
        if condition.known is not None and condition.known.shape[2] != self.states.dim:
            raise ValueError(
                f"known must have {self.states.dim} numbers a frame, found {condition.known.shape[2]}"
            )
        condition.known_steps(horizon)

    def forward(self, condition: TextCondition) -> VideoScene:
        """Encode each element of the batch."""
        batch, dtype = len(condition), self.fallback.dtype
        given = condition.given
        if given is None:
            given = torch.ones(batch, dtype=torch.bool, device=condition.device)
        seen = condition.visible & given[:, None]
        # Places that are not there may hold anything.
        tokens = self.read_token(torch.where(seen[..., None], condition.tokens.to(dtype), 0.0))
        rows = torch.cat([self.fallback.expand(batch, -1, -1), tokens], dim=1)
        visible = torch.cat([torch.ones_like(seen[:, :1]), seen], dim=1)
        if self.sizes.layers:  # torch's encoder does not run without one
            rows = self.mix(rows, src_key_padding_mask=~visible)
        pair = self.to_keys_values(self.norm(rows)).unflatten(-1, (2, self.sizes.attention_heads, -1))
        keys, values = pair.permute(2, 0, 3, 1, 4).unbind()
        told = given[:, None].to(dtype)
        read = self.read_pooled(torch.where(given[:, None], condition.pooled.to(dtype), 0.0))
        scalars = torch.cat([torch.tanh(self.sum_up(read)) * told, told], dim=-1)
        # The weights' dtype also under autocast, so that a scene can be used outside it.
        return VideoScene(
            keys=keys.to(dtype), values=values.to(dtype), scalars=scalars.to(dtype), visible=visible,
            known=condition.known, is_known=condition.is_known, states=self.states,
        )  # fmt: skip
