"""The two stages: keypoints by diffusion, and one pass that fills in the steps between them.

A stage is built from its config, which holds what a state is (`StateSpace`) and the encoder of the conditions that it
is for. `restore` makes a trajectory of keypoints; guidance steers the first stage.
"""

from anchordiff.stages.denoiser import InterpDenoiser, InterpDenoiserConfig
from anchordiff.stages.guidance import ClassifierFreeGuidance, CostGuidance, Guidance, GuidedStep
from anchordiff.stages.keypoints import KeypointDiffusion, KeypointDiffusionConfig
from anchordiff.stages.loss import StageLoss, Term
from anchordiff.stages.restore import Clamp, ClampDims, Restored, restore

__all__ = [
    "Clamp",
    "ClampDims",
    "ClassifierFreeGuidance",
    "CostGuidance",
    "Guidance",
    "GuidedStep",
    "InterpDenoiser",
    "InterpDenoiserConfig",
    "KeypointDiffusion",
    "KeypointDiffusionConfig",
    "Restored",
    "StageLoss",
    "Term",
    "restore",
]
