"""Random gaits for MuJoCo's swimmer: what its joints are to do, and the torques that make them do it.

Notation: q and q' are the angles and rates of the two joints, in radians and seconds. A gait asks for a travelling wave

    r_j = bias + amplitude_j sin(φ − j lag),   φ' = 2π frequency,   j = 0, 1

and torques follow it as u = K (r − q) + D (r' − q') + noise, in units of the strongest torque.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FREQUENCY: Final = (0.4, 0.9)  # hertz
AMPLITUDE: Final = (0.3, 1.1)  # radians
LAG: Final = (0.6, 2.2)  # radians, of either sign: forwards or backwards
BIAS: Final = (-0.35, 0.35)  # radians: curves to either side
DURATION: Final = (1.5, 5.0)  # seconds that a gait lasts
BLEND: Final = 0.25  # seconds in which the next gait takes over
NOISE: Final = 0.02
STIFFNESS: Final = 1.0
DAMPING: Final = 0.1


@dataclass(frozen=True, kw_only=True)
class Gait:
    """A way to swim.

    Attributes:
        frequency: hertz.
        amplitude: of each joint, radians.
        lag: by which the second joint follows the first, radians.
        bias: mean angle of both joints, radians.
    """

    frequency: float
    amplitude: tuple[float, float]
    lag: float
    bias: float

    @classmethod
    def draw(cls, random: np.random.Generator) -> "Gait":
        """Any gait."""
        return cls(
            frequency=random.uniform(*FREQUENCY),
            amplitude=(random.uniform(*AMPLITUDE), random.uniform(*AMPLITUDE)),
            lag=random.uniform(*LAG) * random.choice((-1.0, 1.0)),
            bias=random.uniform(*BIAS),
        )

    def numbers(self) -> NDArray[np.float64]:
        """All of it, in the order of the attributes."""
        return np.array([self.frequency, *self.amplitude, self.lag, self.bias])


class Swimmer:
    """A controller that swims one random gait after another.

    Args:
        random: source of gaits and noise.
        dt: seconds of a step.
    """

    def __init__(self, random: np.random.Generator, *, dt: float) -> None:
        self._random, self._dt = random, dt
        self._phase = random.uniform(0.0, 2 * np.pi)
        self._wanted = self._now = Gait.draw(random).numbers()
        self._left = random.uniform(*DURATION)

    def torques(self, observation: NDArray[np.float64]) -> NDArray[np.float32]:
        """Torques of both joints for the observation of Gymnasium's Swimmer: (2,), in [-1, 1]."""
        if self._left <= 0:
            self._wanted = Gait.draw(self._random).numbers()
            self._left = self._random.uniform(*DURATION)
        self._left -= self._dt
        self._now = self._now + (self._wanted - self._now) * self._dt / BLEND
        frequency, amplitude, lag, bias = self._now[0], self._now[1:3], self._now[3], self._now[4]
        self._phase += 2 * np.pi * frequency * self._dt
        phases = self._phase - lag * np.arange(2)
        angles = bias + amplitude * np.sin(phases)
        rates = 2 * np.pi * frequency * amplitude * np.cos(phases)
        torques = STIFFNESS * (angles - observation[1:3]) + DAMPING * (rates - observation[6:8])
        torques += self._random.normal(0.0, NOISE, 2)
        within: NDArray[np.float32] = np.clip(torques, -1.0, 1.0).astype(np.float32)
        return within
