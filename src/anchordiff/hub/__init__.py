"""Save networks and pipelines, and load them from the package, a folder or the Hub.

A pipeline's folder, in the layout of diffusers:

    model_index.json            class, anchordiff_version, config, and the class of each component
    keypoints/config.json       class, anchordiff_version and the fields of the component's config
    keypoints/model.safetensors
    denoiser/…

A single network is one such component folder. Nothing in a folder is executed: class names are looked up in
this library's registry (see `register`).

Example:
    >>> import tempfile
    >>> from anchordiff.domains.maze import MazeEncoderConfig
    >>> from anchordiff.nn.transformer import TransformerConfig
    >>> from anchordiff.stages.keypoints import KeypointDiffusion, KeypointDiffusionConfig
    >>> tiny = TransformerConfig(width=32, depth=1)
    >>> config = KeypointDiffusionConfig(encoder=MazeEncoderConfig(), num_keypoints=6, transformer=tiny)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_pretrained(KeypointDiffusion(config), folder)
    ...     from_pretrained(path).config == config
    True
"""

from anchordiff.hub.pretrained import PushOptions, from_pretrained, push_to_hub, save_pretrained
from anchordiff.hub.registry import Composite, register
from anchordiff.hub.sources import bundled_names, locate

__all__ = [
    "Composite",
    "PushOptions",
    "bundled_names",
    "from_pretrained",
    "locate",
    "push_to_hub",
    "register",
    "save_pretrained",
]
