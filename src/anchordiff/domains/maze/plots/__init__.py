"""Pictures of mazes: plans, samples, cases, denoising.

Walls dark, free cells white, trajectories blue, keypoints orange, the expert a green band, collisions crossed. All draw
on axes of the caller's where `ax` gives them.

Example:
    >>> from anchordiff.domains.maze import SUITES
    >>> from anchordiff.domains.maze.plots import draw_samples
    >>> batch = SUITES["rooms-21"].load(range(4))
    >>> figure = draw_samples(batch.condition, batch.trajectory)
    >>> figure.axes[0].get_title(loc="left")
    '1 of 1 free'
"""

from anchordiff.domains.maze.plots.cases import Case, draw_cases
from anchordiff.domains.maze.plots.denoising import draw_denoising
from anchordiff.domains.maze.plots.plan import draw_plan
from anchordiff.domains.maze.plots.samples import draw_samples
from anchordiff.domains.maze.plots.step import draw_step

__all__ = ["Case", "draw_cases", "draw_denoising", "draw_plan", "draw_samples", "draw_step"]
