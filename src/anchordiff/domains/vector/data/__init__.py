"""Recorded trajectories of any numbers as training samples: from arrays, files, Minari data sets, LeRobot's format.

Minari needs `pip install -c constraints.txt ".[minari]"`, LeRobot's format
`pip install -c constraints.txt ".[lerobot]"`.

Example:
    >>> import numpy as np
    >>> from anchordiff.domains.vector import TrajectoryConfig, TrajectoryDataset
    >>> turns = np.linspace(0.0, 6.0, 400)
    >>> spirals = [np.stack([np.cos(turns + i), np.sin(turns + i), turns], axis=1) for i in range(10)]
    >>> dataset = TrajectoryDataset.from_arrays(spirals, TrajectoryConfig(horizon=64, frame_skip=2, stride=8))
    >>> dataset.batch([0, 1]).trajectory.shape, len(dataset), len(dataset.held_out())
    (torch.Size([2, 64, 3]), 315, 35)
    >>> dataset.encoder_config().positions
    3
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
