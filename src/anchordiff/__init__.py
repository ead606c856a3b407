"""anchordiff: plan trajectories with diffusion over sparse anchors and one denoising pass.

Public names are imported when they are first used, so that `import anchordiff` itself costs next to nothing.

Example:
    >>> import anchordiff as ad
    >>> ad.masks.Even(3).sample(1, 7).int().tolist()
    [[1, 0, 0, 1, 0, 0, 1]]
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from anchordiff.version import __version__ as __version__

if TYPE_CHECKING:
    from anchordiff import costs as costs
    from anchordiff import data as data
    from anchordiff import domains as domains
    from anchordiff import errors as errors
    from anchordiff import evaluation as evaluation
    from anchordiff import hub as hub
    from anchordiff import kernels as kernels
    from anchordiff import masks as masks
    from anchordiff import nn as nn
    from anchordiff import plots as plots
    from anchordiff import samplers as samplers
    from anchordiff import schedules as schedules
    from anchordiff import stages as stages
    from anchordiff import training as training
    from anchordiff.anchors import AnchorSet as AnchorSet
    from anchordiff.conditions import Condition as Condition
    from anchordiff.domains.maze.condition import MazeCondition as MazeCondition
    from anchordiff.domains.maze.encoder import MazeEncoderConfig as MazeEncoderConfig
    from anchordiff.domains.maze.judge import MazeJudge as MazeJudge
    from anchordiff.domains.maze.maze import Maze as Maze
    from anchordiff.domains.vector.condition import VectorCondition as VectorCondition
    from anchordiff.domains.vector.data import TrajectoryConfig as TrajectoryConfig
    from anchordiff.domains.vector.data import TrajectoryDataset as TrajectoryDataset
    from anchordiff.domains.vector.encoder import VectorEncoderConfig as VectorEncoderConfig
    from anchordiff.errors import AnchorDiffError as AnchorDiffError
    from anchordiff.errors import CorruptFileError as CorruptFileError
    from anchordiff.errors import MissingExtraError as MissingExtraError
    from anchordiff.errors import TrainingError as TrainingError
    from anchordiff.hub import from_pretrained as from_pretrained
    from anchordiff.hub import push_to_hub as push_to_hub
    from anchordiff.hub import save_pretrained as save_pretrained
    from anchordiff.interpolation import interpolate as interpolate
    from anchordiff.interpolation import with_velocity as with_velocity
    from anchordiff.judge import FunctionJudge as FunctionJudge
    from anchordiff.judge import Judge as Judge
    from anchordiff.nn.transformer import TransformerConfig as TransformerConfig
    from anchordiff.pipeline import Generation as Generation
    from anchordiff.pipeline import PipelineConfig as PipelineConfig
    from anchordiff.pipeline import Plan as Plan
    from anchordiff.pipeline import TwoStagePipeline as TwoStagePipeline
    from anchordiff.stages.denoiser import InterpDenoiser as InterpDenoiser
    from anchordiff.stages.denoiser import InterpDenoiserConfig as InterpDenoiserConfig
    from anchordiff.stages.guidance import ClassifierFreeGuidance as ClassifierFreeGuidance
    from anchordiff.stages.guidance import CostGuidance as CostGuidance
    from anchordiff.stages.keypoints import KeypointDiffusion as KeypointDiffusion
    from anchordiff.stages.keypoints import KeypointDiffusionConfig as KeypointDiffusionConfig
    from anchordiff.states import StateSpace as StateSpace
    from anchordiff.training.pipeline import train_pipeline as train_pipeline

# Where each public name lives; a test holds this against the imports above.
_HOMES: Final = {
    "AnchorDiffError": "anchordiff.errors",
    "AnchorSet": "anchordiff.anchors",
    "ClassifierFreeGuidance": "anchordiff.stages.guidance",
    "Condition": "anchordiff.conditions",
    "CorruptFileError": "anchordiff.errors",
    "CostGuidance": "anchordiff.stages.guidance",
    "FunctionJudge": "anchordiff.judge",
    "Generation": "anchordiff.pipeline",
    "InterpDenoiser": "anchordiff.stages.denoiser",
    "InterpDenoiserConfig": "anchordiff.stages.denoiser",
    "Judge": "anchordiff.judge",
    "KeypointDiffusion": "anchordiff.stages.keypoints",
    "KeypointDiffusionConfig": "anchordiff.stages.keypoints",
    "Maze": "anchordiff.domains.maze.maze",
    "MazeCondition": "anchordiff.domains.maze.condition",
    "MazeEncoderConfig": "anchordiff.domains.maze.encoder",
    "MazeJudge": "anchordiff.domains.maze.judge",
    "MissingExtraError": "anchordiff.errors",
    "PipelineConfig": "anchordiff.pipeline",
    "Plan": "anchordiff.pipeline",
    "StateSpace": "anchordiff.states",
    "TrainingError": "anchordiff.errors",
    "TrajectoryConfig": "anchordiff.domains.vector.data",
    "TrajectoryDataset": "anchordiff.domains.vector.data",
    "TransformerConfig": "anchordiff.nn.transformer",
    "TwoStagePipeline": "anchordiff.pipeline",
    "VectorCondition": "anchordiff.domains.vector.condition",
    "VectorEncoderConfig": "anchordiff.domains.vector.encoder",
    "from_pretrained": "anchordiff.hub",
    "interpolate": "anchordiff.interpolation",
    "push_to_hub": "anchordiff.hub",
    "save_pretrained": "anchordiff.hub",
    "train_pipeline": "anchordiff.training.pipeline",
    "with_velocity": "anchordiff.interpolation",
}
_MODULES: Final = (
    "costs",
    "data",
    "domains",
    "errors",
    "evaluation",
    "hub",
    "kernels",
    "masks",
    "nn",
    "plots",
    "samplers",
    "schedules",
    "stages",
    "training",
)

__all__ = [
    "AnchorDiffError",
    "AnchorSet",
    "ClassifierFreeGuidance",
    "Condition",
    "CorruptFileError",
    "CostGuidance",
    "FunctionJudge",
    "Generation",
    "InterpDenoiser",
    "InterpDenoiserConfig",
    "Judge",
    "KeypointDiffusion",
    "KeypointDiffusionConfig",
    "Maze",
    "MazeCondition",
    "MazeEncoderConfig",
    "MazeJudge",
    "MissingExtraError",
    "PipelineConfig",
    "Plan",
    "StateSpace",
    "TrainingError",
    "TrajectoryConfig",
    "TrajectoryDataset",
    "TransformerConfig",
    "TwoStagePipeline",
    "VectorCondition",
    "VectorEncoderConfig",
    "__version__",
    "costs",
    "data",
    "domains",
    "errors",
    "evaluation",
    "from_pretrained",
    "hub",
    "interpolate",
    "kernels",
    "masks",
    "nn",
    "plots",
    "push_to_hub",
    "samplers",
    "save_pretrained",
    "schedules",
    "stages",
    "train_pipeline",
    "training",
    "with_velocity",
]


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for."""
    if name in _HOMES:
        value: object = getattr(import_module(_HOMES[name]), name)
    elif name in _MODULES:
        value = import_module(f"anchordiff.{name}")
    else:
        raise AttributeError(f"module 'anchordiff' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, whether imported already or not."""
    return sorted({*globals(), *__all__})
