"""anchordiff: plan trajectories with diffusion over sparse anchors and one denoising pass.

Public names are imported when they are first used, so that `import anchordiff` itself costs next to nothing.

Example:
    >>> import anchordiff as ad
    >>> ad.masks.Even(3).sample(1, 7).int().tolist()
    [[1, 0, 0, 1, 0, 0, 1]]
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from anchordiff import data as data
    from anchordiff import errors as errors
    from anchordiff import evaluation as evaluation
    from anchordiff import hub as hub
    from anchordiff import kernels as kernels
    from anchordiff import masks as masks
    from anchordiff import plots as plots
    from anchordiff import pointmaze as pointmaze
    from anchordiff import samplers as samplers
    from anchordiff import schedules as schedules
    from anchordiff import training as training
    from anchordiff.anchors import AnchorSet as AnchorSet
    from anchordiff.conditions import MazeCondition as MazeCondition
    from anchordiff.denoiser import InterpDenoiser as InterpDenoiser
    from anchordiff.denoiser import InterpDenoiserConfig as InterpDenoiserConfig
    from anchordiff.errors import AnchorDiffError as AnchorDiffError
    from anchordiff.errors import CorruptFileError as CorruptFileError
    from anchordiff.errors import MissingExtraError as MissingExtraError
    from anchordiff.errors import TrainingError as TrainingError
    from anchordiff.hub import from_pretrained as from_pretrained
    from anchordiff.hub import push_to_hub as push_to_hub
    from anchordiff.hub import save_pretrained as save_pretrained
    from anchordiff.interpolation import interpolate as interpolate
    from anchordiff.interpolation import with_velocity as with_velocity
    from anchordiff.keypoints import KeypointDiffusion as KeypointDiffusion
    from anchordiff.keypoints import KeypointDiffusionConfig as KeypointDiffusionConfig
    from anchordiff.maze import Maze as Maze
    from anchordiff.nn.maze_encoder import MazeEncoderConfig as MazeEncoderConfig
    from anchordiff.nn.transformer import TransformerConfig as TransformerConfig
    from anchordiff.pipeline import Generation as Generation
    from anchordiff.pipeline import PipelineConfig as PipelineConfig
    from anchordiff.pipeline import Plan as Plan
    from anchordiff.pipeline import TwoStagePipeline as TwoStagePipeline

__version__ = "0.1.0"

# Where each public name lives; a test holds this against the imports above.
_HOMES: Final = {
    "AnchorDiffError": "anchordiff.errors",
    "AnchorSet": "anchordiff.anchors",
    "CorruptFileError": "anchordiff.errors",
    "Generation": "anchordiff.pipeline",
    "InterpDenoiser": "anchordiff.denoiser",
    "InterpDenoiserConfig": "anchordiff.denoiser",
    "KeypointDiffusion": "anchordiff.keypoints",
    "KeypointDiffusionConfig": "anchordiff.keypoints",
    "Maze": "anchordiff.maze",
    "MazeCondition": "anchordiff.conditions",
    "MazeEncoderConfig": "anchordiff.nn.maze_encoder",
    "MissingExtraError": "anchordiff.errors",
    "PipelineConfig": "anchordiff.pipeline",
    "Plan": "anchordiff.pipeline",
    "TrainingError": "anchordiff.errors",
    "TransformerConfig": "anchordiff.nn.transformer",
    "TwoStagePipeline": "anchordiff.pipeline",
    "from_pretrained": "anchordiff.hub",
    "interpolate": "anchordiff.interpolation",
    "push_to_hub": "anchordiff.hub",
    "save_pretrained": "anchordiff.hub",
    "with_velocity": "anchordiff.interpolation",
}
_MODULES: Final = (
    "data",
    "errors",
    "evaluation",
    "hub",
    "kernels",
    "masks",
    "plots",
    "pointmaze",
    "samplers",
    "schedules",
    "training",
)

__all__ = [
    "AnchorDiffError",
    "AnchorSet",
    "CorruptFileError",
    "Generation",
    "InterpDenoiser",
    "InterpDenoiserConfig",
    "KeypointDiffusion",
    "KeypointDiffusionConfig",
    "Maze",
    "MazeCondition",
    "MazeEncoderConfig",
    "MissingExtraError",
    "PipelineConfig",
    "Plan",
    "TrainingError",
    "TransformerConfig",
    "TwoStagePipeline",
    "__version__",
    "data",
    "errors",
    "evaluation",
    "from_pretrained",
    "hub",
    "interpolate",
    "kernels",
    "masks",
    "plots",
    "pointmaze",
    "push_to_hub",
    "samplers",
    "save_pretrained",
    "schedules",
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
