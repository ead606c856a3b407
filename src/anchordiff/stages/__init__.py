"""The two stages: keypoints by diffusion, and one pass that fills in the steps between them.

A stage is built from its config, which holds what a state is (`StateSpace`) and the encoder of the conditions that it
is for. `restore` makes a trajectory of keypoints; guidance steers the first stage.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
