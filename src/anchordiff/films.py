"""Films that are written, and shown in notebooks.

Example:
    >>> import tempfile
    >>> clip = np.full((16, 32, 48, 3), 128, np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Film(clip, fps=8.0).save(f"{folder}/grey.gif").name
    'grey.gif'
"""

import base64
import io
import shutil
import subprocess
import tempfile
import warnings
from dataclasses import dataclass
from fractions import Fraction
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Final, final

import numpy as np
from jaxtyping import UInt8

from anchordiff.checks import check_array, check_number
from anchordiff.errors import AnchorDiffError, MissingExtraError
from anchordiff.files import replacing

_UINT8: Final = (np.dtype(np.uint8),)
_QUALITY: Final = {"libx264": {"crf": "12"}, "mpeg4": {"qmin": "2", "qmax": "3"}}
_MOST_FPS: Final = {".mp4": 1000.0, ".gif": 50.0}
_BT709: Final = 1  # code of its matrix, primaries and transfer in a stream
_LIMITED: Final = 1  # code of the range 16 … 235
_TICK: Final = 100  # a second, of .gif
_MOST_TICKS: Final = 65535  # of a picture in .gif


@final
@dataclass(frozen=True)
class Film:
    """Pictures in time; as the value of a notebook's code it plays.

    Attributes:
        frames: red, green and blue in 0 … 255.
        fps: frames a second.
    """

    frames: UInt8[np.ndarray, "frames rows cols 3"]
    fps: float = 8.0

    def save(self, path: str | Path) -> Path:
        """Write the film; see `write_film`."""
        return write_film(path, self.frames, fps=self.fps)

    def _repr_html_(self) -> str:
        """The film as a gif within the page."""
        check_film(".gif", frames=len(self.frames), size=self.frames.shape[1:3], fps=self.fps)
        buffer = io.BytesIO()
        _write_gif(buffer, self.frames, self.fps)
        return f'<img src="data:image/gif;base64,{base64.b64encode(buffer.getvalue()).decode()}">'


