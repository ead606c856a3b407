"""A block of a `RefinementTransformer` in one call, for a few tokens on a CPU.

Notation as in `anchordiff.nn.transformer`: h are the tokens, p the estimate of the points. What is seen at the points
is looked up before, by the scene.

At a few tokens a network of a million weights is bound not by arithmetic but by the number of calls into a library, of
which a block takes some eighty.
"""

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from anchordiff.kernels._dense import Floats, gelu, layer_norm, linear, softmax
from anchordiff.kernels._jit import kernel

Layer = tuple[Floats, Floats]


class Block(NamedTuple):
    """Weights and biases of a block, as torch lays them out: (out, in) and (out,).

    Without cross-attention, or without local features, their layers have no rows.
    """

    look: Layer
    to_qkv: Layer
    to_out: Layer
    cross_norm: Layer
    cross_q: Layer
    cross_out: Layer
    up: Layer
    down: Layer
    head_norm: Layer
    head: Layer


class View(NamedTuple):
    """What the tokens attend to, and when they are.

    Attributes:
        keys: (conditions, heads, places, head_dim).
        values: transposed, (conditions, heads, head_dim, places).
        cos: rotary embedding, (batch, tokens, head_dim).
        sin: as `cos`.
        heads: heads of the attention among tokens.
    """

    keys: Floats
    values: Floats
    cos: Floats
    sin: Floats
    heads: int


class _Desk(NamedTuple):
    """Scratch space of attention; queries have a multiple of four rows."""

    q: Floats
    k: Floats
    v: Floats
    mixed: Floats
    scores: Floats
    zeros: Floats
    exponents: npt.NDArray[np.int32]


@kernel(fastmath=True)
def _attend(q: Floats, keys: Floats, values: Floats, desk: _Desk, first: int, out: Floats) -> None:
    """Columns `first` … of `out` become softmax(q keysᵀ) values, for one head; `values` are transposed."""
    rows, (count, dim) = q.shape[0], keys.shape
    scores = desk.scores[: rows * count].reshape(rows, count)
    linear(q, keys, desk.zeros[:count], scores)
    softmax(scores, desk.exponents)
    mixed = desk.mixed[: rows * dim].reshape(rows, dim)
    linear(scores, values, desk.zeros[:dim], mixed)
    for i in range(rows):
        for d in range(dim):
            out[i, first + d] = mixed[i, d]


@kernel(fastmath=True)
def _self_attention(qkv: Floats, element: int, view: View, desk: _Desk, out: Floats) -> None:
    """Attention among the tokens, with queries and keys rotated."""
    cos, sin = view.cos[element], view.sin[element]
    tokens, dim = cos.shape
    width, half = view.heads * dim, dim // 2
    factor = np.float32(1 / math.sqrt(dim))
    q = desk.q[: qkv.shape[0] * dim].reshape(qkv.shape[0], dim)
    for head in range(view.heads):
        first = head * dim
        for i in range(tokens):
            queries, keys = qkv[i, first : first + dim], qkv[i, width + first : width + first + dim]
            for d in range(half):
                q[i, d] = factor * (queries[d] * cos[i, d] + queries[half + d] * sin[i, d])
                desk.k[i, d] = keys[d] * cos[i, d] + keys[half + d] * sin[i, d]
            for d in range(half, dim):
                q[i, d] = factor * (queries[d] * cos[i, d] + queries[d - half] * sin[i, d])
                desk.k[i, d] = keys[d] * cos[i, d] + keys[d - half] * sin[i, d]
            for d in range(dim):
                desk.v[d, i] = qkv[i, 2 * width + first + d]
        _attend(q, desk.k, desk.v, desk, first, out)


@kernel(fastmath=True)
def _cross_attention(x: Floats, keys: Floats, values: Floats, desk: _Desk, out: Floats) -> None:
    """Attention to the places of one condition, from queries of all heads side by side."""
    heads, _, dim = keys.shape
    rows = x.shape[0]
    factor = np.float32(1 / math.sqrt(dim))
    q = desk.q[: rows * dim].reshape(rows, dim)
    for head in range(heads):
        for i in range(rows):
            for d in range(dim):
                q[i, d] = factor * x[i, head * dim + d]
        _attend(q, keys[head], values[head], desk, head * dim, out)


