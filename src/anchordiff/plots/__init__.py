"""Pictures: plans, samples, denoising, training curves. All return a matplotlib `Figure`, which a notebook shows.

One look everywhere: walls dark, free cells the lighter the farther from walls, plans blue, keypoints orange,
the expert a green band, collisions crossed. The colours are those of Okabe and Ito, which colour-blind people
tell apart, and shapes differ where colours do.

Example:
    >>> from anchordiff.evaluation import SUITES
    >>> from anchordiff.plots import draw_samples
    >>> batch = SUITES["rooms-21"].load(range(4))
    >>> figure = draw_samples(batch.condition, batch.trajectory)
    >>> figure.axes[0].get_title(loc="left")
    '1 of 1 free'
"""

from anchordiff.plots.cases import Case, draw_cases
from anchordiff.plots.curves import draw_curves
from anchordiff.plots.denoising import draw_denoising
from anchordiff.plots.plan import draw_plan
from anchordiff.plots.rollouts import draw_rollouts
from anchordiff.plots.samples import draw_samples
from anchordiff.plots.saving import save_figure

__all__ = [
    "Case",
    "draw_cases",
    "draw_curves",
    "draw_denoising",
    "draw_plan",
    "draw_rollouts",
    "draw_samples",
    "save_figure",
]
