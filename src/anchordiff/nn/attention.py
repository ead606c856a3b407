"""Multi-head attention over the tokens of a trajectory and over the cells of a map."""

import math
from dataclasses import dataclass

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """Angles by which pairs of channels are rotated, so that attention sees time differences.

    Rotary embedding (Su et al. 2021) of continuous times in [0, 1]; frequencies run geometrically from half a
    turn to 64 turns over the whole trajectory, whatever its horizon.
    """

    cos: Float[Tensor, "batch 1 tokens pairs"]
    sin: Float[Tensor, "batch 1 tokens pairs"]

    @classmethod
    def of(cls, times: Float[Tensor, "batch tokens"], *, head_dim: int) -> "Rotation":
        """Angles of tokens at the given times."""
        exponents = torch.linspace(0.0, 1.0, head_dim // 2, device=times.device)
        angles = times.float()[:, None, :, None] * (math.pi * 128.0**exponents)
        return cls(cos=angles.cos(), sin=angles.sin())

    def __call__(
        self, x: Float[Tensor, "*stack batch heads tokens head_dim"]
    ) -> Float[Tensor, "*stack batch heads tokens head_dim"]:
        """Rotate queries or keys, or both in a stack."""
        first, second = x.chunk(2, dim=-1)
        cos, sin = self.cos.to(x.dtype), self.sin.to(x.dtype)
        return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


class SelfAttention(nn.Module):
    """Scaled-dot-product attention among the tokens of one trajectory.

    Args:
        width: channels of a token, a multiple of 2 · `heads`.
        heads: attention heads.
        causal: a token sees only itself and earlier ones.
    """

    def __init__(self, width: int, heads: int, *, causal: bool) -> None:
        super().__init__()
        self.heads = heads
        self.causal = causal
        self.to_qkv = nn.Linear(width, 3 * width)
        self.to_out = nn.Linear(width, width)

    def forward(
        self, x: Float[Tensor, "batch tokens width"], rotation: Rotation
    ) -> Float[Tensor, "batch tokens width"]:
        """Attend, with queries and keys rotated."""
        qkv = rearrange(self.to_qkv(x), "b n (three h d) -> three b h n d", three=3, h=self.heads)
        q, k = rotation(qkv[:2]).unbind()
        mixed = functional.scaled_dot_product_attention(q, k, qkv[2], is_causal=self.causal)
        out: Tensor = self.to_out(rearrange(mixed, "b h n d -> b n (h d)"))
        return out


class CrossAttention(nn.Module):
    """Attention from trajectory tokens to keys and values that were computed once a condition.

    The queries' batch may be a multiple of the keys': element `i` then reads condition `i // multiple`
    (condition-major order), so that many samples of a condition share its keys without a copy.

    Args:
        width: channels of a token.
        inner: channels of keys and values over all heads.
        heads: attention heads.
    """

    def __init__(self, width: int, inner: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, inner)
        self.to_out = nn.Linear(inner, width)

    def forward(
        self,
        x: Float[Tensor, "batch tokens width"],
        keys: Float[Tensor, "conditions heads cells head_dim"],
        values: Float[Tensor, "conditions heads cells head_dim"],
    ) -> Float[Tensor, "batch tokens width"]:
        """Attend to the condition of each element."""
        conditions = keys.shape[0]
        q = rearrange(self.to_q(x), "(c m) n (h d) -> c h (m n) d", c=conditions, h=self.heads)
        mixed = functional.scaled_dot_product_attention(q, keys, values)
        tokens = x.shape[1]
        out: Tensor = self.to_out(rearrange(mixed, "c h (m n) d -> (c m) n (h d)", n=tokens))
        return out
