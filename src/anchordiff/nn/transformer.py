"""A transformer that moves the points of a trajectory, block by block.

Notation: p_i is the running estimate of the trajectory after block i, c the context vector. Each block looks at the
scene where p_i lies, mixes the tokens, and moves the points: p_{i+1} = p_i + gain · head_i(h). Blocks are pre-norm with
adaptive norms whose scale, shift and gate come from c (adaLN, Peebles & Xie 2023); heads start at zero, so that the
first estimate is the one given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from anchordiff.kernels import refinement
from anchordiff.nn.attention import (
    CrossAttention,
    FactorisedAttention,
    FactorisedRotation,
    KVCache,
    Rotation,
    SelfAttention,
)
from anchordiff.nn.config import EncoderConfig, TransformerConfig
from anchordiff.nn.frame import Frame
from anchordiff.nn.scene import Look, Scene
from anchordiff.states import StateSpace

_FEW: Final = 64  # tokens of a batch, up to which one compiled call a block is faster than torch on a CPU


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What all passes of a plan share.

    Attributes:
        rotation: rotary embedding of the tokens' times and places.
        states: what a state holds, and how it is taken apart into tokens.
        frame: what estimates are given in; none for the units of states.
        scene: what the tokens see.
        compiled: for the compiled kernel, where it is to be used: what it attends to, the blocks' weights, and what
            looks at the scene, if anything does.
    """

    rotation: Rotation | FactorisedRotation
    states: StateSpace
    frame: Frame | None
    scene: Scene
    compiled: tuple[refinement.View, list[refinement.Block], Look | None] | None

    def look(self, estimate: Tensor) -> Tensor:
        """Features of the scene where an estimate lies."""
        here = self.states.from_tokens(estimate.detach())
        found = self.scene.look(here if self.frame is None else self.frame.denormalise(here))
        return self.states.each_token(found)


_Rotation = Rotation | FactorisedRotation


class _Block(nn.Module):
    def __init__(self, config: TransformerConfig, encoder: EncoderConfig) -> None:
        super().__init__()
        width = config.width
        channels, heads = encoder.attention
        self.to_look = nn.Linear(encoder.look_size, width) if encoder.look_size else None
        kind = FactorisedAttention if config.attention == "factorised" else SelfAttention
        self.self_attention: nn.Module = kind(width, config.heads, causal=config.causal)
        crosses = config.cross_attention and channels > 0
        self.cross_norm = nn.LayerNorm(width) if crosses else None
        self.cross_attention = CrossAttention(width, channels, heads) if crosses else None
        self.feed_forward = nn.Sequential(
            nn.Linear(width, config.expansion * width),
            nn.GELU(),
            nn.Linear(config.expansion * width, width),
        )

    def forward(
        self,
        h: Tensor,
        look: Tensor | None,
        rotation: Rotation | FactorisedRotation,
        modulation: Tensor,
        scene: Scene,
        cache: KVCache | None,
    ) -> Tensor:
        shift_a, scale_a, gate_a, shift_f, scale_f, gate_f = modulation.unbind(dim=1)
        if self.to_look is not None:
            h = h + self.to_look(look)
        attended = self.self_attention(torch.addcmul(shift_a, _norm(h), scale_a), rotation, cache)
        h = torch.addcmul(h, gate_a, attended)
        if self.cross_attention is not None and self.cross_norm is not None:
            h = h + self.cross_attention(self.cross_norm(h), scene.keys, scene.values, scene.visible)
        return torch.addcmul(h, gate_f, self.feed_forward(torch.addcmul(shift_f, _norm(h), scale_f)))

    def weights(self, head: nn.Module) -> refinement.Block:
        """The block and the head that follows it for the compiled kernel; memory is shared."""
        cross, attention = self.cross_attention, cast(SelfAttention, self.self_attention)
        up, _, down = self.feed_forward
        norm, move = cast(nn.Sequential, head)
        return refinement.Block(
            look=_NO_LAYER if self.to_look is None else _layer(self.to_look),
            to_qkv=_layer(attention.to_qkv),
            to_out=_layer(attention.to_out),
            cross_norm=_NO_NORM if self.cross_norm is None else _layer(self.cross_norm),
            cross_q=_NO_LAYER if cross is None else _layer(cross.to_q),
            cross_out=_NO_LAYER if cross is None else _layer(cross.to_out),
            up=_layer(up),
            down=_layer(down),
            head_norm=_layer(norm),
            head=_layer(move),
        )


def _norm(h: Tensor) -> Tensor:
    return functional.layer_norm(h, h.shape[-1:])


_NO_LAYER: Final = (np.zeros((0, 0), np.float32), np.zeros(0, np.float32))
_NO_NORM: Final = (np.zeros(0, np.float32), np.zeros(0, np.float32))


def _array(tensor: Tensor) -> npt.NDArray[np.float32]:
    array: npt.NDArray[np.float32] = tensor.contiguous().numpy()
    return array


def _layer(module: nn.Module) -> refinement.Layer:
    return cast(Tensor, module.weight).numpy(force=True), cast(Tensor, module.bias).numpy(force=True)


