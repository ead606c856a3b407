"""Parts that both stages' networks are made of.

Example:
    A point is as far from a wall as from the nearest side of a blocked cell, here that of the outside.

    >>> import torch
    >>> walls = torch.zeros(1, 3, 3, dtype=torch.bool)
    >>> round(float(wall_distance(walls, torch.tensor([[[0.25, 1.5]]]))), 2)
    0.25
"""

from anchordiff.nn.clearance import wall_distance
from anchordiff.nn.frame import LineFrame
from anchordiff.nn.maze_encoder import MazeEncoder, MazeEncoderConfig, MazeEncoding
from anchordiff.nn.transformer import RefinementTransformer, TransformerConfig

__all__ = [
    "LineFrame",
    "MazeEncoder",
    "MazeEncoderConfig",
    "MazeEncoding",
    "RefinementTransformer",
    "TransformerConfig",
    "wall_distance",
]
