"""Text to video: a frame is a step, its latent patches are the state, a sentence is the condition.

A `VideoCodec` makes latents of pictures and pictures of latents, a `TextEncoder` features of sentences; both are
trained elsewhere, or by `anchordiff train codec`. `ClipLayout` takes latents apart into the patches that networks see
as tokens.

Example:
    >>> import numpy as np
    >>> from anchordiff.domains.video import CAPTIONS, draw_clips, read_shape
    >>> clips, said = draw_clips(0, np.arange(3))
    >>> [read_shape(clip).agrees(caption) == dict.fromkeys(("size", "colour", "shape", "direction"), True)
    ...  for clip, caption in zip(clips, said)]
    [True, True, True]
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