class RefinementTransformer(nn.Module):
    """Refine an estimate of a trajectory, looking at the scene where the estimate lies.

    Args:
        config: sizes.
        encoder: sizes of what scenes give.
        token_size: features of a token.
        dim: numbers of a state.
    """

    def __init__(
        self,
        config: TransformerConfig,
        encoder: EncoderConfig,
        *,
        token_size: int,
        dim: int,
    ) -> None:
        super().__init__()
        self.config = config
        self.dim = dim
        self.to_tokens = nn.Linear(token_size, config.width)
        self.modulation = nn.Linear(config.width, config.depth * 6 * config.width)
        nn.init.normal_(self.modulation.weight, std=0.02)
        with torch.no_grad():
            bias = torch.zeros(config.depth, 6, config.width)
            bias[:, [2, 5]] = 0.5
            self.modulation.bias.copy_(bias.flatten())
        self.blocks = nn.ModuleList(_Block(config, encoder) for _ in range(config.depth))
        self.heads = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, dim))
            for _ in range(config.depth)
        )
        for head in self.heads:
            nn.init.zeros_(head[1].weight)  # type: ignore[index]
            nn.init.zeros_(head[1].bias)  # type: ignore[index]

    def prepare(
        self,
        times: Float[Tensor, "batch steps"],
        scene: Scene,
        *,
        states: StateSpace,
        frame: Frame | None = None,
    ) -> Prepared:
        """What all passes of a plan share.

        Args:
            times: of the steps, in [0, 1].
            scene: what they see; the batch is a multiple of its own.
            states: what a state holds.
            frame: what estimates are given in; none for the units of states.
        """
        head_dim = self.config.width // self.config.heads
        rotation: Rotation | FactorisedRotation
        if self.config.attention == "factorised":
            places = states.patch_places(1, times)
            rotation = FactorisedRotation.of(times, head_dim=head_dim, places=places)
            return Prepared(rotation=rotation, states=states, frame=frame, scene=scene, compiled=None)
        places = states.patch_places(times.shape[1], times)
        times = states.each_token(times[..., None])[..., 0]
        rotation = Rotation.of(times, head_dim=head_dim, places=places)
        compiled = None
        blocks = [cast(_Block, block) for block in self.blocks]
        looks = blocks[0].to_look is not None
        if self._is_small(times) and scene.visible is None and not (looks and states.num_tokens > 1):
            weights = [block.weights(head) for block, head in zip(blocks, self.heads, strict=True)]
            view = refinement.View(
                keys=_array(scene.keys),
                values=_array(scene.values.transpose(-1, -2)),
                cos=_array(rotation.cos[:, 0]),
                sin=_array(rotation.sin[:, 0]),
                heads=self.config.heads,
            )
            look = None
            if looks:
                look = scene.compiled_look(frame, (*times.shape, self.dim))
            compiled = view, weights, look
        return Prepared(rotation=rotation, states=states, frame=frame, scene=scene, compiled=compiled)

    def forward(
        self,
        tokens: Float[Tensor, "batch tokens features"],
        estimate: Float[Tensor, "batch tokens dim"],
        gain: Float[Tensor, "#batch #tokens #dim"],
        *,
        context: Float[Tensor, "batch width"],
        prepared: Prepared,
        cache: Sequence[KVCache] | None = None,
    ) -> list[Float[Tensor, "batch tokens dim"]]:
        """Estimates after each block, the last one best.

        Args:
            tokens: features of each step.
            estimate: first estimate of the trajectory.
            gain: how far a block may move a point, in the estimate's units.
            context: what holds for the whole trajectory.
            prepared: for the tokens' times, by `prepare`.
            cache: what each block's attention kept of earlier steps, to which these are added; for causal networks.
        """
        h = self.to_tokens(tokens)
        modulation = self.modulation(functional.silu(context))
        modulation = modulation.unflatten(-1, (self.config.depth, 6, 1, self.config.width)).transpose(0, 1)
        # Scales (the second of each three) are learned as differences from one.
        modulation[:, :, 1::3].add_(1)
        if prepared.compiled is not None:
            return _refine_few(h, estimate, gain, modulation, *prepared.compiled)
        estimates = []
        kept = [None] * self.config.depth if cache is None else cache
        for block, head, shifts, past in zip(self.blocks, self.heads, modulation, kept, strict=True):
            look = None if cast(_Block, block).to_look is None else prepared.look(estimate)
            inputs = (h, look, prepared.rotation, shifts, prepared.scene, past)
            if self.config.activation_checkpointing and torch.is_grad_enabled():
                h = checkpoint(block, *inputs, use_reentrant=False)
            else:
                h = block(*inputs)
            estimate = estimate + gain * head(h)
            estimates.append(estimate)
        return estimates

    def _is_small(self, times: Tensor) -> bool:
        """Whether the compiled kernel can do the work of these tokens, and does it sooner."""
        weight = self.to_tokens.weight
        return (
            times.numel() <= _FEW
            and weight.is_cpu
            and weight.dtype == torch.float32
            and not self.config.causal
            and not torch.is_grad_enabled()
            and not torch.is_autocast_enabled("cpu")
            and not torch.compiler.is_compiling()
        )


def _refine_few(
    h: Tensor,
    estimate: Tensor,
    gain: Tensor,
    modulation: Tensor,
    view: refinement.View,
    weights: list[refinement.Block],
    look: Look | None,
) -> list[Tensor]:
    """The blocks by the compiled kernel."""
    tokens, points = _array(h), _array(estimate).copy()
    gains = _array(gain.expand_as(estimate))
    seen = np.empty((len(points), points.shape[1], 0), np.float32)
    estimates = []
    for block, shifts in zip(weights, modulation, strict=True):
        if look is not None:
            seen = look(points)
        refinement.refine_block(tokens, seen, points, gains, _array(shifts), view, block)
        estimates.append(torch.from_numpy(points.copy()))
    return estimates


def weigh_blocks(losses: Sequence[Tensor]) -> Tensor:
    """The mean of the losses of all blocks' estimates; that of block i counts i times."""
    blocks = len(losses)
    total = torch.stack([number * loss for number, loss in enumerate(losses, start=1)]).sum()
    return total * 2 / (blocks * (blocks + 1))
