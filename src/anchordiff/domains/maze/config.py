"""What a `MazeEncoder` is made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, final

from anchordiff.checks import check_rules
from anchordiff.configs import exact
from anchordiff.domains import maze
from anchordiff.nn.config import EncoderConfig
from anchordiff.nn.fourier import fourier_size
from anchordiff.states import StateSpace

OFFSET_OCTAVES: Final = 2


@final
@dataclass(frozen=True, kw_only=True)
@exact
class MazeEncoderConfig(EncoderConfig):
    """Sizes of a `MazeEncoder`.

    Attributes:
        domain: tells a saved config apart.
        map_channels: channels of the convolutions.
        convolution_blocks: residual blocks of two 3 × 3 convolutions after the first convolution.
        value_iteration: plan over the grid by value iteration with learned step costs.
        farthest: distance of cells that no step reaches, in cells: longer ways are not told apart.
        log_distances: tell distances by their logarithms, for ways of hundreds of cells, and the way's length to the
            whole trajectory; without it they are squashed at 10 to 20 cells.
        plan_blocks: residual blocks of two 3 × 3 convolutions over cells with what value iteration found, so that a
            cell knows which way the plan leads.
        cell_channels: channels of a cell's features.
        attention_channels: channels of keys and values over all heads; 0 leaves attention to cells out.
        attention_heads: heads of the attention to cells.

    Raises:
        ValueError: if a size is out of its range, or `attention_channels` is no multiple of `attention_heads`.
    """

    domain: Literal["maze"] = "maze"
    map_channels: int = 32
    convolution_blocks: int = 2
    value_iteration: bool = True
    farthest: float = 200.0
    log_distances: bool = False
    plan_blocks: int = 0
    cell_channels: int = 64
    attention_channels: int = 64
    attention_heads: int = 4

    def __post_init__(self) -> None:
        rules = {
            "map_channels": (self.map_channels >= 1, "be at least 1"),
            "convolution_blocks": (self.convolution_blocks >= 0, "not be negative"),
            "farthest": (1 < self.farthest < math.inf, "be above 1 and finite"),
            "plan_blocks": (self.plan_blocks >= 0, "not be negative"),
            "cell_channels": (self.cell_channels >= 1, "be at least 1"),
            "attention_heads": (self.attention_heads >= 1, "be at least 1"),
        }
        check_rules(self, rules)
        if self.attention_channels < 0 or self.attention_channels % self.attention_heads:
            raise ValueError(
                f"attention_channels must be a multiple of attention_heads = {self.attention_heads}, or 0, "
                f"found {self.attention_channels}"
            )

    @property
    def scalar_size(self) -> int:
        """The way from start to goal as the crow flies, and its length; and how long the plan is."""
        return 3 + self.tells_length

    @property
    def tells_length(self) -> bool:
        """Whether the whole trajectory is told how long the plan is."""
        return self.log_distances and self.value_iteration

    @property
    def look_size(self) -> int:
        """Features of a cell, and where in it a position lies."""
        return self.cell_channels + fourier_size(2, octaves=OFFSET_OCTAVES)

    @property
    def attention(self) -> tuple[int, int]:
        """Channels and heads of the attention to cells."""
        return self.attention_channels, self.attention_heads

    def build(self, states: StateSpace) -> maze.MazeEncoder:
        """An encoder of these sizes.

        Raises:
            ValueError: if positions are not (x, y).
        """
        return maze.MazeEncoder(self, states)
