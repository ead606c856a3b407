"""Films: clips read by time, clips written, and pictures of them.

Example:
    >>> import tempfile
    >>> import numpy as np
    >>> from anchordiff.domains.video import film_info, read_clip, write_film
    >>> clip = np.full((16, 32, 48, 3), 128, np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_film(f"{folder}/grey.mp4", clip, rate=8.0)
    ...     film_info(path).seconds, read_clip(path, start=0.5, seconds=1.0, frames=4, size=(16, 16)).shape
    (2.0, (4, 16, 16, 3))
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
