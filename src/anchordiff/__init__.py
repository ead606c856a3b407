"""anchordiff: plan trajectories with diffusion over sparse anchors and one denoising pass.

Public names are imported when they are first used, so that `import anchordiff` itself costs next to nothing.

Example:
    >>> import anchordiff as ad
    >>> ad.masks.Even(3).sample(1, 7).int().tolist()
    [[1, 0, 0, 1, 0, 0, 1]]
"""

import lazy_loader

from anchordiff.version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
