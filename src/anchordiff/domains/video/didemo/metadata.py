"""DiDeMo's sentences, the times that people gave for them, and its videos' licences.

A video is cut into chunks of five seconds; each of several people said in which chunk a sentence's moment begins and in
which it ends.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, final, get_args

from anchordiff.checks import check_choice
from anchordiff.errors import CorruptFileError

COMMIT: Final = "b6a555c8134581305d0ed4716fbc192860e0b88c"
"""Of the repository LisaAnne/LocalizingMoments, whose folder `data` holds the metadata."""

ADDRESS: Final = f"https://raw.githubusercontent.com/LisaAnne/LocalizingMoments/{COMMIT}/data"

BLOBS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "train_data.json": "ce7c7cb68c776bfcdc790bd7b1bbbbdd4278a7df",
        "val_data.json": "1520194905980ca72a1d2351d5ba2a3e3bf5b5c4",
        "test_data.json": "6cc62877fa5cd35fe323dd133f13a2595faa59ae",
        "yfcc100m_hash.txt": "1a1976d9ebe4f217067f2e6ebc140fd330c836d1",
        "video_licenses.txt": "73c97e1b7afa553097c0839398bf3f63bb4a7c1b",
    }
)
"""Git blob hash of each file at that commit."""

CHUNK_SECONDS: Final = 5.0

Split = Literal["train", "val", "test"]

Ties = Literal["skip", "first", "shortest"]
"""What is done where several moments were given equally often: the sentence is left out, the one that was given first
is taken, or the shortest of them, and of these the first."""

Chunks = tuple[int, int]
"""The first and the last chunk of a moment."""


@final
@dataclass(frozen=True, kw_only=True)
class Caption:
    """A sentence about a moment of a video.

    Attributes:
        annotation_id: of the sentence.
        text: the sentence.
        video_id: of the video on Flickr.
        num_chunks: into which the video was cut, five or six.
        times: what each person gave.
    """

    annotation_id: int
    text: str
    video_id: str
    num_chunks: int
    times: tuple[Chunks, ...]

    def moment(self, *, ties: Ties = "skip") -> Chunks | None:
        """The moment that most people gave; see `majority_moment`."""
        return majority_moment(self.times, ties=ties)


@final
@dataclass(frozen=True, kw_only=True)
class Licence:
    """What may be done with a video, and where it is from.

    Attributes:
        name: as "by" or "by-nc-sa".
        address: of its text.
        source: address of the video, for attribution.
    """

    name: str
    address: str
    source: str


def git_blob_hash(content: bytes) -> str:
    """The name that git gives a file of that content.

    Example:
        >>> git_blob_hash(b"")
        'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
    """
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def majority_moment(times: Sequence[Chunks], *, ties: Ties = "skip") -> Chunks | None:
    """The moment, first and last chunk alike, that was given most often.

    Args:
        times: what each person gave.
        ties: what is done where several were given equally often; so it is for 7.8 % of DiDeMo's sentences.

    Returns:
        None where no moment was given twice, or on a tie that is skipped.

    Raises:
        ValueError: if no times are given, or `ties` is unknown.

    Example:
        >>> majority_moment([(1, 1), (1, 1), (1, 2), (0, 0)])
        (1, 1)
        >>> tied = [(1, 2), (0, 0), (1, 2), (0, 0)]
        >>> majority_moment(tied), majority_moment(tied, ties="first"), majority_moment(tied, ties="shortest")
        (None, (1, 2), (0, 0))
    """
    check_choice("ties", ties, get_args(Ties))
    if not times:
        raise ValueError("times must hold at least one moment, found none")
    counts = Counter(times)  # in the order in which they were given
    most = max(counts.values())
    if most < 2:
        return None
    best = [moment for moment, count in counts.items() if count == most]
    if len(best) > 1 and ties == "skip":
        return None
    return min(best, key=lambda moment: moment[1] - moment[0]) if ties == "shortest" else best[0]


def read_captions(folder: str | Path, split: Split) -> list[Caption]:
    """The sentences of a split.

    Args:
        folder: that `anchordiff data didemo fetch` has filled.
        split: "train", "val" or "test".

    Raises:
        FileNotFoundError: if the file is missing.
        CorruptFileError: if it does not hold such sentences.
    """
    check_choice("split", split, get_args(Split))
    path = Path(folder) / f"{split}_data.json"
    try:
        records = json.loads(path.read_text("utf-8"))
        return [
            Caption(
                annotation_id=int(record["annotation_id"]),
                text=" ".join(str(record["description"]).split()),
                video_id=video_id(record["video"]),
                num_chunks=int(record["num_segments"]),
                times=tuple((int(first), int(last)) for first, last in record["times"]),
            )
            for record in records
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(f"{path} does not hold DiDeMo's sentences: {error}") from error


def video_id(name: str) -> str:
    """The video that a record names as user_id_secret.ending; some have no ending.

    Raises:
        ValueError: if it has another form.

    Example:
        >>> video_id("79785633@N03_7901361222_8bb0dfc88f.")
        '7901361222'
    """
    parts = name.split("_")
    if len(parts) != 3 or not parts[1].isdigit():
        raise ValueError(f"video must be user_id_secret.ending, found {name!r}")
    return parts[1]


def read_hashes(folder: str | Path) -> dict[str, str]:
    """By the id of a video, the hash that its address on AWS is made of; it says nothing of the content.

    Raises:
        FileNotFoundError: if the file is missing.
        CorruptFileError: if a line has another form.
    """
    path = Path(folder) / "yfcc100m_hash.txt"
    return {row[0]: row[1] for row in _rows(path, 2)}


def read_licences(folder: str | Path) -> dict[str, Licence]:
    """By the id of a video, its licence.

    Raises:
        FileNotFoundError: if the file is missing.
        CorruptFileError: if a line has another form.
    """
    path = Path(folder) / "video_licenses.txt"
    found = {}
    for name, source, address in _rows(path, 3, skip=1):
        parts = address.rstrip("/").split("/")
        if "licenses" not in parts[:-1]:
            raise CorruptFileError(f"{path}: {name} must have the address of a licence, found {address}")
        found[name] = Licence(name=parts[parts.index("licenses") + 1], address=address, source=source)
    return found


def aws_address(found: str) -> str:
    """The address of a video on the multimedia-commons bucket.

    Args:
        found: hash of the video; see `read_hashes`.
    """
    return (
        "https://multimedia-commons.s3-us-west-2.amazonaws.com/data/videos/mp4/"
        f"{found[:3]}/{found[3:6]}/{found}.mp4"
    )


def _rows(path: Path, columns: int, *, skip: int = 0) -> list[list[str]]:
    rows = [line.split() for line in path.read_text("utf-8").splitlines()[skip:] if line.strip()]
    for number, row in enumerate(rows):
        if len(row) != columns:
            raise CorruptFileError(
                f"{path}: line {number + skip + 1} must have {columns} columns, found {len(row)}"
            )
    return rows
