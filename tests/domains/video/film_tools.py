"""Films whose pictures say which they are: a frame's number is painted into it, a bit a patch, white or black."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

ROWS, COLS = 48, 64
_BITS = (2, 4)  # rows and columns of patches, in the middle square of a picture


def numbered(count: int) -> np.ndarray:
    """Pictures that carry the numbers from 0 on, below 256."""
    bits = (np.arange(count)[:, None] >> np.arange(8) & 1).reshape(count, *_BITS)
    square = np.kron(bits, np.ones((1, ROWS // 2, ROWS // 4)))
    edge = (COLS - ROWS) // 2
    pictures = np.pad(square, ((0, 0), (0, 0), (edge, edge)), mode="edge")
    return np.where(pictures[..., None], 235, 20).astype(np.uint8).repeat(3, axis=3)


def numbers_in(clip: np.ndarray) -> np.ndarray:
    """The numbers that square pictures carry, of at least 8 x 8 pixels."""
    count, rows, cols = clip.shape[:3]
    middles = clip[:, rows // 4 :: rows // 2, cols // 8 :: cols // 4, 1].reshape(count, 8)
    assert ((middles > 190) | (middles < 65)).all()
    return (middles > 128) @ (1 << np.arange(8))


def make_film(
    path: Path,
    times: Sequence[float] | np.ndarray,
    *,
    kind: str = "mp4",
    codec: str = "libx264",
    rate: float = 60.0,
    tick: Fraction = Fraction(1, 90_000),
    options: dict[str, str] | None = None,
    moves: dict[str, str] | None = None,
    turn: tuple[float, bool] = (0.0, False),
    pixel: Fraction | None = None,
    pictures: np.ndarray | None = None,
) -> Path:
    """Write a film with frames at these times; few key frames, so that seeking has to decode forward."""
    if pictures is None:
        pictures = numbered(len(times))
    with av.open(path, "w", format=kind, options=moves or {}) as container:
        stream = container.add_stream(
            codec, rate=Fraction(rate).limit_denominator(1001), options={"g": "20"} | (options or {})
        )
        stream.height, stream.width, stream.pix_fmt = *pictures.shape[1:3], "yuv420p"
        stream.codec_context.time_base = tick
        if pixel is not None:
            stream.codec_context.sample_aspect_ratio = pixel
        if turn != (0.0, False):
            stream.set_display_rotation(turn[0], hflip=turn[1])
        for time, picture in zip(times, pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = round(time / tick), tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def make_sound(path: Path) -> Path:
    with av.open(path, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=16_000)
        stream.layout = "mono"
        silence = np.zeros((1, 16_000), np.float32)
        frame = av.AudioFrame.from_ndarray(silence, format="fltp", layout="mono")
        frame.sample_rate = 16_000
        for part in (frame, None):
            container.mux(stream.encode(part))
    return path