@kernel(fastmath=True)
def _add(x: Floats, gate: Floats, change: Floats) -> None:
    for i in range(x.shape[0]):
        for k in range(x.shape[1]):
            x[i, k] += gate[k] * change[i, k]


@kernel(fastmath=True)
def refine_block(
    h: Floats, seen: Floats, points: Floats, gain: Floats, modulation: Floats, view: View, block: Block
) -> None:
    """Run one block over a batch; tokens and points change in place.

    Args:
        h: tokens, (batch, tokens, width).
        seen: local features at the points, (batch, tokens, features).
        points: estimate, (batch, tokens, dim).
        gain: how far the block moves the points, (batch, tokens, dim).
        modulation: shift, scale and gate of both adaptive norms, (batch, 6, 1, width).
        view: what the tokens attend to; `batch` is a multiple of its conditions.
        block: weights.
    """
    batch, tokens, width = h.shape
    dim = points.shape[2]
    hidden, local, inner = block.up[0].shape[0], block.look[0].shape[1], block.cross_q[0].shape[0]
    rows = tokens + (-tokens) % 4  # `linear` takes four rows at a time
    x, normed = np.zeros((rows, width), np.float32), np.empty((rows, width), np.float32)
    mixed, out = np.empty((rows, width), np.float32), np.empty((rows, width), np.float32)
    look = np.zeros((rows, local), np.float32)
    qkv = np.empty((rows, 3 * width), np.float32)
    q, attended = np.empty((rows, inner), np.float32), np.empty((rows, inner), np.float32)
    grown, scratch = np.empty((rows, hidden), np.float32), np.empty((rows, hidden), np.float32)
    moved = np.empty((rows, dim), np.float32)
    head_dim, count = view.cos.shape[2], max(tokens, view.keys.shape[2])
    most = max(head_dim, view.keys.shape[3])
    exponents = np.empty(max(rows * hidden, count), np.int32)
    desk = _Desk(
        q=np.zeros(rows * most, np.float32),
        k=np.empty((tokens, head_dim), np.float32),
        v=np.empty((head_dim, tokens), np.float32),
        mixed=np.empty(rows * most, np.float32),
        scores=np.empty(rows * count, np.float32),
        zeros=np.zeros(max(count, most), np.float32),
        exponents=exponents,
    )
    ones = np.ones(width, np.float32)
    for b in range(batch):
        norms = modulation[b, :, 0]
        x[:tokens] = h[b]
        if local:
            look[:tokens] = seen[b]
            linear(look, block.look[0], block.look[1], out)
            _add(x, ones, out)
        layer_norm(x, norms[1], norms[0], normed)
        linear(normed, block.to_qkv[0], block.to_qkv[1], qkv)
        _self_attention(qkv, b, view, desk, mixed)
        linear(mixed, block.to_out[0], block.to_out[1], out)
        _add(x, norms[2], out)
        if inner:
            condition = b // (batch // view.keys.shape[0])
            layer_norm(x, block.cross_norm[0], block.cross_norm[1], normed)
            linear(normed, block.cross_q[0], block.cross_q[1], q)
            _cross_attention(q, view.keys[condition], view.values[condition], desk, attended)
            linear(attended, block.cross_out[0], block.cross_out[1], out)
            _add(x, ones, out)
        layer_norm(x, norms[4], norms[3], normed)
        linear(normed, block.up[0], block.up[1], grown)
        gelu(grown.reshape(-1), scratch.reshape(-1), exponents)
        linear(grown, block.down[0], block.down[1], out)
        _add(x, norms[5], out)
        layer_norm(x, block.head_norm[0], block.head_norm[1], normed)
        linear(normed, block.head[0], block.head[1], moved)
        for i in range(tokens):
            for k in range(dim):
                points[b, i, k] += gain[b, i, k] * moved[i, k]
        h[b] = x[:tokens]
