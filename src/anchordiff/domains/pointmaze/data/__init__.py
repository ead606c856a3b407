"""PointMaze data: Minari data sets made with MuJoCo, and any Minari PointMaze data set as training samples.

Needs `pip install -c constraints.txt ".[pointmaze]"`.

Example:
    >>> import tempfile
    >>> from anchordiff.domains.pointmaze.data import (
    ...     GenerationConfig, PointMazeConfig, PointMazeDataset, generate, read_minari
    ... )
    >>> config = GenerationConfig(maze="umaze", steps=600)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = generate(config, folder, progress=False)
    ...     recording = read_minari(made.dataset_id, root=folder, cache=f"{folder}/cache", progress=False)
    >>> dataset = PointMazeDataset(recording, PointMazeConfig(horizon=64, held_out_share=0.0))
    >>> dataset.batch([0, 1]).trajectory.shape
    torch.Size([2, 64, 2])
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
