"""What the pipeline returns."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int

from anchordiff.anchors import AnchorSet
from anchordiff.records import TensorRecord, html_table


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Trace(TensorRecord):
    """Stage 1 step by step.

    Attributes:
        noised: the sampler's state before each of its steps.
        keypoints: the estimate of clean keypoints that the network made of it.
        coarse: `keypoints`, interpolated.
        times: diffusion time t of each step, from 1 down.
    """

    noised: Float[torch.Tensor, "batch steps K dim"]
    keypoints: Float[torch.Tensor, "batch steps K dim"]
    coarse: Float[torch.Tensor, "batch steps horizon dim"]
    times: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Generation(TensorRecord):
    """Generated trajectories, condition-major: the samples of the first condition, then of the second, ….

    States are in their own units, those of the condition and the data.

    Attributes:
        trajectory: after stage 2 and the clamp.
        coarse: keypoints interpolated, what stage 2 started from.
        keypoints: what stage 1 generated.
        anchors: the steps that the keypoints sit at.
        trace: stage 1 step by step, where it was asked for.
    """

    trajectory: Float[torch.Tensor, "batch horizon dim"]
    coarse: Float[torch.Tensor, "batch horizon dim"]
    keypoints: Float[torch.Tensor, "batch K dim"]
    anchors: AnchorSet
    trace: Trace | None = None


@dataclass(frozen=True, kw_only=True, repr=False)
class Plan:
    """The best candidate of each condition.

    Attributes:
        trajectory: the chosen candidate.
        valid: whether it may be used, as the judge sees it.
        cost: what it costs, as the judge counts: a length, an effort, a time.
        index: its number among the condition's candidates.
        generation: all candidates, condition-major.
    """

    trajectory: Float[torch.Tensor, "batch horizon dim"]
    valid: Bool[torch.Tensor, " batch"]
    cost: Float[torch.Tensor, " batch"]
    index: Int[torch.Tensor, " batch"]
    generation: Generation

    def __repr__(self) -> str:
        """How many plans are valid, and what they cost."""
        return f"Plan({', '.join(f'{name}: {told}' for name, told in self._told().items())})"

    def _repr_html_(self) -> str:
        """The same as a table, for notebooks."""
        return html_table("Plan", self._told())

    def _told(self) -> dict[str, str]:
        least, most = float(self.cost.min()), float(self.cost.max())
        return {
            "valid": f"{int(self.valid.sum())} of {len(self)}",
            "cost": f"{least:.4g}" if least == most else f"{least:.4g} to {most:.4g}",
            "candidates": str(len(self.generation) // len(self)),
            "trajectory": f"{tuple(self.trajectory.shape)}",
        }

    def __len__(self) -> int:
        """Number of conditions."""
        return len(self.trajectory)

    @property
    def length(self) -> Float[torch.Tensor, " batch"]:
        """`cost`, by its name in version 0.1, whose judge counted the length of a way."""
        return self.cost

    @property
    def chosen(self) -> Generation:
        """The chosen candidates with their keypoints, coarse trajectories and anchors."""
        candidates = len(self.generation) // len(self)
        rows = torch.arange(len(self), device=self.index.device) * candidates + self.index
        return self.generation[rows]

    def to(self, device: torch.device | str) -> "Plan":
        """Move all tensors to `device`."""
        return Plan(**{f.name: getattr(self, f.name).to(device) for f in fields(self)})
