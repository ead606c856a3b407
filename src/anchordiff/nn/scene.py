"""What networks know of a condition: a `Scene`, made by an `Encoder` once a plan.

A domain brings one of each, and with them all that the two stages ever learn about its world. The stages ask a scene
for tokens to attend to, scalars for their adaptive norms, the frame that says what is known, and features of the places
where the running estimate lies; they never look behind it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from anchordiff import plugins
from anchordiff.conditions import Condition
from anchordiff.judge import Judge
from anchordiff.nn.frame import Frame
from anchordiff.records import TensorRecord
from anchordiff.states import StateSpace

Floats = npt.NDArray[np.float32]

Look = Callable[[Floats], Floats]
"""From estimates (batch, tokens, dim) in the frame's units to local features (batch, tokens, `look_size`)."""


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Scene(TensorRecord, ABC):
    """What networks know of a batch of conditions.

    A scene is made once a plan, whatever the number of samples and sampler steps: all that depends on the condition
    alone belongs here. Its batch axis is that of the conditions. What stages ask it for comes in the batch of their
    samples, a multiple of that, in condition-major order.

    What a subclass gives:

    - `keys`, `values`: tokens that trajectories attend to, as keys and values of every head (places of a map, spheres,
      words); without channels where there are none. `visible` leaves some out, since conditions of a batch may have
      unequal numbers of them; each must have at least one.
    - `scalars`: numbers of about unit size that hold for the whole trajectory, for adaptive norms.
    - `frame`: what is known of the trajectory, and around which line it lies.
    - `look` (optional): features of the places where the running estimate lies, made anew in every block: the map
      under a point, the distance to an obstacle. `compiled_look` is its form for a few tokens on a CPU.
    - `marks` (optional): features of each step that do not depend on the estimate, such as what of it is known.

    Attributes:
        keys: what trajectories attend to.
        values: as `keys`.
        scalars: features of the whole trajectory.
        visible: False for places that are no part of their condition; none where all are.
    """

    keys: Float[Tensor, "batch heads places head_dim"]
    values: Float[Tensor, "batch heads places head_dim"]
    scalars: Float[Tensor, "batch scalars"]
    visible: Bool[Tensor, "batch places"] | None = None

    @abstractmethod
    def frame(self, times: Float[Tensor, "samples steps"], *, horizon: int) -> Frame:
        """Where trajectories lie, and what of them is known.

        Args:
            times: of the steps, in [0, 1]; `samples` is a multiple of the batch.
            horizon: steps of the whole trajectory.
        """

    def look(self, states: Float[Tensor, "samples steps dim"]) -> Float[Tensor, "samples steps features"]:
        """Features of the places where states lie; called where the encoder's config has a `look_size`.

        Args:
            states: estimates, in the units of states.
        """
        raise NotImplementedError(f"{type(self).__name__} has no local features")

    def marks(self, frame: Frame) -> Float[Tensor, "samples steps features"]:
        """Features of each step that follow from its frame; called where the encoder's config has a `mark_size`.

        Args:
            frame: from `frame`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no marks")

    def compiled_look(self, frame: Frame | None, shape: tuple[int, int, int]) -> Look:
        """`look` for the compiled kernel: NumPy in, NumPy out, for a few tokens on a CPU.

        This one goes through torch; a scene whose plans are alone and must be quick brings a kernel.

        Args:
            frame: what estimates are given in; none for the units of states.
            shape: of the estimates: samples, steps, numbers of a state.
        """

        def look(estimate: Floats) -> Floats:
            states = torch.from_numpy(estimate)
            found: Floats = self.look(states if frame is None else frame.denormalise(states)).numpy()
            return found

        return look


@dataclass(frozen=True, kw_only=True)
class EncoderConfig(ABC):
    """Base of the configs of encoders; one frozen dataclass a domain, with a tag.

    A subclass has a field `domain: Literal["name"] = "name"`, by which a saved config.json is told apart, and knows the
    sizes that networks are built for. Subclasses are known as soon as their module is imported, and that happens on its
    own where an installed package offers the domain by an entry point (`anchordiff.plugins`).

    Example:
        >>> from typing import Literal
        >>> @dataclass(frozen=True, kw_only=True)
        ... class LampConfig(EncoderConfig):
        ...     domain: Literal["lamp"] = "lamp"
        ...     watts: float = 5.0
        ...     @property
        ...     def scalar_size(self):
        ...         return 1
        ...     def build(self, states):
        ...         ...
        >>> EncoderConfig.resolve({"domain": "lamp", "watts": 7.0}).__name__
        'LampConfig'
    """

    _known: ClassVar[dict[str, type["EncoderConfig"]]] = {}

    def __init_subclass__(cls, **options: Any) -> None:  # noqa: ANN401
        super().__init_subclass__(**options)
        tag = cls.__dict__.get("domain")
        if isinstance(tag, str):
            EncoderConfig._known[tag] = cls

    @property
    @abstractmethod
    def scalar_size(self) -> int:
        """Numbers of `Scene.scalars`."""

    @property
    def look_size(self) -> int:
        """Features of `Scene.look`; 0 where there are none."""
        return 0

    @property
    def mark_size(self) -> int:
        """Features of `Scene.marks`; 0 where there are none."""
        return 0

    @property
    def attention(self) -> tuple[int, int]:
        """Channels over all heads, and heads, of `Scene.keys`; no channels where there is nothing to attend to."""
        return 0, 1

    @abstractmethod
    def build(self, states: StateSpace) -> "Encoder[Any, Any]":
        """An encoder of these sizes for trajectories of such states."""

    @classmethod
    def resolve(cls, data: Mapping[str, object]) -> type["EncoderConfig"]:
        """The class that a config in JSON's terms is of.

        One without a tag, as version 0.1 wrote it, is of the class that has all its fields.

        Raises:
            ValueError: if no domain that is installed has such an encoder.
        """
        tag = data.get("domain")
        if isinstance(tag, str):
            if tag not in cls._known and tag in plugins.names(plugins.DOMAINS):
                plugins.load(plugins.DOMAINS, tag)
            if tag in cls._known:
                return cls._known[tag]
        else:
            for name in plugins.names(plugins.DOMAINS):
                plugins.load(plugins.DOMAINS, name)
            for known in cls._known.values():
                if data.keys() <= {f.name for f in fields(known)}:
                    return known
        offered = ", ".join(sorted({*cls._known, *plugins.names(plugins.DOMAINS)}))
        raise ValueError(f"domain must be one of {offered}, found {tag!r} with the fields {', '.join(data)}")


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
