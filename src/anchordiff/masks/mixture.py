"""One of several samplers, chosen at random for each row."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Bool

from anchordiff.checks import check_number
from anchordiff.masks.base import MaskSampler


@dataclass(frozen=True, init=False)
class Mixture(MaskSampler):
    """Each row is drawn by one of several samplers, chosen with given probabilities.

    Args:
        parts: pairs of a probability and a sampler; the probabilities add up to 1.

    Raises:
        ValueError: if a probability is negative or they do not add up to 1.

    Example:
        >>> from anchordiff.masks import Ends, Even, Random
        >>> Mixture([(0.7, Even(8)), (0.3, Ends() + Random(6))]).sample(4, 64).sum(1).tolist()
        [8, 8, 8, 8]
    """

    parts: tuple[tuple[float, MaskSampler], ...]

    def __init__(self, parts: Iterable[tuple[float, MaskSampler]]) -> None:
        try:
            object.__setattr__(self, "parts", tuple(parts))
        except TypeError as error:
            raise ValueError(
                f"parts must be pairs of a probability and a MaskSampler, found {parts!r}"
            ) from error
        for part in self.parts:
            if not (isinstance(part, tuple) and len(part) == 2 and isinstance(part[1], MaskSampler)):
                raise ValueError(f"parts must hold pairs of a probability and a MaskSampler, found {part!r}")
        weights = [check_number("a probability in parts", weight, least=0.0) for weight, _ in self.parts]
        if not math.isclose(sum(weights), 1, abs_tol=1e-6):
            raise ValueError(f"parts must have non-negative probabilities that add up to 1, found {weights}")

    def sample(
        self,
        batch: int,
        horizon: int,
        *,
        taken: Bool[torch.Tensor, "batch horizon"] | None = None,
        generator: torch.Generator | None = None,
    ) -> Bool[torch.Tensor, "batch horizon"]:
        """Choose a sampler for each row and draw from it; every sampler must be able to draw every row."""
        masks = [part.sample(batch, horizon, taken=taken, generator=generator) for _, part in self.parts]
        device = masks[0].device if generator is None else generator.device
        weights = torch.tensor([weight for weight, _ in self.parts], dtype=torch.float32, device=device)
        choice = torch.multinomial(weights, batch, replacement=True, generator=generator).to(masks[0].device)
        return torch.stack(masks)[choice, torch.arange(batch, device=choice.device)]
