"""Multi-head attention over the tokens of a trajectory and over the places of a scene."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """Angles by which pairs of channels are rotated, so that attention sees differences of time and place.

    Rotary embedding (Su et al. 2021) of continuous times in [0, 1]; frequencies run geometrically from half a
    turn to 64 turns over the whole trajectory, whatever its horizon. Channel i of the first half of a head and
    channel i of its second half are a pair. Where tokens also have places (patches of a picture), time has the first
    half of the pairs and the axes of places share the rest, each with frequencies of its own from half a turn on.

    Attributes:
        cos: cosines, the same for both channels of a pair.
        sin: sines, with a minus for the first channel of a pair.
    """

    cos: Float[Tensor, "batch 1 tokens head_dim"]
    sin: Float[Tensor, "batch 1 tokens head_dim"]

    @classmethod
    def of(
        cls,
        times: Float[Tensor, "batch tokens"],
        *,
        head_dim: int,
        places: Float[Tensor, "#batch tokens axes"] | None = None,
    ) -> "Rotation":
        """Angles of tokens at the given times.

        Args:
            times: in [0, 1].
            head_dim: channels of a head.
            places: of tokens along other axes, each in [0, 1].
        """
        pairs = head_dim // 2
        axes = 0 if places is None else places.shape[-1]
        of_time = pairs if axes == 0 else pairs - axes * (pairs // (2 * axes))
        angles = _angles(times, of_time, _TURNS_OF_TIME)
        if places is not None and axes:
            spread = places.expand(len(times), -1, -1).unbind(dim=-1)
            parts = [_angles(axis, pairs // (2 * axes), _TURNS_OF_PLACE) for axis in spread]
            angles = torch.cat([angles, *parts], dim=-1)
        sin = angles.sin()
        return cls(cos=angles.cos().repeat(1, 1, 1, 2), sin=torch.cat([-sin, sin], dim=-1))

    def __call__(
        self, x: Float[Tensor, "*stack batch heads tokens head_dim"]
    ) -> Float[Tensor, "*stack batch heads tokens head_dim"]:
        """Rotate queries or keys, or both in a stack."""
        first, second = x.chunk(2, dim=-1)
        swapped = torch.cat([second, first], dim=-1)
        return torch.addcmul(x * self.cos.to(x.dtype), swapped, self.sin.to(x.dtype))


_TURNS_OF_TIME, _TURNS_OF_PLACE = 128.0, 16.0  # half turns of the fastest pair, from one end to the other


def _angles(places: Tensor, count: int, most: float) -> Tensor:
    exponents = torch.linspace(0.0, 1.0, count, dtype=torch.float32, device=places.device)
    return places.float()[:, None, :, None] * (math.pi * most**exponents)


@dataclass
class KVCache:
    """Keys and values of the steps that a causal attention has seen, for those that come after.

    Attributes:
        keys: rotated; none before the first steps.
        values: as `keys`.
    """

    keys: Float[Tensor, "batch heads steps head_dim"] | None = None
    values: Float[Tensor, "batch heads steps head_dim"] | None = None

    def update(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add steps, and give all."""
        if self.keys is not None and self.values is not None:
            keys = torch.cat([self.keys, keys], dim=2)
            values = torch.cat([self.values, values], dim=2)
        self.keys, self.values = keys, values
        return keys, values


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
        self,
        x: Float[Tensor, "batch tokens width"],
        rotation: Rotation,
        cache: KVCache | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        """Attend, with queries and keys rotated.

        Args:
            x: tokens.
            rotation: of their times.
            cache: of the steps before these, which are added; for a causal attention.
        """
        # Plain views instead of einops: at batch 1 a plan is bound by calls, not by arithmetic.
        qkv = self.to_qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = rotation(qkv[:2]).unbind()
        if cache is None:
            mixed = functional.scaled_dot_product_attention(q, k, qkv[2], is_causal=self.causal)
        else:
            k, v = cache.update(k, qkv[2])
            new, total = q.shape[2], k.shape[2]
            past = torch.ones(new, total, dtype=torch.bool, device=q.device).tril(total - new)
            mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=past)
        out: Tensor = self.to_out(mixed.transpose(1, 2).flatten(2))
        return out


@dataclass(frozen=True, kw_only=True)
class FactorisedRotation:
    """Rotations of the two parts of a `FactorisedAttention`.

    Attributes:
        space: of the patches of a step.
        time: of the steps, for each patch of each element.
    """

    space: Rotation
    time: Rotation

    @classmethod
    def of(
        cls,
        times: Float[Tensor, "batch steps"],
        *,
        head_dim: int,
        places: Float[Tensor, "1 patches axes"],
    ) -> "FactorisedRotation":
        """Angles of steps at the given times, and of patches at the given places."""
        patches = places.shape[1]
        still = times.new_zeros(1, patches)
        return cls(
            space=Rotation.of(still, head_dim=head_dim, places=places),
            time=Rotation.of(times.repeat_interleave(patches, dim=0), head_dim=head_dim),
        )


class FactorisedAttention(nn.Module):
    """Attention among the patches of each step, then among the steps of each patch.

    It costs O(T P² + T² P) for T steps of P patches where full attention costs O(T² P²) (Bertasius et al. 2021: divided
    space-time attention).

    Args:
        width: channels of a token, a multiple of 2 · `heads`.
        heads: attention heads.
        causal: a token sees only steps up to its own.
    """

    def __init__(self, width: int, heads: int, *, causal: bool) -> None:
        super().__init__()
        self.space = SelfAttention(width, heads, causal=False)
        self.norm = nn.LayerNorm(width)
        self.time = SelfAttention(width, heads, causal=causal)

    def forward(
        self,
        x: Float[Tensor, "batch tokens width"],
        rotation: FactorisedRotation,
        cache: KVCache | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        """Attend, in space and in time; see `SelfAttention.forward`."""
        batch, _, width = x.shape
        patches = rotation.space.cos.shape[2]
        steps = x.view(-1, patches, width)
        among = self.space(steps, rotation.space).view(batch, -1, patches, width)
        rows = self.norm(x.view(batch, -1, patches, width) + among).transpose(1, 2).flatten(0, 1)
        along = self.time(rows, rotation.time, cache).view(batch, patches, -1, width).transpose(1, 2)
        mixed: Tensor = (among + along).flatten(1, 2)
        return mixed


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
        keys: Float[Tensor, "conditions heads places head_dim"],
        values: Float[Tensor, "conditions heads places head_dim"],
        visible: Bool[Tensor, "conditions places"] | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        """Attend to the condition of each element.

        Args:
            x: tokens.
            keys: of each condition.
            values: of each condition.
            visible: False for places that are left out; none where all are seen.
        """
        batch, tokens, _ = x.shape
        q = self.to_q(x).view(len(keys), -1, self.heads, keys.shape[-1]).transpose(1, 2)
        mask = None if visible is None else visible[:, None, None]
        mixed = functional.scaled_dot_product_attention(q, keys, values, attn_mask=mask)
        out: Tensor = self.to_out(mixed.transpose(1, 2).reshape(batch, tokens, -1))
        return out