def write_film(
    path: str | Path, frames: UInt8[np.ndarray, "frames rows cols 3"], *, fps: float = 8.0
) -> Path:
    """Write a clip as .mp4 (H.264) or .gif, so that `path` holds the whole of it or what it held before.

    A .gif has at most 256 colours a picture, chosen for each, and loops for ever.

    Args:
        path: the file; its ending decides the format. Folders are made.
        frames: red, green and blue in 0 … 255; rows and columns are even for .mp4, which stores colours at half size.
        fps: frames a second, from 0.01 to 1000; at most 50 for .gif, whose viewers slow down what is faster.

    Returns:
        The path.

    Raises:
        ValueError: if the ending is another, the frames are no such array, or the fps is out of its range.
        MissingExtraError: if Pillow (.gif) is not installed, or for .mp4 neither PyAV nor the program ffmpeg.
        AnchorDiffError: if ffmpeg fails.

    Warns:
        RuntimeWarning: if the FFmpeg of this PyAV has no libx264; then the codec of .mp4 is MPEG-4 Part 2.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending not in _MOST_FPS:
        raise ValueError(f"path must end in {' or '.join(_MOST_FPS)}, found {path.name!r}")
    frames = check_array("frames", frames, _UINT8, ("frames", "rows", "cols", 3))
    check_film(ending, frames=len(frames), size=frames.shape[1:3], fps=fps)
    write = _write_gif if ending == ".gif" else _write_mp4 if _is_there("av") else _pipe_mp4
    with replacing(path) as file:
        write(file, frames, float(fps))
    return path


def check_writer(ending: str) -> None:
    """Check that films of a format can be written here, before work is done for one.

    Args:
        ending: ".mp4" or ".gif".

    Raises:
        MissingExtraError: if what writes it is not installed.
    """
    if ending == ".gif" and not _is_there("PIL"):
        raise MissingExtraError("Pillow", "film")
    if ending == ".mp4" and not _is_there("av") and shutil.which("ffmpeg") is None:
        raise MissingExtraError("PyAV (nor the program ffmpeg)", "film")


def _is_there(module: str) -> bool:
    try:
        import_module(module)
    except ModuleNotFoundError:
        return False
    return True


def check_film(ending: str, *, frames: int, size: tuple[int, ...], fps: float) -> None:
    """Check that `write_film` can write such a film, before work is done for one.

    Args:
        ending: ".mp4" or ".gif".
        frames: how many there are.
        size: rows and columns of one, in pixels.
        fps: frames a second.

    Raises:
        ValueError: if the frames are none, or their size or fps is none of the format's.
        MissingExtraError: if what writes that format is not installed.
    """
    check_writer(ending)
    if 0 in (frames, *size):
        raise ValueError(
            f"frames must hold at least one picture of at least one pixel, found {(frames, *size, 3)}"
        )
    fps = check_number(f"fps of {ending}", fps, least=0.01, most=_MOST_FPS[ending])
    rows, cols = size
    if ending == ".mp4" and (rows % 2 or cols % 2):
        raise ValueError(f"frames must have even rows and columns for .mp4, found {rows} and {cols}")
    if ending == ".gif" and (max(rows, cols) > 65535 or frames / fps * _TICK > _MOST_TICKS):
        raise ValueError(
            f"frames must be at most 65535 wide and high and last at most {_MOST_TICKS / _TICK:g} s for .gif, "
            f"found {rows} x {cols} and {frames / fps:g} s"
        )


def _write_mp4(file: BinaryIO, frames: np.ndarray, fps: float) -> None:
    import av

    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    if codec == "mpeg4":
        warnings.warn(
            "FFmpeg lacks libx264 here: the codec of .mp4 is MPEG-4 Part 2, which browsers do not play",
            RuntimeWarning,
            stacklevel=3,
        )
    # MPEG-4 Part 2 has 16 bits for the parts of a second.
    exact = Fraction(fps).limit_denominator(max(1, min(1001, int(65535 / fps))))
    with av.open(file, mode="w", format="mp4") as container:
        stream: Any = container.add_stream(codec, rate=exact, options=_QUALITY[codec])
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        stream.colorspace = stream.color_primaries = stream.color_trc = _BT709
        stream.color_range = _LIMITED
        for place, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG"
            )
            frame.pts, frame.time_base = place, 1 / exact
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _write_gif(file: BinaryIO, frames: np.ndarray, fps: float) -> None:
    from PIL import Image

    # Rounded where each picture ends, so that the whole lasts as long as it should.
    ends = [round(_TICK * place / fps) for place in range(len(frames) + 1)]
    first, *others = (Image.fromarray(frame).quantize(256, dither=Image.Dither.NONE) for frame in frames)
    first.save(
        file,
        format="gif",
        save_all=True,
        append_images=others,
        duration=[1000 // _TICK * (after - before) for before, after in pairwise(ends)],
        loop=0,
    )


def _pipe_mp4(file: BinaryIO, frames: np.ndarray, fps: float) -> None:
    """By the program ffmpeg, which wants a file of its own to go back in."""
    rows, cols = frames.shape[1:3]
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "film.mp4"
        words = [
            "ffmpeg", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{cols}x{rows}",
            "-r", str(Fraction(fps).limit_denominator(1001)), "-i", "-", "-vf",
            "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p", "-c:v", "libx264",
            "-crf", _QUALITY["libx264"]["crf"], "-colorspace", "bt709", "-color_primaries", "bt709",
            "-color_trc", "bt709", "-color_range", "tv", str(made),
        ]  # fmt: skip
        done = subprocess.run(words, input=frames.tobytes(), capture_output=True, check=False)
        if done.returncode:
            told = done.stderr.decode(errors="replace").strip()
            raise AnchorDiffError(f"ffmpeg could not write the film: {told}")
        file.write(made.read_bytes())
