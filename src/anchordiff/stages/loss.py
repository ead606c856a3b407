"""What a stage's loss gives, and the losses that a domain adds to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from jaxtyping import Float

from anchordiff.nn.scene import Scene
from anchordiff.records import TensorRecord


@final
@dataclass(frozen=True, kw_only=True)
class StageLoss:
    """The loss of one batch.

    Attributes:
        loss: what training minimises.
        terms: named parts of it, without gradients, for logs.
        estimate: the estimate that it is the loss of, in the units of states: of keypoints, or of a trajectory.
        scene: what the networks knew of the condition.
    """

    loss: Float[torch.Tensor, ""]
    terms: Mapping[str, torch.Tensor]
    estimate: Float[torch.Tensor, "batch steps dim"]
    scene: Scene


@dataclass(frozen=True, kw_only=True)
class Term(ABC):
    """A loss of a domain's own, added to a stage's.

    The stages measure how far an estimate is from the truth. What else makes an estimate good only a domain knows: that
    it keeps off obstacles, that the encoder has learnt distances, that joints stay within their limits. Such knowledge
    is a term: a frozen dataclass of its settings, called with what the stage has made of a batch. An objective takes
    any number of them by name (`KeypointObjective(terms={"limits": MyLimits(weight=0.1)})`); the name is that of the
    term in logs, and of its flags on the command line.

    Attributes:
        weight: of the term in the loss.

    Raises:
        ValueError: if the weight is negative.

    Example:
        >>> @dataclass(frozen=True, kw_only=True)
        ... class Limits(Term):
        ...     most: float = 1.0
        ...     def measure(self, made, batch):
        ...         return (made.estimate.abs() - self.most).relu().mean()
        >>> Limits(weight=0.5).most
        1.0
    """

    of_encoder: ClassVar[bool] = False
    """Whether it is a loss of the encoder alone, which has nothing to say where the encoder is not trained."""

    weight: float = 1.0

    def __post_init__(self) -> None:
        if not self.weight >= 0:
            raise ValueError(f"weight must not be negative, found {self.weight}")

    @abstractmethod
    def measure(self, made: StageLoss, batch: TensorRecord) -> Float[torch.Tensor, ""] | None:
        """The term's value, before its weight.

        Args:
            made: what the stage made of the batch, with gradients.
            batch: what it learned from: a record of the domain's, with `condition` and `trajectory`.

        Returns:
            A mean over the batch; none where the term has nothing to say of such a stage.
        """


def add_terms(made: StageLoss, terms: Mapping[str, Term], batch: TensorRecord) -> StageLoss:
    """The stage's loss with the terms that weigh something."""
    loss, values = made.loss, dict(made.terms)
    for name, term in terms.items():
        value = term.measure(made, batch) if term.weight else None
        if value is not None:
            loss = loss + term.weight * value
            values[name] = value.detach()
    return StageLoss(loss=loss, terms=values, estimate=made.estimate, scene=made.scene)
