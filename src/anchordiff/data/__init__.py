"""Data sets of trajectories of any states, and the places of their batches in a run.

A domain's data set gives a `TrajectoryBatch` for a sample's index, and so for a training slot: data are a pure function
of the place in a run.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
