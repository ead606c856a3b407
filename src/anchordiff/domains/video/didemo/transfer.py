"""One file from a server, whole or not at all, however often the connection breaks."""

import http.client
import json
import re
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from anchordiff.checks import check_integer, check_number
from anchordiff.errors import DownloadError
from anchordiff.files import write_whole

MISSING: Final = (403, 404)
"""Answers that say that a file is not there, to us."""

_BLOCK: Final = 1 << 16
_LONGEST_PAUSE: Final = 30.0


class MissingFileError(DownloadError):
    """The server has no such file, or does not give it."""


@final
@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a server is asked again.

    Attributes:
        tries: calls of one file in a row that end without a byte more than there has been.
        pause: seconds before the second try; twice as long before each further one.
        timeout: seconds without an answer.

    Raises:
        ValueError: if a value is out of its range.
    """

    tries: int = 5
    pause: float = 1.0
    timeout: float = 30.0

    def __post_init__(self) -> None:
        check_integer("tries", self.tries)
        check_number("pause", self.pause, least=0.0)
        check_number("timeout", self.timeout, above=0.0)


def download_file(address: str, path: Path, *, patience: Patience | None = None) -> int:
    """Download a file; what an earlier call got of it is not asked for again.

    The file grows beside `path`, under another name, and gets its own when it is whole. A part that the server's file
    does not go on from, since that has changed, is thrown away.

    Args:
        address: of the file, by http or https.
        path: where it goes. Folders are made.
        patience: how long the server is asked again after errors of its own (5xx) and of the connection.

    Returns:
        Its bytes.

    Raises:
        MissingFileError: if the server answers 403 or 404.
        DownloadError: if it answers otherwise, or does not give the whole.
    """
    patience = patience or Patience()
    part = path.with_name(f"{path.name}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    left, reason = patience.tries, ""
    most = part.stat().st_size if part.exists() else 0
    while left:
        try:
            size = _go_on(address, part, timeout=patience.timeout)
        except urllib.error.HTTPError as error:
            with error:
                if error.code in MISSING:
                    raise MissingFileError(
                        f"{address} is not there: the server answers {error.code}"
                    ) from None
                if error.code == 416:  # asked for more than there is: the part is of another file
                    _throw_away(part)
                elif error.code < 500:
                    raise DownloadError(
                        f"{address}: the server answers {error.code} ({error.reason})"
                    ) from None
                reason = f"the server answers {error.code}"
        except (OSError, http.client.HTTPException) as error:
            reason = f"{type(error).__name__}: {error}"
        else:
            if part.stat().st_size == size:
                part.replace(path)
                _record_of(part).unlink(missing_ok=True)
                return size
            reason = f"it broke off after {part.stat().st_size} of {size} bytes"
        now = part.stat().st_size if part.exists() else 0
        # Not more than the last call had: one that is thrown away each time would be asked for without end.
        left = patience.tries if now > most else left - 1
        most = max(most, now)
        time.sleep(
            min(patience.pause * 2 ** (patience.tries - max(left, 1)), _LONGEST_PAUSE) if left else 0.0
        )
    raise DownloadError(
        f"{address} was not downloaded whole: {reason}; call again: what there is of it is kept"
    )


def _go_on(address: str, part: Path, *, timeout: float) -> int:
    """Get what is missing of a part; gives the size of the whole."""
    have = part.stat().st_size if part.exists() else 0
    record = _read_record(part)
    headers = {"User-Agent": "anchordiff", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if record.get("tag"):
            headers["If-Range"] = record["tag"]
    request = urllib.request.Request(address, headers=headers)
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        length = answer.headers.get("Content-Length")
        if length is None:
            raise DownloadError(f"{address}: the server does not tell the size of the file")
        begin, size = _place(answer, int(length))
        if begin != have or (record.get("size") not in (None, size) and begin):
            # The whole from its beginning, or a file that has changed.
            _throw_away(part)
            if begin:
                raise OSError("the file has changed on the server")
        tag = answer.headers.get("ETag", "")
        _write_record(part, {"size": size, "tag": "" if tag.startswith("W/") else tag})
        with part.open("ab") as file:
            while block := answer.read(_BLOCK):
                file.write(block)
    return size


def _place(answer: Any, length: int) -> tuple[int, int]:  # noqa: ANN401
    """Where in the file an answer begins, and the size of the whole."""
    if answer.status != 206:
        return 0, length
    match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.headers.get("Content-Range", ""))
    if match is None:
        raise OSError(f"the server tells no range, but {answer.headers.get('Content-Range')!r}")
    return int(match[1]), int(match[3])


def _record_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_record(part: Path) -> dict[str, Any]:
    try:
        found = json.loads(_record_of(part).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_record(part: Path, record: dict[str, Any]) -> None:
    write_whole(_record_of(part), json.dumps(record).encode())


def _throw_away(part: Path) -> None:
    part.unlink(missing_ok=True)
    _record_of(part).unlink(missing_ok=True)
