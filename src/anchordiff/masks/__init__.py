"""Samplers of masks, which say where the anchors are.

Samplers are small frozen values that compose: `a + b` draws `b` among the steps that `a` left free, `a | b`
unites both, `Mixture` chooses by row, `Jittered` moves anchors, and `Nested` fills a base level by level.

Example:
    >>> import torch
    >>> from anchordiff.masks import Ends, Nested, Random
    >>> masks = Nested(Ends() + Random(6), num_levels=3).sample(2, 64, generator=torch.Generator())
    >>> masks.shape, masks[0].sum(1).tolist()
    (torch.Size([2, 4, 64]), [64, 32, 16, 8])
"""

from anchordiff.masks.base import MaskSampler, Sum, Union
from anchordiff.masks.ends import Ends
from anchordiff.masks.even import Even
from anchordiff.masks.jittered import Jittered
from anchordiff.masks.max_gap import MaxGap
from anchordiff.masks.mixture import Mixture
from anchordiff.masks.nested import Nested
from anchordiff.masks.optimal import Optimal
from anchordiff.masks.random import Random
from anchordiff.masks.spaced import Spaced
from anchordiff.masks.stride import Stride
from anchordiff.masks.top_score import TopScore

__all__ = [
    "Ends",
    "Even",
    "Jittered",
    "MaskSampler",
    "MaxGap",
    "Mixture",
    "Nested",
    "Optimal",
    "Random",
    "Spaced",
    "Stride",
    "Sum",
    "TopScore",
    "Union",
]
