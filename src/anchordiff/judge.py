"""What a plan is chosen by: of each condition's candidates, which is good, and which is best."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import torch
from jaxtyping import Bool, Float, Int

from anchordiff.conditions import Condition

Score = Callable[["torch.Tensor", Any], tuple["torch.Tensor", "torch.Tensor"]]
"""`score(trajectories, condition)` of trajectories (batch, horizon, dim) and a condition of the same length: whether
each is valid, (batch,) boolean, and its cost, (batch,)."""


@final
@dataclass(frozen=True, kw_only=True)
class Choice:
    """The chosen candidate of each condition.

    Attributes:
        index: its number among the condition's candidates.
        valid: whether it may be used.
        cost: what it costs; the least of the valid ones.
    """

    index: Int[torch.Tensor, " batch"]
    valid: Bool[torch.Tensor, " batch"]
    cost: Float[torch.Tensor, " batch"]


class Judge(ABC):
    """Chooses one candidate for each condition: a valid one of the least cost.

    The networks do not know whether a trajectory may be used; a collision check, a simulator or a formula does. A judge
    is that knowledge, asked once a plan with all candidates (`TwoStagePipeline.plan`). A domain brings one of its own
    where there is a natural one (the shortest way that is free of collisions); any function from trajectories to
    (valid, cost) makes one by `FunctionJudge`.

    Where no candidate of a condition is valid, a judge still chooses the least bad one, and says that it is not valid.
    """

    @abstractmethod
    def choose(
        self, condition: Condition, trajectories: Float[torch.Tensor, "candidates horizon dim"]
    ) -> Choice:
        """Choose.

        Args:
            condition: what was planned for.
            trajectories: candidates, condition-major: a whole number of them for each condition.
        """


@final
@dataclass(frozen=True)
class FunctionJudge(Judge):
    """A judge made of a function.

    Of the valid candidates the one of the least cost is chosen; where none is valid, the one of the least cost. Ties go
    to the first. A cost that is not a number comes last.

    Args:
        score: `score(trajectories, condition)` gives whether each trajectory is valid, and its cost. The condition has
            been repeated to the length of the trajectories.

    Raises:
        ValueError: if it is no function.

    Example:
        >>> from anchordiff.domains.vector import VectorCondition
        >>> def score(trajectories, condition):
        ...     length = trajectories.diff(dim=1).norm(dim=-1).sum(dim=1)
        ...     return length < 3.0, length
        >>> ways = torch.tensor([[[0.0], [4.0]], [[0.0], [2.0]], [[0.0], [1.0]]])
        >>> choice = FunctionJudge(score).choose(VectorCondition(start=torch.zeros(1, 1)), ways)
        >>> choice.index.tolist(), choice.valid.tolist(), choice.cost.tolist()
        ([2], [True], [1.0])
    """

    score: Score

    def __post_init__(self) -> None:
        if not callable(self.score):
            raise ValueError(f"judge must be a Judge or a function of trajectories, found {self.score!r}")

    def choose(
        self, condition: Condition, trajectories: Float[torch.Tensor, "candidates horizon dim"]
    ) -> Choice:
        """Choose; see `Judge.choose`.

        Raises:
            ValueError: if the function does not give one boolean and one number for each trajectory.
        """
        copies = condition.copies_in(len(trajectories), "trajectories")
        given = self.score(trajectories, condition.repeat(copies))
        if not (isinstance(given, tuple) and len(given) == 2):
            raise ValueError(f"judge must give whether each is valid, and its cost, found {given!r}")
        valid, cost = given
        for name, values in (("valid", valid), ("cost", cost)):
            if not isinstance(values, torch.Tensor) or values.shape != (len(trajectories),):
                found = tuple(values.shape) if isinstance(values, torch.Tensor) else type(values).__name__
                raise ValueError(
                    f"judge must give {name} as a tensor of shape ({len(trajectories)},), found {found}"
                )
        if valid.dtype != torch.bool:
            raise ValueError(f"judge must give valid as booleans, found {valid.dtype}")
        valid = valid.view(-1, copies)
        cost = cost.nan_to_num(nan=float("inf")).view(-1, copies)
        worst = torch.full_like(cost, float("inf"))
        good = valid.any(dim=1)
        index = torch.where(good, torch.where(valid, cost, worst).argmin(dim=1), cost.argmin(dim=1))
        return Choice(index=index, valid=good, cost=cost.gather(1, index[:, None])[:, 0])
