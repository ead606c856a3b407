"""The planner: keypoints by diffusion, interpolation, one pass that fills in the rest.

Example:
    >>> import torch
    >>> from anchordiff.domains.maze import MazeCondition, MazeEncoderConfig
    >>> from anchordiff.nn import TransformerConfig
    >>> from anchordiff.pipeline import TwoStagePipeline
    >>> from anchordiff.stages import (
    ...     InterpDenoiser, InterpDenoiserConfig, KeypointDiffusion, KeypointDiffusionConfig
    ... )
    >>> sizes = {"encoder": MazeEncoderConfig(), "transformer": TransformerConfig(width=32, depth=1)}
    >>> pipe = TwoStagePipeline(
    ...     KeypointDiffusion(KeypointDiffusionConfig(**sizes)), InterpDenoiser(InterpDenoiserConfig(**sizes))
    ... )
    >>> walls = torch.zeros(1, 5, 7, dtype=torch.bool)
    >>> condition = MazeCondition.from_arrays(walls, torch.tensor([[0.5, 0.5]]), torch.tensor([[6.5, 4.5]]))
    >>> out = pipe.generate(condition, num_samples=3, generator=torch.Generator().manual_seed(0))
    >>> out.trajectory.shape, out.keypoints.shape
    (torch.Size([3, 64, 2]), torch.Size([3, 8, 2]))
    >>> out.trajectory[0, -1].tolist()
    [6.5, 4.5]
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
