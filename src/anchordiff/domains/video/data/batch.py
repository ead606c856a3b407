"""Clips as samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from anchordiff.data.batch import TrajectoryBatch
from anchordiff.domains.video.condition import TextCondition


@final
@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ClipBatch(TrajectoryBatch):
    """Clips with their sentences.

    Attributes:
        condition: sentences, and frames that are known.
        trajectory: latents of frames as states, of about unit size.
    """

    condition: TextCondition
