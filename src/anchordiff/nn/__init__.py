"""Parts that both stages' networks are made of; none knows what a trajectory runs through.

Example:
    >>> import torch
    >>> from anchordiff.nn import Frame
    >>> from anchordiff.states import StateSpace
    >>> space = StateSpace(positions=3, scale=1.0)
    >>> times = torch.linspace(0, 1, 5)[None]
    >>> Frame.around(torch.zeros(1, 1, 3), times, states=space, horizon=5).spread.shape
    torch.Size([1, 5, 3])
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
