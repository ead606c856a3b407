"""A transformer that moves the points of a trajectory, block by block.

Notation: p_i is the running estimate of the trajectory after block i, c the context vector. Each block looks the map up
at p_i, mixes the tokens, and moves the points: p_{i+1} = p_i + gain · head_i(h). Blocks are pre-norm with adaptive
norms whose scale, shift and gate come from c (adaLN, Peebles & Xie 2023); heads start at zero, so that the first
estimate is the one given.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from anchordiff.nn.attention import CrossAttention, Rotation, SelfAttention
from anchordiff.nn.maze_encoder import MazeEncoding


@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """Sizes of a `RefinementTransformer`.

    Attributes:
        width: channels of a token.
        depth: blocks.
        heads: heads of the attention among tokens.
        expansion: hidden channels of the feed-forward network over `width`.
        causal: tokens see only themselves and earlier ones.
        activation_checkpointing: recompute activations in the backward pass, for memory.
    """

    width: int = 128
    depth: int = 4
    heads: int = 4
    expansion: int = 4
    causal: bool = False
    activation_checkpointing: bool = False


class _Block(nn.Module):
    def __init__(self, config: TransformerConfig, *, lookup_size: int, attention: tuple[int, int]) -> None:
        super().__init__()
        width = config.width
        channels, heads = attention
        self.to_look = nn.Linear(lookup_size, width)
        self.self_attention = SelfAttention(width, config.heads, causal=config.causal)
        self.cross_norm = nn.LayerNorm(width)
        self.cross_attention = CrossAttention(width, channels, heads) if channels else None
        self.feed_forward = nn.Sequential(
            nn.Linear(width, config.expansion * width),
            nn.GELU(),
            nn.Linear(config.expansion * width, width),
        )

    def forward(
        self, h: Tensor, look: Tensor, rotation: Rotation, modulation: Tensor, encoding: MazeEncoding
    ) -> Tensor:
        shift_a, scale_a, gate_a, shift_f, scale_f, gate_f = modulation.unsqueeze(-2).unbind(dim=1)
        h = h + self.to_look(look)
        attended = self.self_attention(torch.addcmul(shift_a, _norm(h), scale_a), rotation)
        h = torch.addcmul(h, gate_a, attended)
        if self.cross_attention is not None:
            h = h + self.cross_attention(self.cross_norm(h), encoding.keys, encoding.values)
        return torch.addcmul(h, gate_f, self.feed_forward(torch.addcmul(shift_f, _norm(h), scale_f)))


def _norm(h: Tensor) -> Tensor:
    return functional.layer_norm(h, h.shape[-1:])


class RefinementTransformer(nn.Module):
    """Refine an estimate of a trajectory, looking at the map where the estimate runs.

    Args:
        config: sizes.
        token_size: features of a token.
        lookup_size: features that `lookup` returns.
        attention: channels and heads of the encoding's keys; channels 0 for none.
        dim: state dimension.
    """

    def __init__(
        self,
        config: TransformerConfig,
        *,
        token_size: int,
        lookup_size: int,
        attention: tuple[int, int],
        dim: int,
    ) -> None:
        super().__init__()
        self.config = config
        self.to_tokens = nn.Linear(token_size, config.width)
        self.modulation = nn.Linear(config.width, config.depth * 6 * config.width)
        nn.init.normal_(self.modulation.weight, std=0.02)
        with torch.no_grad():
            bias = torch.zeros(config.depth, 6, config.width)
            bias[:, [2, 5]] = 0.5
            self.modulation.bias.copy_(bias.flatten())
        self.blocks = nn.ModuleList(
            _Block(config, lookup_size=lookup_size, attention=attention) for _ in range(config.depth)
        )
        self.heads = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, dim))
            for _ in range(config.depth)
        )
        for head in self.heads:
            nn.init.zeros_(head[1].weight)  # type: ignore[index]
            nn.init.zeros_(head[1].bias)  # type: ignore[index]

    def rotation(self, times: Float[Tensor, "batch tokens"]) -> Rotation:
        """Rotary embedding of the tokens' times in [0, 1], which all forward passes of a plan share."""
        return Rotation.of(times, head_dim=self.config.width // self.config.heads)

    def forward(
        self,
        tokens: Float[Tensor, "batch tokens features"],
        estimate: Float[Tensor, "batch tokens dim"],
        gain: Float[Tensor, "batch tokens #dim"],
        *,
        rotation: Rotation,
        context: Float[Tensor, "batch width"],
        lookup: Callable[[Tensor], Tensor],
        encoding: MazeEncoding,
    ) -> list[Float[Tensor, "batch tokens dim"]]:
        """Estimates after each block, the last one best.

        Args:
            tokens: features of each step.
            estimate: first estimate of the trajectory.
            gain: how far a block may move a point, in the estimate's units.
            rotation: of the tokens' times, from `rotation`.
            context: what holds for the whole trajectory.
            lookup: features of the map at an estimate.
            encoding: keys and values of the condition.
        """
        h = self.to_tokens(tokens)
        modulation = rearrange(
            self.modulation(functional.silu(context)), "b (depth six width) -> depth b six width",
            depth=self.config.depth, six=6,
        )  # fmt: skip
        # Scales are learned as differences from one.
        modulation = modulation + modulation.new_tensor([0, 1, 0, 0, 1, 0])[:, None]
        estimates = []
        for block, head, shifts in zip(self.blocks, self.heads, modulation, strict=True):
            look = lookup(estimate.detach())
            if self.config.activation_checkpointing and torch.is_grad_enabled():
                h = checkpoint(block, h, look, rotation, shifts, encoding, use_reentrant=False)
            else:
                h = block(h, look, rotation, shifts, encoding)
            estimate = estimate + gain * head(h)
            estimates.append(estimate)
        return estimates
