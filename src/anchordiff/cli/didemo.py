"""`anchordiff data didemo fetch`, `download` and `precompute`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from anchordiff.checks import check_integer
from anchordiff.cli._output import WorkError, check_out, show_table
from anchordiff.cli.films import CutFlags
from anchordiff.domains.video.didemo.metadata import (
    ADDRESS,
    Split,
    Ties,
    read_captions,
    read_hashes,
    read_licences,
)

if TYPE_CHECKING:
    from anchordiff.domains.video.film_cache import FilmCache

Names = Annotated[tuple[str, ...], tyro.conf.arg(metavar="[STR ...]")]


@dataclass(frozen=True, kw_only=True)
class DidemoFetch:
    """Download DiDeMo's metadata: sentences, times, licences. Each file is checked by its git blob hash.

    Attributes:
        out: folder of the data set.
        address: of the folder that the files are in.
    """

    out: Path
    address: str = ADDRESS

    def execute(self) -> None:
        """Get what is missing."""
        from anchordiff.domains.video.didemo.download import fetch_metadata

        check_out(self.out)
        fetched = fetch_metadata(self.out, address=self.address)
        told = ", ".join(fetched) or "nothing: all files were there"
        sys.stdout.write(f"downloaded to {self.out}: {told}\n")


@dataclass(frozen=True, kw_only=True)
class DidemoDownload:
    """Download DiDeMo's videos. A call that was stopped goes on where it was; manifest.jsonl tells what is missing.

    Ends with 1 where a video could not be had for another reason than that the source does not have it.

    Attributes:
        out: folder of the data set, which `data didemo fetch` has filled.
        source: "aws", the multimedia-commons bucket; "hf", a data set on the Hub; or "folder". In the latter two a
            video is called by its id: 6060447507.mp4.
        place: address of another server that has the bucket's keys; id of the data set on the Hub; or the folder.
        split: whose videos are downloaded.
        limit: at most so many.
        licenses: only videos of these, as "by by-sa"; all if left out.
        threads: videos at a time.
    """

    out: Path
    source: Literal["aws", "hf", "folder"] = "aws"
    place: str | None = None
    split: Split = "train"
    limit: int | None = None
    licenses: Names = ()
    threads: int = 4

    def execute(self) -> None:
        """Get what is missing."""
        from anchordiff.domains.video.didemo import download

        check_integer("--threads", self.threads)
        if self.limit is not None:
            check_integer("--limit", self.limit)
        if self.place is None and self.source != "aws":
            raise ValueError(f"--place must be given with --source {self.source}")
        place = self.place or ""
        licences = read_licences(self.out)
        videos = download.choose_videos(
            read_captions(self.out, self.split), licences, allowed=self.licenses, limit=self.limit
        )
        if self.source == "aws":
            get = download.from_aws(read_hashes(self.out), address=self.place)
        else:
            get = download.from_hub(place) if self.source == "hf" else download.from_folder(place)
        done = download.download_videos(self.out, videos, get, licences=licences, threads=self.threads)
        show_table(
            {
                "videos": f"{done.whole} of {len(videos)} in {self.out / download.VIDEOS}",
                "missing": f"{done.missing}",
                "failed": f"{done.failed}",
                "manifest": str(self.out / download.MANIFEST),
            }
        )
        if done.failed:
            raise WorkError(
                f"{done.failed} videos could not be had; call again: what there is of them is kept"
            )


@dataclass(frozen=True, kw_only=True)
class DidemoPrecompute(CutFlags):
    """Cut a clip out of its video for each sentence, and write latents and text features for training.

    A call that was stopped goes on where it was. Sentences whose video is missing, broken or too short, or whose moment
    people do not agree on, are left out and counted.

    Attributes:
        data: folder of the data set, with metadata and videos.
        split: whose sentences.
        ties: where people gave several moments equally often, skip the sentence, or take the first or the shortest.
    """

    data: Path
    split: Split = "train"
    ties: Ties = "skip"

    def cut(self) -> "FilmCache":
        """Cut and encode the clips."""
        from anchordiff.domains.video.didemo.moments import write_moments

        return write_moments(self.out, self.data, split=self.split, ties=self.ties, **self.options)
