"""What all pictures share: one look, files that are whole, and the curves of a training run.

All return a matplotlib `Figure`, which a notebook shows. The colours are those of Okabe and Ito, which colour-blind
people tell apart, and shapes differ where colours do. What a domain looks like is drawn by the domain.

Example:
    >>> from anchordiff.plots import draw_curves
    >>> log = [{"event": "train", "step": 1, "loss": 2.0, "learning_rate": 1e-3, "grad_norm": 1.0}]
    >>> len(draw_curves(log).axes) > 0
    True
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
