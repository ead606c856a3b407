"""Where a saved model or pipeline is: in the package, in a folder or on the Hub."""

import re
from importlib.resources import files
from pathlib import Path
from typing import Final

from anchordiff.checks import check_type
from anchordiff.errors import DownloadError
from anchordiff.hub.layout import CONFIG, INDEX, WEIGHTS, read_json

_REPO: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def bundled_names() -> list[str]:
    """Names of the pipelines and models that come with the package."""
    folder = Path(str(files("anchordiff"))) / "weights"
    if not folder.is_dir():
        return []
    return sorted(f.name for f in folder.iterdir() if (f / INDEX).is_file() or (f / CONFIG).is_file())


def locate(
    source: str | Path,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    subfolder: str | None = None,
) -> Path:
    """Find the folder that `source` means, downloading it where it is on the Hub.

    Raises:
        ValueError: if `source` is nothing of these, or `revision` is given for what has no revisions.
        FileNotFoundError: if `source` is a path and there is no such folder.
        Exception: whatever the Hub's client raises, with a note that there is no such folder either.
    """
    check_type("source", source, str, Path)
    if subfolder is not None:
        check_type("subfolder", subfolder, str)
    folder = _locate_here(source)
    if folder is None:
        try:
            folder = _download(
                str(source), revision=revision, token=token, cache_dir=cache_dir,
                local_files_only=local_files_only, subfolder=subfolder,
            )  # fmt: skip
        except DownloadError:
            raise
        except Exception as error:
            # A mistyped path looks like an id, and the client's message is about connections alone.
            error.add_note(f"there is no folder {source} here")
            raise
    elif revision is not None:
        raise ValueError(
            f"revision must be left out where source is not on the Hub, found {revision!r} for {folder}"
        )
    return folder if subfolder is None else folder / subfolder


def domain_of(source: str | Path) -> str | None:
    """The domain that a pipeline on this machine says it is of, by the config of its stage 1.

    Returns:
        None where it says none, as weights of 0.1.0 do, or is not on this machine.

    Raises:
        ValueError: if `source` is nothing that `locate` takes.
        FileNotFoundError: if it is a path and there is no such folder, or no stage 1 in it.
        CorruptFileError: if the config cannot be read.

    Example:
        >>> domain_of("moving-shapes")
        'video'
    """
    folder = _locate_here(source)
    if folder is None:
        return None
    encoder = read_json(folder / "keypoints" / CONFIG).get("encoder")
    domain = encoder.get("domain") if isinstance(encoder, dict) else None
    return domain if isinstance(domain, str) else None


def _locate_here(source: str | Path) -> Path | None:
    """A folder on this machine, or None for a Hub id."""
    if isinstance(source, str):
        if source in bundled_names():
            return Path(str(files("anchordiff"))) / "weights" / source
        if not Path(source).is_dir() and _REPO.fullmatch(source):
            return None
        if not Path(source).is_dir() and "/" not in source and "\\" not in source:
            names = ", ".join(map(repr, bundled_names())) or "none in this installation"
            raise ValueError(
                f"source must be a bundled name ({names}), a folder or an id 'org/repo' of the Hub, "
                f"found {source!r}"
            )
    folder = Path(source).expanduser()
    if not folder.is_dir():
        others = ", a bundled name or 'org/repo'" if isinstance(source, str) else " where it is a Path"
        raise FileNotFoundError(f"source must be a folder{others}, found {str(source)!r}, which is none")
    return folder


def _download(
    repo_id: str,
    *,
    revision: str | None,
    token: str | bool | None,
    cache_dir: str | Path | None,
    local_files_only: bool,
    subfolder: str | None,
) -> Path:
    """One snapshot: all files come from the same commit."""
    from huggingface_hub import snapshot_download

    from anchordiff.version import __version__

    wanted = [f"{subfolder}/{name}" for name in (CONFIG, WEIGHTS)] if subfolder is not None else [
        INDEX, CONFIG, WEIGHTS, f"*/{CONFIG}", f"*/{WEIGHTS}",
    ]  # fmt: skip
    try:
        folder = snapshot_download(
            repo_id, revision=revision, token=token, cache_dir=cache_dir, local_files_only=local_files_only,
            allow_patterns=wanted, library_name="anchordiff", library_version=__version__,
        )  # fmt: skip
    except Exception as error:
        # The client lets errors of the transport below it through, whichever library that is.
        if type(error).__module__.split(".")[0].startswith(("http", "requests", "urllib3")):
            raise DownloadError(
                f"{repo_id} was not downloaded whole ({type(error).__name__}: {' '.join(str(error).split())}); call "
                "again: files that are whole are kept"
            ) from None
        raise
    return Path(folder)
