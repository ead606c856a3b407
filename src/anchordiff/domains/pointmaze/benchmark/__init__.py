"""D4RL's Maze2D benchmark in closed loop, in MuJoCo: stored episodes, agents, scores and reference rows.

Needs `pip install -c constraints.txt ".[pointmaze]"`.

Example:
    >>> from anchordiff.domains.pointmaze.benchmark import Random, evaluate_maze2d
    >>> evaluation = evaluate_maze2d([Random()], maze="umaze", task="single", episodes=2)
    >>> evaluation["random"].scores.shape
    (2,)
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
