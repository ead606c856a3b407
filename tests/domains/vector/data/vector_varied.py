"""Settings that leave out and add parts, and what tests of data sets share."""

from dataclasses import fields

import numpy as np
import torch
from torch import Tensor
from vector_made_up import told

from anchordiff.domains.vector.condition import VectorCondition
from anchordiff.domains.vector.data import (
    TrajectoryConfig,
    TrajectoryDataset,
    VectorBatch,
)
from anchordiff.states import StateSpace

PLAIN = StateSpace(positions=2)


WHOLE = TrajectoryConfig(held_out_share=0.0)


def same(a: VectorBatch | VectorCondition, b: VectorBatch | VectorCondition) -> bool:
    for f in fields(a):
        one, two = getattr(a, f.name), getattr(b, f.name)
        if isinstance(one, Tensor):
            if not torch.equal(one, two):
                return False
        elif isinstance(one, VectorCondition):
            if not same(one, two):
                return False
        elif one is not two:
            return False
    return True


VARIED = TrajectoryConfig(
    horizon=8, drop=0.3, drop_ends=0.4, way_points=3, way_point_share=0.6, held_out_share=0.1, seed=5
)


def varied(config: TrajectoryConfig = VARIED, **parts) -> TrajectoryDataset:
    return TrajectoryDataset(told([40] * 20, context=np.ones((20, 2)), **parts), config, space=PLAIN)
