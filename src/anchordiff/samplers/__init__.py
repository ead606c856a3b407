"""Samplers: from noise to data with a denoiser and a schedule, and nothing else.

Example:
    Data that is one point needs no network: its denoiser is constant.

    >>> import torch
    >>> from anchordiff.schedules import Rectified
    >>> x_1 = torch.randn(2, 8, 2, generator=torch.Generator().manual_seed(0))
    >>> x_0 = FlowSampler(steps=10)(lambda x_t, t: torch.full_like(x_t, 3.0), x_1, Rectified())
    >>> bool((x_0 == 3.0).all())
    True
"""

from anchordiff.samplers.base import Callback, Denoise, Project, Sampler, Spacing, time_grid
from anchordiff.samplers.ddim import DDIMSampler
from anchordiff.samplers.ddpm import DDPMSampler, Variance
from anchordiff.samplers.flow import FlowMethod, FlowSampler
from anchordiff.samplers.noise import ElementNoise, NoiseSource
from anchordiff.samplers.prediction import Prediction, add_noise, target, to_x0

__all__ = [
    "Callback",
    "DDIMSampler",
    "DDPMSampler",
    "Denoise",
    "ElementNoise",
    "FlowMethod",
    "FlowSampler",
    "NoiseSource",
    "Prediction",
    "Project",
    "Sampler",
    "Spacing",
    "Variance",
    "add_noise",
    "target",
    "time_grid",
    "to_x0",
]
