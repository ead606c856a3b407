"""What a loss may draw from, and where in the run it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch


@final
@dataclass(frozen=True, kw_only=True)
class Draw:
    """The place of a batch in a run, as its loss sees it.

    All that a loss draws must come from `generator`, and all that changes over a run (a probability that climbs, a
    weight that falls) must follow from `step`. Both are pure functions of the run's seed and the place, so that a run
    that was stopped and resumed goes on as if it had not been. Validation calls losses with a `Draw` of its own, at
    step 0.

    Attributes:
        step: optimiser steps finished before this one.
        generator: source of randomness, on the model's device.

    Example:
        >>> draw = Draw(step=3, generator=torch.Generator().manual_seed(0))
        >>> torch.rand(2, generator=draw.generator).shape
        torch.Size([2])
    """

    step: int
    generator: torch.Generator

    def uniform(self) -> float:
        """A number in [0, 1)."""
        return float(
            torch.rand((), generator=self.generator, dtype=torch.float32, device=self.generator.device)
        )
