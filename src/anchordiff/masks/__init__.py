"""Samplers of masks, which say where the anchors are.

Samplers are small frozen values that compose: `a + b`, `a | b`, `Mixture`, `Jittered`, `Nested`.

Example:
    >>> import torch
    >>> from anchordiff.masks import Ends, Nested, Random
    >>> masks = Nested(Ends() + Random(6), num_levels=3).sample(2, 64, generator=torch.Generator())
    >>> masks.shape, masks[0].sum(1).tolist()
    (torch.Size([2, 4, 64]), [64, 32, 16, 8])
"""

from anchordiff.masks.base import MaskSampler
from anchordiff.masks.ends import Ends
from anchordiff.masks.even import Even
from anchordiff.masks.nested import Nested
from anchordiff.masks.random import Random

__all__ = ["Ends", "Even", "MaskSampler", "Nested", "Random"]
