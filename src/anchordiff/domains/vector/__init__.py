"""Trajectories of any numbers: joint angles of an arm, observations of a data set, states of a system of your own.

Example:
    >>> import numpy as np
    >>> turns = np.linspace(0.0, 6.0, 64)
    >>> waves = np.stack([np.sin(turns + i) for i in range(40)])[..., None]
    >>> data = TrajectoryDataset.from_arrays(waves)
    >>> data.horizon, data.states.dim, len(data)
    (64, 1, 38)
"""

from anchordiff.domains.vector.condition import VectorCondition
from anchordiff.domains.vector.data import (
    Episodes,
    TrajectoryConfig,
    TrajectoryDataset,
    VectorBatch,
    VectorSource,
)
from anchordiff.domains.vector.encoder import VectorEncoder, VectorEncoderConfig, VectorScene

__all__ = [
    "Episodes",
    "TrajectoryConfig",
    "TrajectoryDataset",
    "VectorBatch",
    "VectorCondition",
    "VectorEncoder",
    "VectorEncoderConfig",
    "VectorScene",
    "VectorSource",
]
