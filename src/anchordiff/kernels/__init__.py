"""Numerics on NumPy arrays, compiled by Numba; no torch here.

Import functions from their modules: `interpolate`, `anchors` and `max_gap` work on trajectories of any states,
`refinement` on networks' blocks; `anchordiff.kernels.grid` has search and geometry on grids. A kernel is compiled on
its first call, and the machine code is kept on disk.

Example:
    >>> import numpy as np
    >>> from anchordiff.kernels.interpolate import interpolate_linear
    >>> interpolate_linear(np.array([[[0.0], [4.0]]]), np.array([[0, 4]]), 5).ravel().tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0]
"""
