"""Geometry and search on grids of cells.

`grid_path` and `geodesic` (shortest paths and distances), `distance` (exact Euclidean distance), `line_of_sight`,
`string_pull` and `polyline` (continuous paths), `maze` and `sample` (generators), `value_iteration`.

Example:
    >>> import numpy as np
    >>> from anchordiff.kernels.grid.grid_path import shortest_path
    >>> shortest_path(np.zeros((3, 3), bool), (0, 0), (2, 2)).tolist()
    [[0, 0], [1, 1], [2, 2]]
"""
