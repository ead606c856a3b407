"""Clips with sentences as training samples: caches of latents, and what is drawn of them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
