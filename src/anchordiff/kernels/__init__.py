"""Geometry and search on NumPy arrays, compiled by Numba; no torch here.

Import functions from their modules: `grid_path` and `geodesic` (shortest paths and distances), `distance`
(exact Euclidean distance), `line_of_sight`, `string_pull` and `polyline` (continuous paths), `maze` and
`sample` (generators), `interpolate` and `anchors`. A kernel is compiled on its first call, and the
machine code is kept on disk.

Example:
    >>> import numpy as np
    >>> from anchordiff.kernels.grid_path import shortest_path
    >>> shortest_path(np.zeros((3, 3), bool), (0, 0), (2, 2)).tolist()
    [[0, 0], [1, 1], [2, 2]]
"""
