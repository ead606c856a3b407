"""Writing pictures to files."""

from pathlib import Path

from matplotlib.figure import Figure

from anchordiff.files import replacing


def save_figure(figure: Figure, path: str | Path, *, dpi: int = 150) -> Path:
    """Write a picture so that `path` holds the whole of it or what it held before.

    Args:
        figure: what to write.
        path: the file; its ending decides the format (.png, .svg, .pdf). Folders are made.
        dpi: dots an inch, for .png.

    Returns:
        The path.
    """
    path = Path(path)
    with replacing(path) as file:
        figure.savefig(file, dpi=dpi, format=path.suffix[1:])
    return path
