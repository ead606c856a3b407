"""Trajectories of any numbers: joint angles of an arm, observations of a data set, states of a system of your own.

Example:
    >>> import numpy as np
    >>> from anchordiff.domains.vector import TrajectoryDataset
    >>> turns = np.linspace(0.0, 6.0, 64)
    >>> waves = np.stack([np.sin(turns + i) for i in range(40)])[..., None]
    >>> data = TrajectoryDataset.from_arrays(waves)
    >>> data.horizon, data.states.dim, len(data)
    (64, 1, 38)
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
