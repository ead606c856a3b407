"""What networks know of a condition: a `Scene`, made by an `Encoder` once a plan.

A domain brings one of each, and with them all that the two stages ever learn about its world. The stages ask a scene
for tokens to attend to, scalars for their adaptive norms, the frame that says what is known, and features of the places
where the running estimate lies; they never look behind it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Bool, Float

from anchordiff.nn.frame import Frame
from anchordiff.records import TensorRecord

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
    - `length` (optional): how long the way is, for horizons that adapt.
    - `marks` (optional): features of each step that do not depend on the estimate, such as what of it is known.

    Attributes:
        keys: what trajectories attend to.
        values: as `keys`.
        scalars: features of the whole trajectory.
        visible: False for places that are no part of their condition; none where all are.
    """

    keys: Float[torch.Tensor, "batch heads places head_dim"]
    values: Float[torch.Tensor, "batch heads places head_dim"]
    scalars: Float[torch.Tensor, "batch scalars"]
    visible: Bool[torch.Tensor, "batch places"] | None = None

    @abstractmethod
    def frame(self, times: Float[torch.Tensor, "samples steps"], *, horizon: int) -> Frame:
        """Where trajectories lie, and what of them is known.

        Args:
            times: of the steps, in [0, 1]; `samples` is a multiple of the batch.
            horizon: steps of the whole trajectory.
        """

    def length(self) -> Float[torch.Tensor, " batch"] | None:
        """Estimated length of each condition's way, in units of the states; none where nobody knows.

        A pipeline with an adaptive horizon goes by it.
        """
        return None

    def look(
        self, states: Float[torch.Tensor, "samples steps dim"]
    ) -> Float[torch.Tensor, "samples steps features"]:
        """Features of the places where states lie; called where the encoder's config has a `look_size`.

        Args:
            states: estimates, in the units of states.
        """
        raise NotImplementedError(f"{type(self).__name__} has no local features")

    def marks(self, frame: Frame) -> Float[torch.Tensor, "samples steps features"]:
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
