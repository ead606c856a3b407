"""Mazes: go from a start to a goal without touching a wall.

Positions are `(x, y)` in cells: x along columns, y along rows, downwards; cell (row i, col j) covers
[j, j + 1) × [i, i + 1). Samples are made on the fly, with an expert's trajectory; `anchordiff.domains.maze.plots`
draws them.

Example:
    >>> from anchordiff.domains.maze import SUITES, is_success
    >>> batch = SUITES["particle-21"].load(range(20))
    >>> bool(is_success(batch.condition, batch.trajectory).all())
    True
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
