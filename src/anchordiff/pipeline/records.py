"""What the pipeline returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int

from anchordiff.anchors import AnchorSet
from anchordiff.records import TensorRecord, html_table


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Trace(TensorRecord):
    """Stage 1 step by step.

    Attributes:
        noised: the sampler's state before each of its steps; the numbers that are generated.
        keypoints: the estimate of clean keypoints that the network made of it.
        coarse: `keypoints`, interpolated.
        times: diffusion time t of each step, from 1 down.
    """

    noised: Float[torch.Tensor, "batch steps K numbers"]
    keypoints: Float[torch.Tensor, "batch steps K numbers"]
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
        lengths: steps of each trajectory's own, where horizons adapt; after them it stays where it is. None where all
            have the horizon.
    """

    trajectory: Float[torch.Tensor, "batch horizon dim"]
    coarse: Float[torch.Tensor, "batch horizon dim"]
    keypoints: Float[torch.Tensor, "batch K dim"]
    anchors: AnchorSet
    trace: Trace | None = None
    lengths: Int[torch.Tensor, " batch"] | None = None

    @classmethod
    def joined(
        cls, parts: Sequence[Generation], numbers: Sequence[Int[torch.Tensor, " _"]], *, positions: int
    ) -> Generation:
        """Parts of unequal horizons as one: early trajectories stay where they arrive.

        Args:
            parts: whose anchors are the first ones of the longest part's.
            numbers: the place in the whole of each trajectory of each part.
            positions: numbers of a position.
        """
        longest = max((part.anchors for part in parts), key=lambda anchors: anchors.horizon)[:1]
        whole = cls.collate([part.held(longest, positions=positions) for part in parts])
        return whole[torch.cat(list(numbers)).argsort()]

    def held(self, anchors: AnchorSet, *, positions: int) -> Generation:
        """The same at a longer horizon: a trajectory stays at its last state, without velocity.

        Args:
            anchors: one row, whose first anchors are those of the trajectories.
            positions: numbers of a position.
        """
        more, keypoints = (
            anchors.horizon - self.anchors.horizon,
            anchors.num_keypoints - self.anchors.num_keypoints,
        )
        trace = self.trace
        if trace is not None:
            trace = Trace(
                noised=hold(trace.noised, keypoints, positions),
                keypoints=hold(trace.keypoints, keypoints, positions),
                coarse=hold(trace.coarse, more, positions),
                times=trace.times,
            )
        return Generation(
            trajectory=hold(self.trajectory, more, positions),
            coarse=hold(self.coarse, more, positions),
            keypoints=hold(self.keypoints, keypoints, positions),
            anchors=anchors.repeat(len(self)),
            trace=trace,
            lengths=torch.full((len(self),), self.anchors.horizon, device=self.trajectory.device),
        )


def hold(
    states: Float[torch.Tensor, "*batch steps dim"], more: int, positions: int
) -> Float[torch.Tensor, "*batch more_steps dim"]:
    """States with so many more steps at the last one's position, without velocity."""
    if not more:
        return states
    last = states[..., -1:, :].clone()
    last[..., positions:] = 0.0
    return torch.cat([states[..., :-1, :], last.expand(*last.shape[:-2], more + 1, -1)], dim=-2)


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
