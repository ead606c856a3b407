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
    >>> from anchordiff import from_pretrained, save_pretrained
    >>> from anchordiff.domains.maze import MazeEncoderConfig
    >>> from anchordiff.nn.config import TransformerConfig
    >>> from anchordiff.stages.keypoints import KeypointDiffusion
    >>> from anchordiff.stages.config import KeypointDiffusionConfig
    >>> tiny = TransformerConfig(width=32, depth=1)
    >>> config = KeypointDiffusionConfig(encoder=MazeEncoderConfig(), num_keypoints=6, transformer=tiny)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = save_pretrained(KeypointDiffusion(config), folder)
    ...     from_pretrained(path).config == config
    True
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
