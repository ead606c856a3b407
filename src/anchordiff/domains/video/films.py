"""Clips as films on disk."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
from jaxtyping import UInt8

from anchordiff.checks import check_array, check_number
from anchordiff.errors import MissingExtraError
from anchordiff.files import replacing

_UINT8: Final = (np.dtype(np.uint8),)


def write_film(
    path: str | Path, frames: UInt8[np.ndarray, "frames rows cols 3"], *, rate: float = 8.0
) -> Path:
    """Write a clip as .mp4 (H.264) or .gif, so that `path` holds the whole of it or what it held before.

    Args:
        path: the file; its ending decides the format. Folders are made.
        frames: red, green and blue in 0 … 255; rows and columns are even for .mp4, as its colours need.
        rate: frames a second.

    Returns:
        `path`.

    Raises:
        ValueError: if the ending is another, or the frames are no such array.
        MissingExtraError: if PyAV (.mp4) or Pillow (.gif) is not installed.
    """
    frames = check_array("frames", frames, _UINT8, ("frames", "rows", "cols", 3))
    rate = check_number("rate", rate, above=0.0)
    path = Path(path)
    writers: dict[str, Callable[[BinaryIO, np.ndarray, float], None]] = {
        ".mp4": _write_mp4,
        ".gif": _write_gif,
    }
    if path.suffix not in writers:
        raise ValueError(f"path must end in {' or '.join(writers)}, found {path.name}")
    if not len(frames):
        raise ValueError("frames must hold at least one, found none")
    with replacing(path) as file:
        writers[path.suffix](file, frames, rate)
    return path


def _write_mp4(file: BinaryIO, frames: np.ndarray, rate: float) -> None:
    try:
        import av
    except ModuleNotFoundError as error:
        raise MissingExtraError("PyAV", "video") from error
    rows, cols = frames.shape[1:3]
    if rows % 2 or cols % 2:
        raise ValueError(f"frames must have even rows and columns for .mp4, found {rows} and {cols}")
    with av.open(file, mode="w", format="mp4") as container:
        stream = container.add_stream(
            "libx264", rate=Fraction(rate).limit_denominator(1000), options={"crf": "12"}
        )
        stream.height, stream.width, stream.pix_fmt = rows, cols, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def _write_gif(file: BinaryIO, frames: np.ndarray, rate: float) -> None:
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise MissingExtraError("Pillow", "video") from error
    first, *others = (Image.fromarray(frame) for frame in frames)
    first.save(file, format="gif", save_all=True, append_images=others, duration=round(1000 / rate), loop=0)
