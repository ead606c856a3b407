"""From a condition to a `Scene`: what a domain's networks learn to read."""

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

from torch import nn

from anchordiff.conditions import Condition
from anchordiff.judge import Judge
from anchordiff.nn.config import EncoderConfig
from anchordiff.nn.scene import Scene
from anchordiff.states import StateSpace

Given = TypeVar("Given", bound=Condition)
Seen = TypeVar("Seen", bound=Scene)


class Encoder(nn.Module, ABC, Generic[Given, Seen]):
    """From a condition to a scene: what a domain's networks learn to read.

    Both stages own one, and a pipeline may let them share it (`PipelineConfig.shared_encoder`). It is called once a
    plan; training calls it once a batch, however many noised copies of a trajectory a step sees.

    Args:
        config: sizes; the encoder is rebuilt from it by `config.build(states)`.
        states: what a state of the trajectories holds.
    """

    condition_type: ClassVar[type[Condition]]
    """Class of the conditions that `forward` takes."""

    def __init__(self, config: EncoderConfig, states: StateSpace) -> None:
        super().__init__()
        self.config = config
        self.states = states

    @abstractmethod
    def forward(self, condition: Given) -> Seen:
        """Encode a batch of conditions."""

    def see(self, condition: Given | Seen) -> Seen:
        """The scene of conditions; one that is there already is returned as it is."""
        if isinstance(condition, Scene):
            return condition
        scene: Seen = self(condition)
        return scene

    def judge(self) -> Judge | None:
        """What plans for such conditions are chosen by unless told otherwise; none where there is no natural judge."""
        return None

    def check(self, condition: Condition, *, horizon: int) -> None:
        """Refuse conditions that this encoder cannot read, before any network runs.

        Args:
            condition: what is to be encoded.
            horizon: steps of the trajectories that are wanted.

        Raises:
            ValueError: says what is wrong.
        """
        if not isinstance(condition, self.condition_type):
            raise ValueError(
                f"condition must be a {self.condition_type.__name__}, found {type(condition).__name__}"
            )
        condition.check()
