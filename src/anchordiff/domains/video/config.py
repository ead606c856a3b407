"""What a `VideoEncoder` is made of, and the models that texts and frames are told by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, final

from anchordiff.checks import check_rules
from anchordiff.configs import exact
from anchordiff.domains import video
from anchordiff.nn.config import EncoderConfig
from anchordiff.states import StateSpace

DEFAULT_CODEC: Final = "stabilityai/sd-vae-ft-mse"
"""The autoencoder of DiDeMo's frames unless another is named."""

DEFAULT_TEXT: Final = "openai/clip-vit-base-patch32"
"""The text model of DiDeMo's sentences unless another is named."""


@final
@dataclass(frozen=True, kw_only=True)
@exact
class VideoEncoderConfig(EncoderConfig):
    """Sizes of a `VideoEncoder`.

    Attributes:
        domain: tells a saved config apart.
        token_size: features of a text's tokens, and of its pooled vector.
        width: channels of a token's features.
        layers: layers of self-attention among a text's tokens.
        context_channels: numbers that the pooled vector is summed up in, for adaptive norms.
        attention_channels: channels of keys and values over all heads.
        attention_heads: heads of the attention to a text.
        text: model that made the texts' features.
        codec: what made the latents.

    Raises:
        ValueError: if a size is out of its range.
    """

    domain: Literal["video"] = "video"
    token_size: int = 512
    width: int = 128
    layers: int = 1
    context_channels: int = 32
    attention_channels: int = 128
    attention_heads: int = 4
    text: str = ""
    codec: str = ""

    def __post_init__(self) -> None:
        rules = {
            "token_size": (self.token_size >= 1, "be at least 1"),
            "layers": (self.layers >= 0, "not be negative"),
            "context_channels": (self.context_channels >= 1, "be at least 1"),
            "attention_heads": (self.attention_heads >= 1, "be at least 1"),
        }
        check_rules(self, rules)
        for name in ("width", "attention_channels"):
            value = getattr(self, name)
            if value < 1 or value % self.attention_heads:
                raise ValueError(
                    f"{name} must be a positive multiple of attention_heads = {self.attention_heads}, found {value}"
                )

    @property
    def scalar_size(self) -> int:
        """The pooled vector summed up, and whether there is a text."""
        return self.context_channels + 1

    @property
    def mark_size(self) -> int:
        """How much of a step is known, and how far the prior lets it be from its origin."""
        return 2

    @property
    def attention(self) -> tuple[int, int]:
        """Channels and heads of the attention to a text's tokens."""
        return self.attention_channels, self.attention_heads

    def build(self, states: StateSpace) -> video.VideoEncoder:
        """An encoder of these sizes."""
        return video.VideoEncoder(self, states)
