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

    Raises:
        ValueError: if the path ends in no format that matplotlib writes.
    """
    path = Path(path)
    kind, known = path.suffix.lower().removeprefix("."), figure.canvas.get_supported_filetypes()
    if kind not in known:
        raise ValueError(f"path must end in one of .{', .'.join(sorted(known))}, found {path.name!r}")
    with replacing(path) as file:
        figure.savefig(file, dpi=dpi, format=kind)
    return path
