"""What a `VectorEncoder` is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, final

from anchordiff.checks import check_rules
from anchordiff.configs import exact
from anchordiff.domains import vector
from anchordiff.nn.config import EncoderConfig
from anchordiff.nn.fourier import fourier_size
from anchordiff.states import StateSpace

LOOK_OCTAVES: Final = 3
MARK_OCTAVES: Final = 1


@final
@dataclass(frozen=True, kw_only=True)
@exact
class VectorEncoderConfig(EncoderConfig):
    """Sizes of a `VectorEncoder`.

    Attributes:
        domain: tells a saved config apart.
        positions: of the states, for which features are made.
        velocities: whether states hold velocities.
        context_size: features of the context; 0 where there is none.
        token_size: features of a token; 0 where there are none.
        context_centre: what is taken from each feature of the context before it is scaled; nothing if empty.
        context_scale: by which it is divided then; 1 if empty.
        token_centre: likewise of a token.
        token_scale: likewise.
        width: channels of a token's features.
        layers: layers of self-attention among tokens.
        context_channels: numbers that the context is summed up in.
        attention_channels: channels of keys and values over all heads.
        attention_heads: heads of the attention to tokens.

    Raises:
        ValueError: if a size is out of its range.
    """

    domain: Literal["vector"] = "vector"
    positions: int = 2
    velocities: bool = False
    context_size: int = 0
    token_size: int = 0
    context_centre: tuple[float, ...] = ()
    context_scale: tuple[float, ...] = ()
    token_centre: tuple[float, ...] = ()
    token_scale: tuple[float, ...] = ()
    width: int = 128
    layers: int = 1
    context_channels: int = 16
    attention_channels: int = 128
    attention_heads: int = 4

    def __post_init__(self) -> None:
        rules = {
            "positions": (self.positions >= 1, "be at least 1"),
            "context_size": (self.context_size >= 0, "not be negative"),
            "token_size": (self.token_size >= 0, "not be negative"),
            "layers": (self.layers >= 0, "not be negative"),
            "context_channels": (self.context_channels >= 1, "be at least 1"),
            "attention_heads": (self.attention_heads >= 1, "be at least 1"),
        }
        check_rules(self, rules)
        for name in ("context", "token"):
            for part in ("centre", "scale"):
                found, size = len(getattr(self, f"{name}_{part}")), getattr(self, f"{name}_size")
                if found not in (0, size):
                    raise ValueError(f"{name}_{part} must be empty or {size} numbers, found {found}")
        for name in ("width", "attention_channels"):
            value = getattr(self, name)
            if value < 1 or value % self.attention_heads:
                raise ValueError(
                    f"{name} must be a positive multiple of attention_heads = {self.attention_heads}, found {value}"
                )

    @property
    def dim(self) -> int:
        """Numbers of a state."""
        return self.positions * (2 if self.velocities else 1)

    @property
    def scalar_size(self) -> int:
        """Start, goal and the way between them, whether each is given, and the context summed up."""
        return 3 * self.positions + 3 + (self.context_channels if self.context_size else 0)

    @property
    def look_size(self) -> int:
        """Where in the space of positions an estimate lies."""
        return fourier_size(self.positions, octaves=LOOK_OCTAVES)

    @property
    def mark_size(self) -> int:
        """Where a step's origin lies, its spread, and which numbers are known."""
        return fourier_size(self.positions, octaves=MARK_OCTAVES) + 2 * self.dim

    @property
    def attention(self) -> tuple[int, int]:
        """Channels and heads of the attention to tokens and context."""
        reads = self.token_size or self.context_size
        return (self.attention_channels if reads else 0), self.attention_heads

    def build(self, states: StateSpace) -> vector.VectorEncoder:
        """An encoder of these sizes.

        Raises:
            ValueError: if the states have other sizes.
        """
        return vector.VectorEncoder(self, states)
