"""Where a stage's training takes its batches from."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, final

from anchordiff.data.batch import TrajectoryBatch
from anchordiff.data.slot import Slot
from anchordiff.horizons import AdaptiveHorizon
from anchordiff.states import StateSpace

Stream = TypeVar("Stream", bound="TrainingData")


@final
@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """A training stream and samples that it cannot give.

    Attributes:
        at: the batch of a slot, a pure function of it.
        held_out: gives so many held-out samples, always the same.
        settings: what decides both, in JSON's terms, for the run's record: a resumed run must have the same.
        adaptive: how horizons follow from the ways' lengths, where they do; a pipeline of stages that are trained on it
            does the same.
    """

    at: Callable[[Slot], TrajectoryBatch]
    held_out: Callable[[int], TrajectoryBatch]
    settings: Mapping[str, Any]
    adaptive: AdaptiveHorizon | None = None


class Source(ABC):
    """Base of the settings of training data: a frozen dataclass whose fields are what one chooses.

    On the command line they are the flags `--data.*`.
    """

    @abstractmethod
    def open(self, *, states: StateSpace, horizon: int) -> TrainingData:
        """The data for a model of such states and that horizon.

        Raises:
            ValueError: if the data do not fit the model.
            FileNotFoundError: if data that are read are not there.
        """
