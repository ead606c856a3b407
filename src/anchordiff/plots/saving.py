"""Writing pictures to files."""

import os
from pathlib import Path

from matplotlib.figure import Figure


def save_figure(figure: Figure, path: str | Path, *, dpi: int = 150) -> Path:
    """Write a picture so that `path` holds the whole of it or what it held before.

    Args:
        figure: what to write.
        path: the file; its ending decides the format (.png, .svg, .pdf). Folders are made.
        dpi: dots an inch, for .png.

    Returns:
        The path.

    Raises:
        ValueError: if the path ends in no format that matplotlib writes.
    """
    path = Path(path)
    kind, known = path.suffix.lower().removeprefix("."), figure.canvas.get_supported_filetypes()
    if kind not in known:
        raise ValueError(f"path must end in one of .{', .'.join(sorted(known))}, found {path.name!r}")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        figure.savefig(part, dpi=dpi, format=kind)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path
