"""Where the codec of a pipeline of clips lies."""

from pathlib import Path
from typing import Final

from anchordiff.files import write_whole
from anchordiff.hub.layout import CONFIG, WEIGHTS

CODEC: Final = "codec"
"""Folder of the codec within that of a pipeline."""


def copy_codec(codec: Path, pipeline: Path) -> None:
    """Put a trained codec, with the record of its training, beside a pipeline's stages.

    Args:
        codec: folder of the codec.
        pipeline: folder of the pipeline.
    """
    for name in (WEIGHTS, CONFIG, "training/config.json", "training/log.jsonl"):
        if (codec / name).is_file():
            write_whole(pipeline / CODEC / name, (codec / name).read_bytes())
